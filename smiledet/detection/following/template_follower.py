"""Keeping hold of a face that the detector misses, by its look.

A head that turns to the side or nods is out of a frontal detector's sight for a moment. What the face looked like when
it was last seen is sought nearby by normalised cross-correlation of small pictures (J. Lewis: Fast normalized
cross-correlation, 1995), which costs less than a tenth of a search with the cascade.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, overload

import cv2
import numpy.typing as npt

from smiledet.detection.search import Corners, evened, shrunk
from smiledet.frame import Box, GreyImage

SIDE = 32
"""Side in pixels to which the face is brought."""

CORE = 0.8
"""Side of the part that is compared, in the face's own: hardly any background."""

REACH = 0.25
"""How far from where it is expected the face is sought, in its own sides."""

ALIKE = 0.7
"""Correlation below which it is another thing."""

CONTRAST = 0.5
"""Share of the look's contrast that the face must have: a smooth wall correlates with a face lit from one side."""

CALM = 0.9
"""Correlation from which the face has hardly turned, grown or shrunk since the detector saw it."""

CHANGED = 0.85
"""Correlation below which the look is taken anew, as the head goes on turning; else it is kept: nothing drifts."""


@dataclass(slots=True)
class _Look:
    """What a face looked like.

    Attributes:
        core: Its middle, uint8 (n, n).
        contrast: Of the core.
        side: The whole face's, in the picture that it is from.
        likeness: The correlation with it of what was found last.
    """

    core: GreyImage
    contrast: float
    side: float
    likeness: float = 1.0


class TemplateFollower:
    """Follows faces that the detector misses. It belongs to one thread.

    What a face looked like is cut from the picture before, so that it costs nothing while the detector sees the face.
    """

    def __init__(self) -> None:
        self._looks: dict[int, _Look] = {}

    def keep_only(self, numbers: Collection[int]) -> None:
        """Forget every other face."""
        for number in [known for known in self._looks if known not in numbers]:
            del self._looks[number]

    def is_calm(self, number: int) -> bool:
        """Whether a face that is being followed still looked the same on the picture before, or nearly so."""
        look = self._looks.get(number)
        return look is not None and look.likeness >= CALM

    def follow(
        self, number: int, before: GreyImage, was: Box, grey: GreyImage, expected: Box, alike: float = ALIKE
    ) -> Box | None:
        """Where the face is now.

        Args:
            number: Its track.
            before: The picture before, grey uint8 (height, width).
            was: Where it was then.
            grey: This picture, of the same shape.
            expected: Where it should be now.
            alike: Correlation below which what is there is another thing.

        Returns:
            Its box, of the size it had; None where nothing there looks like it.
        """
        look = self._looks.get(number) or self._learn(number, before, was)
        window = expected.scaled(CORE + 2 * REACH).clipped(grey.shape[1], grey.shape[0])
        if look is None or window[2] <= window[0] or window[3] <= window[1]:
            return None
        scale = SIDE / look.side
        window = evened(window, scale)
        view = _shrunk(grey, window, scale)
        if view.shape[0] < look.core.shape[0] or view.shape[1] < look.core.shape[1]:
            return None
        match = cv2.matchTemplate(view, look.core, cv2.TM_CCOEFF_NORMED)
        _, likeness, _, (right, down) = cv2.minMaxLoc(match)
        look.likeness = likeness
        rows, columns = look.core.shape
        there = view[down : down + rows, right : right + columns]
        if not likeness >= alike or _contrast(there) < CONTRAST * look.contrast:
            return None
        x = window[0] + (right + _beside(match[down, :], right) + columns / 2) / scale
        y = window[1] + (down + _beside(match[:, right], down) + rows / 2) / scale
        found = Box(x - look.side / 2, y - look.side / 2, look.side, look.side)
        if likeness < CHANGED:
            look.core = _core(grey, found, scale, look.core)
            look.contrast = _contrast(look.core)
        return found

    def _learn(self, number: int, before: GreyImage, was: Box) -> _Look | None:
        core = _core(before, was, SIDE / was.width, None)
        if core is None:
            return None
        look = self._looks[number] = _Look(core, _contrast(core), was.width)
        return look


@overload
def _core(grey: GreyImage, box: Box, scale: float, otherwise: GreyImage) -> GreyImage: ...
@overload
def _core(grey: GreyImage, box: Box, scale: float, otherwise: None) -> GreyImage | None: ...
def _core(grey: GreyImage, box: Box, scale: float, otherwise: GreyImage | None) -> GreyImage | None:
    """The middle of the face; something else where the picture does not show all of it."""
    whole = box.scaled(CORE)
    left, top, right, bottom = corners = whole.clipped(grey.shape[1], grey.shape[0])
    if right - left < 0.95 * whole.width or bottom - top < 0.95 * whole.height:
        return otherwise
    return _shrunk(grey, evened(corners, scale), scale)


def _shrunk(grey: GreyImage, corners: Corners, scale: float) -> GreyImage:
    left, top, right, bottom = corners
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    return shrunk(grey[top:bottom, left:right], size, scale)


def _contrast(view: GreyImage) -> float:
    """Standard deviation of the pixels. OpenCV's takes a tenth of NumPy's time on so few."""
    return float(cv2.meanStdDev(view)[1][0, 0])


def _beside(values: npt.NDArray[Any], peak: int) -> float:
    """How far the peak of a parabola through three values lies from the middle one, in steps, -0.5 to 0.5."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, middle, after = (float(value) for value in values[peak - 1 : peak + 2])
    bend = before - 2 * middle + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
