"""What a photograph's file says of its picture, before it is decoded."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

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

DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, struct.error, RuntimeError)
"""What Pillow and libheif raise at damaged files."""


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


def read_header(data: bytes) -> Header:
    """The format and size of a picture, without decoding it.

    Raises:
        ValueError: It is no picture, or a damaged one.

    >>> import cv2, numpy as np
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
