"""When a photograph was taken and how it is turned, by its EXIF data."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from smiledet.sources.picture_header import ORIENTATION, open_undecoded

ORIGINAL, DIGITISED, CHANGED = 0x9003, 0x9004, 0x0132
"""DateTimeOriginal, DateTimeDigitized and DateTime (Exif 2.32, sections 4.6.4 D and 4.6.5 F)."""

FRACTION = {ORIGINAL: 0x9291, DIGITISED: 0x9292, CHANGED: 0x9290}
"""The tag that holds each one's fraction of a second."""

EXIF_DIRECTORY = 0x8769

IN_PNG = (b"eXIf", b"Raw profile type exif")
"""What a PNG's EXIF data stand after. Where neither is there, Pillow would decode the picture to look behind it."""


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


def orientation(path: Path) -> int:
    """How a file's picture is turned, 1 to 8 as EXIF counts; 1, upright, where it does not say.

    Args:
        path: The file. A HEIC says it otherwise, and whoever reads it turns it.
    """
    with suppress(Exception):
        data = path.read_bytes()
        found = 1 if _is_heic(data) else tags_of(data).get(ORIENTATION, 1)
        return found if found in range(1, 9) else 1
    return 1


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
        moment = datetime.strptime(" ".join(numbers.groups()), "%Y %m %d %H %M %S").replace(microsecond=micro)
    except ValueError:
        return None
    return moment.isoformat(timespec="milliseconds" if digits and digits[0] else "seconds")


def _time_of(data: bytes) -> str | None:
    tags = tags_of(data)
    inner = tags.get_ifd(EXIF_DIRECTORY)
    for tag in (ORIGINAL, DIGITISED, CHANGED):
        text = inner.get(tag) or tags.get(tag)
        fraction = inner.get(FRACTION[tag]) or tags.get(FRACTION[tag]) or ""
        if isinstance(text, str) and (found := iso_time(text, str(fraction))):
            return found
    return None


def tags_of(data: bytes) -> Any:
    """The EXIF data of a file."""
    from PIL import Image

    form, opened = open_undecoded(data)
    tags = Image.Exif()
    if form == "HEIC":
        tags.load(opened.info["exif"] or b"")
    elif form != "PNG" or any(name in data for name in IN_PNG):
        tags = opened.getexif()
    tags.get_ifd(EXIF_DIRECTORY)  # read while the file is open
    return tags


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and not data[8:12].startswith(b"avi")
