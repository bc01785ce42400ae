"""Photographs decoded: what they would take is read from their header first, and large ones are decoded smaller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from smiledet.frame import Image
from smiledet.sources.capture import as_bgr
from smiledet.sources.decoding_smaller import decode_small, is_lossless_webp, orientation_of, turned, way_of
from smiledet.sources.picture_header import DAMAGE, Header, open_as, read_header

MOST_PIXELS = 100_000_000
"""Pixels of a decoded photograph at most, 300 MB. What promises more is refused before it is decoded: a PNG of one
megabyte may hold a thousand million."""

MOST_JPEG_PIXELS = 2 * MOST_PIXELS
"""Pixels of a JPEG at most that is decoded at half its size or less; the largest cameras of phones take 200 million."""

MOST_BYTES = 500_000_000
"""Bytes of a photograph's file at most; what is larger is no photograph, and would be read into memory."""

NEEDED = 64
"""Pixels of a face's side that are kept: the chip of the smallest networks, twice a landmark's precision."""

REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""By how many times smaller a JPEG is decoded; libjpeg leaves out the finest parts of its cosine transform."""

REDUCED_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
"""The same in grey."""

OF_JPEG = (7.0, 3.0)
"""Bytes for a pixel of a decoded JPEG, in colour and in grey: the picture, what is turned upright, and a little."""

TAKEN = {
    "WEBP": (6.5, 4.2),
    "VP8L": (7.2, 7.2),
    "GIF": (8.5, 6.5),
    "HEIC": (7.8, 7.8),
    "AVIF": (9.2, 9.2),
}
"""The same for a pixel of other files, which are decoded whole. They were measured at 12 and 48 megapixels."""

USUALLY_TAKEN = (6.5, 2.5)
"""The same of PNG, BMP, TIFF and the rest."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded photograph.

    Attributes:
        image: BGR uint8 (height, width, 3), upright; grey uint8 (height, width) where colour was not asked for.
        scale: Pixels of the file for one pixel of `image`, along each side: 1, 2, 4 or 8.
        full_size: (width, height) of the upright photograph in pixels, where `scale` is above 1.
    """

    image: Image
    scale: int = 1
    full_size: tuple[int, int] | None = None


class Decoder(Protocol):
    """A photograph that can be decoded at several sizes."""

    def __call__(self, side: float, colour: bool = True) -> Decoded:
        """See `decode`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A `Decoder` of a picture that is decoded already: it is handed over whole.

    Attributes:
        image: BGR uint8 (height, width, 3).
    """

    image: Image

    def __call__(self, side: float, colour: bool = True) -> Decoded:
        """See `decode`."""
        del side, colour
        return Decoded(self.image)


def read_image(path: Path) -> Image:
    """Decode a photograph whole, turned upright as its EXIF data ask, as BGR uint8 (height, width, 3).

    Raises:
        ValueError: It cannot be read or decoded, or is too large; the message says why, without the path.
    """
    return decode(read_bytes(path)).image


def read_bytes(path: Path) -> bytes:
    """What stands in a file.

    Raises:
        ValueError: It cannot be read; the message says why, without the path.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")  # a pipe would never end
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(f"it has {size // 1_000_000} MB; at most {MOST_BYTES // 1_000_000} are read")
        return path.read_bytes()
    except OSError as problem:
        raise ValueError(problem.strerror or str(problem)) from problem


def decode(data: bytes, side: float = 0.0, colour: bool = True) -> Decoded:
    """Decode what stands in an image file, turned upright as its EXIF data ask.

    Args:
        data: JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000, PNM, HEIC or AVIF.
        side: Pixels that the longer side keeps at least: what is larger is decoded at a half, a quarter or an eighth. 0
            decodes everything whole.
        colour: False for grey where it is decoded smaller, which takes less time and a third of the memory.

    Raises:
        ValueError: It cannot be decoded, or is too large; the message says why.
    """
    if not data:
        raise ValueError("it is empty")
    header = read_header(data)
    scale = _scale(header.size, side)
    _check_size(header, scale)
    if scale == 1:
        return Decoded(_decode(data, header.form, 1))
    width, height = header.size
    small = decode_small(data, header, scale, colour)
    image = _decode(data, header.form, scale, colour) if small is None else small
    # Turned upright, or not: the two sides of what was decoded say which.
    swapped = (image.shape[1] > image.shape[0]) != (width > height) and width != height
    return Decoded(image, scale, (height, width) if swapped else (width, height))


