"""Photographs decoded: what they would take is read from their header first, and large ones are decoded smaller."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smiledet.frame import Image
from smiledet.sources.capture import as_bgr

MOST_PIXELS = 100_000_000
"""Pixels of a decoded photograph at most, 300 MB. What promises more is refused before it is decoded: a PNG of one
megabyte may hold a thousand million."""

MOST_JPEG_PIXELS = 2 * MOST_PIXELS
"""Pixels of a JPEG at most that is decoded at half its size or less; the largest cameras of phones take 200 million."""

MOST_BYTES = 500_000_000
"""Bytes of a photograph's file at most; what is larger is no photograph, and would be read into memory."""

NEEDED = 64
"""Pixels of the smallest wanted face that are kept: the chip of the smallest networks, twice a landmark's precision."""

REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""By how many times smaller a JPEG is decoded; libjpeg leaves out the finest parts of its cosine transform."""

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""What stands at the beginning of a HEIC and of an AVIF (ISO/IEC 23008-12, annex B; AVIF 1.1, section 6)."""

SIGNATURES = (
    *((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"BM", "BMP"), (b"GIF8", "GIF")),
    *((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF")),
    *((b"\xff\x4f\xff\x51", "JPEG2000"), (b"\0\0\0\x0cjP  ", "JPEG2000")),
    *((b"P%d" % kind, "PPM") for kind in range(1, 7)),
)
"""What other files begin with, and the format by Pillow's name."""

DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, struct.error, RuntimeError)
"""What Pillow and libheif raise at damaged files."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded photograph.

    Attributes:
        image: BGR uint8 (height, width, 3), upright.
        scale: Pixels of the file for one pixel of `image`, along each side: 1, 2, 4 or 8.
        full_size: (width, height) of the upright photograph in pixels, where `scale` is above 1.
    """

    image: Image
    scale: int = 1
    full_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture.

    Attributes:
        form: `JPEG`, `PNG`, `HEIC` …
        size: (width, height) in pixels, before it is turned upright.
    """

    form: str
    size: tuple[int, int]


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
        raise ValueError(problem.strerror) from problem


def decode(data: bytes, smallest_face: float = 0.0) -> Decoded:
    """Decode what stands in an image file, turned upright as its EXIF data ask.

    Args:
        data: JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000, PNM, HEIC or AVIF.
        smallest_face: Side of the smallest wanted face as a share of the photograph's longer side. Such a face keeps
            `NEEDED` pixels: what is larger is decoded at a half, a quarter or an eighth. 0 decodes everything whole.

    Raises:
        ValueError: It cannot be decoded, or is too large; the message says why.
    """
    if not data:
        raise ValueError("it is empty")
    header = read_header(data)
    scale = _scale(header.size, smallest_face)
    _check_size(header, scale)
    image = _decode(data, header.form, scale)
    if scale == 1:
        return Decoded(image)
    width, height = header.size
    # Turned upright, or not: the two sides of what was decoded say which.
    swapped = (image.shape[1] > image.shape[0]) != (width > height) and width != height
    return Decoded(image, scale, (height, width) if swapped else (width, height))


def read_header(data: bytes) -> Header:
    """The format and size of a picture, without decoding it.

    Raises:
        ValueError: It is no picture, or a damaged one.

    >>> read_header(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
    Header(form='PNG', size=(6, 4))
    """
    form = _form(data)
    if not form:
        raise ValueError("it is no image, or a damaged one")
    try:
        return Header(form, OWN[form](data) if form in OWN else _opened(data, form).size)
    except DAMAGE as problem:
        raise ValueError("it is no image, or a damaged one") from problem


def _brands(data: bytes) -> frozenset[bytes]:
    """What kinds of ISO media file it says it is; none for other files (ISO/IEC 14496-12, section 4.3)."""
    if data[4:8] != b"ftyp":
        return frozenset()
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return frozenset(box[place : place + 4] for place in range(0, len(box), 4))


def _form(data: bytes) -> str:
    """A picture's format, by Pillow's name; empty where it is none that is read."""
    brands = _brands(data)
    if brands & AVIF_BRANDS:
        return "AVIF"
    if brands & HEIC_BRANDS:
        return "HEIC"
    if data[:4] == b"RIFF":
        return "WEBP" if data[8:12] == b"WEBP" else ""
    return next((form for start, form in SIGNATURES if data.startswith(start)), "")


def _opened(data: bytes, form: str) -> Any:
    """A picture that Pillow or libheif has opened, undecoded.

    Not by Pillow's `open`: the limit on pixels there is another, and holds for the whole process.
    """
    from PIL import Image as Pillow

    if form == "HEIC":
        from pi_heif import open_heif

        return open_heif(data, bgr_mode=True)
    Pillow.init()
    if form not in Pillow.OPEN:
        raise ValueError(f"this Pillow was built without {form}: pip install --upgrade pillow")
    return Pillow.OPEN[form][0](io.BytesIO(data), "")


def _tiff_size(data: bytes) -> tuple[int, int]:
    """The size that a TIFF gives itself (TIFF 6.0, section 2: tags 256 and 257, of 16 or 32 bits)."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]  # BigTIFF
    (place,) = struct.unpack_from(order + "Q", data, 8) if big else struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
    length, value = (20, 12) if big else (12, 8)
    found = {}
    for entry in range(place + (8 if big else 2), place + length * min(count, 4096), length):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257):
            (found[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + value)
    return found[256], found[257]


def _webp_size(data: bytes) -> tuple[int, int]:
    """The size in the header of a WebP's first chunk (WebP Container Specification)."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


OWN = {"TIFF": _tiff_size, "WEBP": _webp_size}
"""Formats whose size is not asked of Pillow: it warns of TIFFs that OpenCV reads, and applies its own limit to WebP."""


def _scale(size: tuple[int, int], smallest_face: float) -> int:
    """By how many times smaller a photograph is decoded.

    >>> _scale((8064, 6048), 24 / 1280), _scale((4032, 3024), 24 / 1280), _scale((8064, 6048), 0)
    (2, 1, 1)
    """
    wanted = smallest_face * max(size) / NEEDED
    return max(scale for scale in REDUCED if scale <= max(1.0, wanted))


def _check_size(header: Header, scale: int) -> None:
    width, height = header.size
    if width <= 0 or height <= 0:
        raise ValueError("it is no image, or a damaged one")
    reduced = header.form == "JPEG" and scale > 1
    most = MOST_JPEG_PIXELS if reduced else MOST_PIXELS
    if width * height > most:
        raise ValueError(f"it has {width}x{height} pixels; at most {most // 1_000_000} million are read")


def _decode(data: bytes, form: str, scale: int) -> Image:
    if form in ("HEIC", "AVIF"):
        return _shrunk(_decode_other(data, form), scale)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[scale if form == "JPEG" else 1])
    except cv2.error as problem:
        raise ValueError(f"OpenCV refuses it: {problem.err}") from problem
    if image is None:
        raise ValueError("it is no image, or a damaged one")
    return as_bgr(image) if form == "JPEG" else _shrunk(as_bgr(image), scale)


def _decode_other(data: bytes, form: str) -> Image:
    """What OpenCV does not decode in every version that is allowed."""
    try:
        opened = _opened(data, form)
        if form == "HEIC":  # libheif has turned it upright
            return as_bgr(np.array(opened))  # a copy: its pixels go with it
        from PIL import ImageOps

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
