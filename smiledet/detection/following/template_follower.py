"""Following a face that the detector misses, by template matching.

A head that turns to the side or nods is not seen by a frontal detector for a moment. The middle of the face, as it was
in the last picture in which its place was known, is the template; it is matched nearby by normalised cross-correlation
of small pictures (J. Lewis: Fast normalized cross-correlation, 1995), which costs less than a tenth of a search with
the cascade.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, overload

import cv2
import numpy.typing as npt

from smiledet.detection.search import Corners, halvable, resized
from smiledet.frame import Box, GreyImage

SIDE = 32
"""Side in pixels to which the face is brought."""

CORE = 0.8
"""Side of the part that is compared, in the face's own: hardly any background."""

REACH = 0.25
"""How far from where it is expected the face is sought, in its own sides."""

MIN_CORRELATION = 0.7
"""Correlation with the template below which something else is there."""

MIN_CONTRAST = 0.5
"""Share of the template's contrast that the face must have: a smooth wall correlates with a face lit from one side."""

STEADY = 0.9
"""Correlation from which the face has hardly turned, grown or shrunk since the detector saw it."""

RENEW_BELOW = 0.85
"""Correlation below which the template is cut anew, as the head goes on turning. Above it is kept, so that its place in
the face does not drift."""


@dataclass(slots=True)
class _Template:
    """The middle of a face.

    Attributes:
        pixels: uint8 (n, n).
        contrast: Their standard deviation.
        side: The whole face's, in the picture that it is from.
        correlation: With the template, of what was found last.
    """

    pixels: GreyImage
    contrast: float
    side: float
    correlation: float = 1.0


class TemplateFollower:
    """Follows faces that the detector misses. It belongs to one thread.

    A template is cut from the last picture only when the face has to be followed, so that it costs nothing while the
    detector sees the face.
    """

    def __init__(self) -> None:
        self._templates: dict[int, _Template] = {}

    def keep_only(self, numbers: Collection[int]) -> None:
        """Forget every other face."""
        for number in [known for known in self._templates if known not in numbers]:
            del self._templates[number]

    def is_steady(self, number: int) -> bool:
        """Whether a face that is being followed still matched its template on the last picture, or nearly so."""
        template = self._templates.get(number)
        return template is not None and template.correlation >= STEADY

    def follow(
        self,
        number: int,
        last: GreyImage,
        was: Box,
        grey: GreyImage,
        expected: Box,
        min_correlation: float = MIN_CORRELATION,
    ) -> Box | None:
        """Where the face is now.

        Args:
            number: Its track.
            last: The last picture, grey uint8 (height, width).
            was: Where it was then.
            grey: This picture, of the same shape.
            expected: Where it should be now.
            min_correlation: Correlation below which something else is there.

        Returns:
            Its box, of the size it had; None where nothing there matches it.
        """
        template = self._templates.get(number) or self._add(number, last, was)
        window = expected.scaled(CORE + 2 * REACH).clipped(grey.shape[1], grey.shape[0])
        if template is None or window[2] <= window[0] or window[3] <= window[1]:
            return None
        scale = SIDE / template.side
        window = halvable(window, scale)
        view = _shrunk(grey, window, scale)
        rows, columns = template.pixels.shape
        if view.shape[0] < rows or view.shape[1] < columns:
            return None
        match = cv2.matchTemplate(view, template.pixels, cv2.TM_CCOEFF_NORMED)
        _, template.correlation, _, (right, down) = cv2.minMaxLoc(match)
        there = view[down : down + rows, right : right + columns]
        # Written so that a correlation that is not a number is too low.
        if not template.correlation >= min_correlation or _contrast(there) < MIN_CONTRAST * template.contrast:
            return None
        x = window[0] + (right + _peak_offset(match[down, :], right) + columns / 2) / scale
        y = window[1] + (down + _peak_offset(match[:, right], down) + rows / 2) / scale
        found = Box(x - template.side / 2, y - template.side / 2, template.side, template.side)
        if template.correlation < RENEW_BELOW:
            template.pixels = _core(grey, found, scale, template.pixels)
            template.contrast = _contrast(template.pixels)
        return found

    def _add(self, number: int, last: GreyImage, was: Box) -> _Template | None:
        pixels = _core(last, was, SIDE / was.width, None)
        if pixels is None:
            return None
        template = self._templates[number] = _Template(pixels, _contrast(pixels), was.width)
        return template


@overload
def _core(grey: GreyImage, box: Box, scale: float, otherwise: GreyImage) -> GreyImage: ...
@overload
def _core(grey: GreyImage, box: Box, scale: float, otherwise: None) -> GreyImage | None: ...
def _core(grey: GreyImage, box: Box, scale: float, otherwise: GreyImage | None) -> GreyImage | None:
    """The middle of the face; `otherwise` where the picture does not show all of it."""
    whole = box.scaled(CORE)
    left, top, right, bottom = corners = whole.clipped(grey.shape[1], grey.shape[0])
    if right - left < 0.95 * whole.width or bottom - top < 0.95 * whole.height:
        return otherwise
    return _shrunk(grey, halvable(corners, scale), scale)


def _shrunk(grey: GreyImage, corners: Corners, scale: float) -> GreyImage:
    left, top, right, bottom = corners
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    return resized(grey[top:bottom, left:right], size, scale)


def _contrast(view: GreyImage) -> float:
    """Standard deviation of the pixels. OpenCV's takes a tenth of NumPy's time on so few."""
    return float(cv2.meanStdDev(view)[1][0, 0])


def _peak_offset(values: npt.NDArray[Any], peak: int) -> float:
    """How far the peak of a parabola through three values lies from the middle one, in steps, -0.5 to 0.5."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, middle, after = (float(value) for value in values[peak - 1 : peak + 2])
    bend = before - 2 * middle + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
