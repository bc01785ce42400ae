"""Sizes and colours: one place, so that everything drawn looks of a piece."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from smiledet.tasks.base import UNSURE, Colour, Task

INK: Colour = (244, 244, 244)
"""Text on a plate."""
FAINT_INK: Colour = (186, 184, 182)
"""Text of less weight: units, names of the classes that were not chosen."""
DARK_INK: Colour = (24, 22, 20)
"""Text on a light colour."""
PLATE: Colour = (23, 23, 23)
"""What lies under text; neutral, so that OpenCV can lay it over all three channels in one pass."""
TRACK: Colour = (84, 80, 76)
"""The empty part of a bar."""
SLOT: Colour = (58, 54, 51)
"""The same, of the upright bars: there are many, so it is fainter."""
UNKNOWN: Colour = (214, 212, 208)
"""A face of which nothing is known yet, and labels without a colour of their own."""
DOUBT: Colour = (136, 132, 128)
"""A face whose first task is unsure: less than any answer."""
ALERT: Colour = (80, 180, 255)
"""A count that ought to be zero."""

PLATE_OPACITY = 0.74
"""White text on this plate keeps a contrast of 5:1 even over a white picture."""


@dataclass(frozen=True, slots=True)
class Style:
    """Sizes in pixels, all from one: the height of a capital letter.

    Attributes:
        cap: Height of a capital letter.
        small_cap: The same, of names under small bars.
        descent: How far letters such as g reach below the line, with a little air.
        pad: Between a plate's edge and what is on it.
        gap: Between a face's box and its plates, and between plates.
        row_gap: Between the rows of a card.
        bar: Thickness of a confidence bar.
        radius: Of a plate's corners.
        line: Thickness of a face's box.
        margin: Kept free along the picture's edge.
        widest: Plates grow with the face's box up to this width.
    """

    cap: int
    small_cap: int
    descent: int
    pad: int
    gap: int
    row_gap: int
    bar: int
    radius: int
    line: int
    margin: int
    widest: int

    @classmethod
    def of(cls, width: int, height: int) -> Style:
        """The style for pictures of a size: 8 pixels a capital at 320x240, 14 at 1280x720, 31 at 3840x2160.

        A straight line with an offset: letters shrink less than the picture does, so that small pictures stay readable
        and large ones are not filled with text. Upright pictures go by their width.
        """
        return _style(round(5 + 0.0121 * min(height, 0.75 * width)))

    def beside(self, face_width: float) -> Style:
        """The style for a face: beside a small one, letters shrink to three quarters, but not below 8 pixels.

        Args:
            face_width: Width of the face's box in pixels.
        """
        cap = round(min(self.cap, max(0.75 * self.cap, face_width / 8)))
        return _style(max(cap, min(self.cap, 8)))


@lru_cache(maxsize=64)
def _style(cap: int) -> Style:
    """The style whose capitals have that height."""
    return Style(
        cap=cap,
        small_cap=max(7, round(0.78 * cap)),
        descent=round(0.42 * cap),
        pad=max(3, round(0.6 * cap)),
        gap=max(2, round(0.38 * cap)),
        row_gap=round(0.7 * cap),
        bar=max(2, round(0.26 * cap)),
        radius=max(2, round(0.42 * cap)),
        line=max(2, round(0.21 * cap)),
        margin=max(2, round(0.3 * cap)),
        widest=24 * cap,
    )


@lru_cache(maxsize=256)
def ink_on(colour: Colour) -> Colour:
    """Dark or light text, whichever reads better on a colour.

    >>> ink_on((255, 255, 255)) == DARK_INK, ink_on((90, 0, 0)) == INK
    (True, True)
    """
    blue, green, red = colour
    return DARK_INK if 0.114 * blue + 0.587 * green + 0.299 * red > 105 else INK


@lru_cache(maxsize=256)
def muted(colour: Colour) -> Colour:
    """A colour drawn back towards the plate, for classes that were not chosen."""
    blue, green, red = (round(0.55 * part + 0.45 * ground) for part, ground in zip(colour, PLATE, strict=True))
    return blue, green, red


def colour_of(task: Task, label: str) -> Colour:
    """How a task's answer is drawn."""
    return DOUBT if label == UNSURE else task.colours.get(label, UNKNOWN)
