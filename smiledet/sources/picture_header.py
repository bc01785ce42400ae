"""What a photograph's file says of its picture, before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from smiledet.sources.tiff_rows import HEIGHT, WIDTH, bytes_of_piece, tiff_tags

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

PIECES = 2.4
"""How often OpenCV holds a TIFF's largest strip or tile, decompressed: of one in one strip 2.3 times."""

DAMAGE = (
    zlib.error,
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    struct.error,
    RuntimeError,
)
"""What Pillow and libheif raise at damaged files."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture.

    Attributes:
        form: `JPEG`, `PNG`, `HEIC` …
        size: (width, height) in pixels, before it is turned upright.
        besides: Bytes a pixel that its decoder holds beside the picture: the cosine transform of a progressive JPEG,
            the largest strip or tile of a TIFF.
    """

    form: str
    size: tuple[int, int]
    besides: float = 0.0


def read_header(data: bytes) -> Header:
    """The format and size of a picture, without decoding it.

    Raises:
        ValueError: It is no picture, or a damaged one.

    >>> import cv2, numpy as np
    >>> read_header(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
    Header(form='PNG', size=(6, 4), besides=0.0)
    """
    form = _form(data)
    try:
        if form in OWN:
            return OWN[form](data)
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
    return form, open_as(data, form)


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


def open_as(data: bytes, form: str) -> Any:
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


def _tiff_header(data: bytes) -> Header:
    """What a TIFF says of itself; its largest strip or tile is held twice."""
    tags = tiff_tags(data)
    size = (tags[WIDTH][0], tags[HEIGHT][0])
    return Header("TIFF", size, PIECES * bytes_of_piece(tags) / max(1, size[0] * size[1]))


def _webp_header(data: bytes) -> Header:
    return Header("WEBP", _webp_size(data))


def _webp_size(data: bytes) -> tuple[int, int]:
    """The size in the header of a WebP's first chunk (WebP Container Specification)."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


OWN = {"TIFF": _tiff_header, "WEBP": _webp_header}
"""Formats whose header Pillow does not read: it warns of TIFFs that OpenCV reads, and applies its own limit to WebP."""