def bytes_to_decode(data: bytes, side: float = 0.0, colour: bool = True) -> int:
    """Bytes that `decode` takes at most beside the file's own, with the picture that it hands over; measured.

    Args:
        data: See `decode`.
        side: See `decode`.
        colour: See `decode`.

    Raises:
        ValueError: It is no picture, or a damaged one.
    """
    header = read_header(data)
    scale = _scale(header.size, side)
    grey = scale > 1 and not colour
    pixels = header.size[0] * header.size[1]
    if header.form == "JPEG":
        return round(pixels * (header.besides + OF_JPEG[grey] / scale**2))
    if scale > 1 and (way := way_of(data, header, scale)):
        return way.bytes
    form = "VP8L" if is_lossless_webp(data, header) else header.form
    return round(pixels * (header.besides + TAKEN.get(form, USUALLY_TAKEN)[grey]))


def _scale(size: tuple[int, int], side: float) -> int:
    """By how many times smaller a photograph is decoded.

    >>> _scale((8064, 6048), 1280), _scale((4032, 3024), 1280), _scale((4032, 3024), 3413), _scale((8064, 6048), 0)
    (4, 2, 1, 1)
    """
    return max(scale for scale in REDUCED if scale == 1 or (scale * side <= max(size) and side > 0))


def _check_size(header: Header, scale: int) -> None:
    width, height = header.size
    if width <= 0 or height <= 0:
        raise ValueError("it is no image, or a damaged one")
    reduced = header.form == "JPEG" and scale > 1
    most = MOST_JPEG_PIXELS if reduced else MOST_PIXELS
    if width * height > most:
        raise ValueError(f"it has {width}x{height} pixels; at most {most // 1_000_000} million are read")


def _decode(data: bytes, form: str, scale: int, colour: bool = True) -> Image:
    if form in ("HEIC", "AVIF", "GIF"):
        other = _decode_other(data, form, scale)
        return other if colour else np.asarray(cv2.cvtColor(other, cv2.COLOR_BGR2GRAY), np.uint8)
    modes = REDUCED if colour else REDUCED_GREY
    image: Any
    try:
        mode = modes[scale if form == "JPEG" else 1] | (cv2.IMREAD_IGNORE_ORIENTATION if form == "WEBP" else 0)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as problem:
        raise ValueError(f"OpenCV refuses it: {problem.err}") from problem
    if image is None:
        raise ValueError("it is no image, or a damaged one")
    if colour:
        image = as_bgr(image)
    if form == "WEBP":  # OpenCV 4.10 does not turn one
        image = _turned_webp(image, data)
    return image if form == "JPEG" else _shrunk(image, scale)


def _turned_webp(image: Image, data: bytes) -> Image:
    if b"EXIF" not in data:
        return image
    try:
        return turned(image, orientation_of(open_as(data, "WEBP")))
    except DAMAGE:  # of its EXIF data: OpenCV has decoded the picture
        return image


def _decode_other(data: bytes, form: str, scale: int) -> Image:
    """What OpenCV does not decode in every version that is allowed."""
    try:
        opened = open_as(data, form)
        if form == "HEIC":  # libheif has turned it upright
            pixels = np.asarray(opened)
            shrunk = _shrunk(pixels, scale)
            return as_bgr(shrunk.copy() if shrunk is pixels else shrunk)  # its pixels go with it
        from PIL import ImageOps

        if scale > 1:  # before it is turned: turning makes a copy
            opened.thumbnail(tuple(-(-side // scale) for side in opened.size), reducing_gap=1.0)
        upright = ImageOps.exif_transpose(opened).convert("RGB")
        return np.ascontiguousarray(np.asarray(upright)[..., ::-1])
    except DAMAGE as problem:
        raise ValueError(f"it is a damaged {form}") from problem


def _shrunk(image: Image, scale: int) -> Image:
    if scale == 1:
        return image
    size = (-(-image.shape[1] // scale), -(-image.shape[0] // scale))
    shrunk: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return shrunk
