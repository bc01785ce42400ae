"""Whole-pixel rectangles: everything that is drawn is laid out with them first."""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]
"""(width, height) of a picture in pixels."""


class Rect(NamedTuple):
    """An upright rectangle of whole pixels; right and bottom are exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Its pixels."""
        return self.width * self.height

    def overlap(self, other: Rect) -> int:
        """Pixels that the two share.

        >>> Rect(0, 0, 4, 4).overlap(Rect(2, 3, 9, 9))
        2
        """
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return across * down if across > 0 and down > 0 else 0

    def kept_in(self, size: Size, margin: int = 0) -> Rect:
        """The rectangle moved, and shrunk where that is not enough, so that it lies in a picture.

        Args:
            size: The picture's.
            margin: Pixels left free along the picture's edge, if the picture is large enough for that.

        >>> Rect(-5, 90, 20, 20).kept_in((100, 100), margin=2)
        Rect(x=2, y=78, width=20, height=20)
        """
        x, width = _fit(self.x, self.width, size[0], margin)
        y, height = _fit(self.y, self.height, size[1], margin)
        return Rect(x, y, width, height)


def _fit(start: int, length: int, available: int, margin: int) -> tuple[int, int]:
    """One dimension of `Rect.kept_in`."""
    margin = max(0, min(margin, (available - length) // 2))
    length = min(length, available)
    return max(margin, min(start, available - margin - length)), length
