"""Text: measured, shortened to fit, and drawn smoothly at any size.

OpenCV's stroke font is drawn several times too large and shrunk by area, which smooths it far better than its own
anti-aliasing does at 8 pixels a letter. The bitmaps are cached, bounded: labels recur, and scores have 101 values. The
caches are `functools.lru_cache`, which is thread-safe; as a rule only the drawer thread uses them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.drawing.sprites import blit, sprite
from smiledet.frame import Image
from smiledet.tasks.base import Colour

FONT = cv2.FONT_HERSHEY_SIMPLEX
UNITS_PER_CAP = 21.0
"""Height of the font's capitals at scale 1, in pixels."""
WEIGHT = 0.125
"""Thickness of a stroke, in heights of a capital."""
NUMBER_SIGN = 0.75
"""The font's # is higher than a capital by a third; this makes it as high as one."""
HANG = 7.0
"""How far the font's # reaches below the line at scale 1, in pixels."""
ELLIPSIS = "..."


@lru_cache(maxsize=512)
def to_ascii(text: str) -> str:
    """The text in the letters that the font has: accents are taken off, all else becomes a question mark.

    >>> to_ascii("café ☺")
    'cafe ?'
    """
    plain = "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))
    return "".join(letter if " " <= letter <= "~" else " " if letter.isspace() else "?" for letter in plain)


@lru_cache(maxsize=512)
def text_width(text: str, cap: int) -> int:
    """Width of a line of text in pixels.

    Args:
        text: Any text; see `to_ascii`.
        cap: Height of a capital in pixels.
    """
    if not text:
        return 0
    oversize = _oversize(cap)
    weight, scale = _pen(cap * oversize)
    return -(-(_advance(to_ascii(text), scale) + weight) // oversize)


@lru_cache(maxsize=512)
def shorten(text: str, cap: int, room: int) -> str:
    """The text, or as much of its beginning as fits with an ellipsis; empty where not even one letter does.

    Args:
        text: Any text.
        cap: Height of a capital in pixels.
        room: Width that there is, in pixels.

    >>> shorten("surprise", 10, 200), shorten("surprise", 10, 50), shorten("surprise", 10, 3)
    ('surprise', 'sur...', '')
    """
    if text_width(text, cap) <= room:
        return text
    for length in range(len(text) - 1, 0, -1):
        shorter = text[:length].rstrip() + ELLIPSIS
        if text_width(shorter, cap) <= room:
            return shorter
    return text[:1] if text_width(text[:1], cap) <= room else ""


def draw_text(image: Image, text: str, x: int, baseline: int, cap: int, colour: Colour) -> None:
    """Write a line of text; what lies outside the picture is cut off.

    Args:
        image: BGR, written to.
        text: Any text; see `to_ascii`.
        x: Left edge, pixels.
        baseline: Where the letters stand, pixels from the top; the row below a capital's last.
        cap: Height of a capital in pixels.
        colour: Of the letters.
    """
    if text:
        ink, keep, ascent = _stamp(text, cap, colour)
        blit(image, ink, keep, x, baseline - ascent)


@lru_cache(maxsize=64)
def _stamp(text: str, cap: int, colour: Colour) -> tuple[Image, Image, int]:
    """A line of text as `blit` takes it, and how many of its rows lie above the baseline."""
    cover, ascent = _cover(text, cap)
    return *sprite(cover, colour), ascent


@lru_cache(maxsize=384)
def _cover(text: str, cap: int) -> tuple[npt.NDArray[np.uint8], int]:
    """How much a line of text covers of each pixel, 255 for all of it, and how many rows lie above the baseline.

    Kept for longer than sprites are, which are six times as large: every score at every size comes up by and by.
    """
    oversize = _oversize(cap)
    rows, ascent = cap * 2, round(cap * 1.3)
    cover = np.zeros((rows * oversize, text_width(text, cap) * oversize), np.uint8)
    weight, scale = _pen(cap * oversize)
    x, baseline = weight // 2, ascent * oversize - weight // 2
    for run, shrink in _runs(to_ascii(text)):
        lift = round(HANG * shrink * scale) if shrink < 1 else 0
        thickness = max(1, round(shrink * weight))
        cv2.putText(cover, run, (x, baseline - lift), FONT, scale * shrink, 255, thickness, cv2.LINE_AA)
        x += _advance(run, scale)
    shrunk = cv2.resize(cover, (cover.shape[1] // oversize, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8), ascent


def _pen(cap: int) -> tuple[int, float]:
    """Thickness of the strokes, and the scale at which capitals with such strokes have a height in pixels."""
    weight = max(1, round(WEIGHT * cap))
    return weight, max(1, cap - weight) / UNITS_PER_CAP


def _advance(text: str, scale: float) -> int:
    """Width of plain text in the font's own terms."""
    return sum(int(cv2.getTextSize(run, FONT, scale * shrink, 1)[0][0]) for run, shrink in _runs(text))


def _runs(text: str) -> list[tuple[str, float]]:
    """The text in pieces, each with the factor by which it is shrunk."""
    return [(run, NUMBER_SIGN if run == "#" else 1.0) for run in re.split("(#)", text) if run]


def _oversize(cap: int) -> int:
    """How many times too large text is drawn before it is shrunk."""
    return 8 if cap < 14 else 4 if cap < 28 else 2
