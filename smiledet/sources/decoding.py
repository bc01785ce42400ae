"""Photographs decoded: what they would take is read from their header first, and large ones are decoded smaller."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

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

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""What stands at the beginning of a HEIC and of an AVIF (ISO/IEC 23008-12, annex B; AVIF 1.1, section 6)."""

ORIENTATION = 0x0112
"""EXIF's number of the tag that says how a picture is turned."""

SIGNATURES = (
    *((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"BM", "BMP"), (b"GIF8", "GIF")),
    *((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF")),
    *((b"\xff\x4f\xff\x51", "JPEG2000"), (b"\0\0\0\x0cjP  ", "JPEG2000")),
    *((b"P%d" % kind, "PPM") for kind in range(1, 7)),
)
"""What other files begin with, and the format by Pillow's name."""

OF_JPEG = (7.0, 3.0)
"""Bytes for a pixel of a decoded JPEG, in colour and in grey: the picture, what is turned upright, and a little."""

TAKEN = {
    "WEBP": (6.5, 4.2),
    "VP8L": (7.2, 7.2),
    "GIF": (8.5, 6.5),
    "HEIC": (7.8, 7.8),
    "AVIF": (9.2, 9.2),
    "TIFF": (11.0, 11.0),
}
"""The same for a pixel of other files, which are decoded whole. They were measured at 12 and 48 megapixels."""

LOSSLESS = 1 << 16
"""Bytes of a WebP in which it is said that it is lossless (`VP8L`)."""

BY_FFMPEG = {"GIF": 5.2, "HEIC": 4.3, "AVIF": 4.3}
"""What FFmpeg decodes where the picture is wanted smaller, and bytes for a pixel of it: it hands out the planes as they
are coded, which are then shrunk and converted at once."""

TURNING = {"HEIC": (b"irot", b"imir", b"clap"), "AVIF": (b"clap",)}
"""Properties that turn, mirror or cut a picture (ISO/IEC 23008-12, section 6.5). Pillow says how an AVIF is turned."""

USUALLY_TAKEN = (6.5, 2.5)
"""The same of PNG, BMP and the rest."""

DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, struct.error, RuntimeError)
"""What Pillow and libheif raise at damaged files."""


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


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture.

    Attributes:
        form: `JPEG`, `PNG`, `HEIC` …
        size: (width, height) in pixels, before it is turned upright.
        coefficients: Bytes a pixel that a JPEG's decoder holds besides: a progressive one's cosine transform, whole.
    """

    form: str
    size: tuple[int, int]
    coefficients: float = 0.0


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
    plain = _decode_plain(data, header, scale, colour) if _is_plain(data, header) else None
    image = _decode(data, header.form, scale, colour) if plain is None else plain
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
        return round(pixels * (header.coefficients + OF_JPEG[grey] / scale**2))
    if scale > 1 and _is_plain(data, header):
        return round(pixels * BY_FFMPEG[header.form])
    form = "VP8L" if header.form == "WEBP" and b"VP8L" in data[:LOSSLESS] else header.form
    return round(pixels * TAKEN.get(form, USUALLY_TAKEN)[grey])


def read_header(data: bytes) -> Header:
    """The format and size of a picture, without decoding it.

    Raises:
        ValueError: It is no picture, or a damaged one.

    >>> read_header(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
    Header(form='PNG', size=(6, 4), coefficients=0.0)
    """
    form = _form(data)
    try:
        if form in OWN:
            return Header(form, OWN[form](data))
        form, opened = open_undecoded(data)
        return Header(form, opened.size, _coefficients(opened) if form == "JPEG" else 0.0)
    except DAMAGE as problem:
        raise ValueError("it is no image, or a damaged one") from problem


def open_undecoded(data: bytes) -> tuple[str, Any]:
    """A picture's format, and what Pillow or libheif has opened of it, undecoded.

    Raises:
        ValueError: It is no picture; of a damaged one whatever there is, see `DAMAGE`.
    """
    form = _form(data)
    if not form:
        raise ValueError("it is no image, or a damaged one")
    return form, _opened(data, form)


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


def _coefficients(opened: Any) -> float:
    """Bytes a pixel of a progressive JPEG's coefficients, 16 bits each; 0 for another JPEG."""
    if not opened.info.get("progressive"):
        return 0.0
    samples = [across * down for _, across, down, _ in opened.layer]
    ratio: float = 2.0 * sum(samples) / max(samples)
    return ratio


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
        image = cv2.imdecode(np.frombuffer(data, np.uint8), modes[scale if form == "JPEG" else 1])
    except cv2.error as problem:
        raise ValueError(f"OpenCV refuses it: {problem.err}") from problem
    if image is None:
        raise ValueError("it is no image, or a damaged one")
    if colour:
        image = as_bgr(image)
    return image if form == "JPEG" else _shrunk(image, scale)


def _is_plain(data: bytes, header: Header) -> bool:
    """Whether FFmpeg finds the picture in one piece, and what it finds is meant to be seen whole.

    A phone's HEIC is of many pieces: their size (`ispe`) is another than the picture's.
    """
    if header.form not in BY_FFMPEG:
        return False
    start = data[: data.find(b"mdat")]
    sizes = {start[found.end() + 4 : found.end() + 12] for found in re.finditer(b"ispe", start)}
    whole = header.form == "GIF" or sizes == {struct.pack(">II", *header.size)}
    return whole and not any(name in start for name in TURNING.get(header.form, ()))


def _decode_plain(data: bytes, header: Header, scale: int, colour: bool) -> Image | None:
    """A picture at a fraction of its size by FFmpeg; None where it cannot."""
    import av

    try:
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            packet = next(container.demux(stream))
            frame = next(iter([*packet.decode(), *stream.codec_context.decode(None)]))
            if packet.is_corrupt or frame.is_corrupt or (frame.width, frame.height) != header.size:
                return None
            size = (-(-side // scale) for side in header.size)
            # PyAV 14 takes pixels of full range for those of a video unless it is told, and grey ones in any case.
            small = frame.reformat(*size, "bgr24", interpolation="AREA", src_color_range=frame.color_range).to_ndarray()
        if header.form == "AVIF":
            small = _turned(small, _opened(data, "AVIF").getexif().get(ORIENTATION, 1))
    except (*DAMAGE, av.FFmpegError, StopIteration):
        return None
    return np.ascontiguousarray(small if colour else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def _turned(image: Image, orientation: int) -> Image:
    """A picture turned upright as EXIF's number says."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    picture = Pillow.fromarray(image)
    picture.getexif()[ORIENTATION] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


def _decode_other(data: bytes, form: str, scale: int) -> Image:
    """What OpenCV does not decode in every version that is allowed."""
    try:
        opened = _opened(data, form)
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
