"""When a photograph was taken, by its EXIF data."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from datetime import datetime

ORIGINAL, DIGITISED, CHANGED = 0x9003, 0x9004, 0x0132
"""DateTimeOriginal, DateTimeDigitized and DateTime (Exif 2.32, sections 4.6.4 D and 4.6.5 F)."""

FRACTION = {ORIGINAL: 0x9291, DIGITISED: 0x9292, CHANGED: 0x9290}
"""The tag that holds each one's fraction of a second."""

EXIF_DIRECTORY = 0x8769

MOST_SEARCHED = 1 << 20
"""Bytes at a file's beginning in which its EXIF data are sought where Pillow cannot open it."""


def taken(data: bytes) -> str | None:
    """When a photograph was taken, by the camera's clock: ISO 8601 without a zone; None where the file does not say.

    Args:
        data: The file. Whatever is wrong with it, there is no more than no answer.

    >>> taken(b"no photograph") is None
    True
    """
    with suppress(Exception):  # of damaged EXIF data Pillow raises whatever there is
        return _time_of(data)
    return None


def iso_time(text: str, fraction: str = "") -> str | None:
    """EXIF's way to write a time as ISO 8601's; None for what is no time, such as 0000:00:00 00:00:00.

    >>> iso_time("2024:05:31 17:04:05"), iso_time("2024:05:31 17:04:05", "25"), iso_time("    :  :     :  :  ")
    ('2024-05-31T17:04:05', '2024-05-31T17:04:05.250', None)
    """
    numbers = re.fullmatch(r"(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)[ T](\d\d):(\d\d):(\d\d).*", text.strip("\0 "))
    if numbers is None:
        return None
    digits = re.match(r"\d*", fraction.strip("\0 "))
    micro = int(f"{digits[0]:0<6}"[:6]) if digits and digits[0] else 0
    try:
        moment = datetime(*map(int, numbers.groups()), micro)  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment.isoformat(timespec="milliseconds" if digits and digits[0] else "seconds")


def _time_of(data: bytes) -> str | None:
    from PIL import Image

    tags = Image.Exif()
    tags.load(_exif_block(data))
    inner = tags.get_ifd(EXIF_DIRECTORY)
    for tag in (ORIGINAL, DIGITISED, CHANGED):
        text = inner.get(tag) or tags.get(tag)
        fraction = inner.get(FRACTION[tag]) or tags.get(FRACTION[tag]) or ""
        if isinstance(text, str) and (found := iso_time(text, str(fraction))):
            return found
    return None


def _exif_block(data: bytes) -> bytes:
    """The EXIF data of a file: a TIFF directory, after `Exif` in a JPEG and in HEIC, alone in a TIFF."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return data
    if data[:2] != b"\xff\xd8" and data[4:8] != b"ftyp":
        from PIL import Image

        with Image.open(io.BytesIO(data)) as opened:
            return bytes(opened.info.get("exif", b""))
    start = data[:MOST_SEARCHED].find(b"Exif\0\0")
    return data[start : start + 65536] if start >= 0 else b""
