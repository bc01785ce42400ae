"""Faces that nobody is to see: blurred in every picture that leaves the pipeline, or no pictures at all.

The drawer covers a frame before it draws on it, and sinks and window are handed nothing but the covered frame. So no
sink has to know of it, and none can show what is covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smiledet.frame import Box, Face, Image

GRAINS = 6
"""Patches along each side of a covered place; all that is left of a face is a mean colour for each."""

SURROUNDINGS = 1.5
"""Side of a covered place as a multiple of the face's box, which leaves out forehead, chin and ears."""

LINGER = 1.0
"""Seconds for which a place stays covered after its face was last found: detectors miss a face that turns."""

BLANK = 56
"""Grey of the picture that stands for one that is not shown."""


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What leaves the pipeline, `[privacy]`.

    Attributes:
        blur: Whether faces are blurred in everything that is shown and written.
        images: False for no pictures at all: boxes and labels are drawn on plain grey.
    """

    blur: bool = False
    images: bool = True

    @property
    def covers(self) -> bool:
        """Whether anything is hidden."""
        return self.blur or not self.images


class Cover:
    """Hides faces in the frames of one source; one thread's.

    Args:
        settings: What is hidden.
    """

    def __init__(self, settings: PrivacySettings) -> None:
        self._settings = settings
        self._places: dict[int, tuple[Box, float]] = {}

    def covered(
        self, image: Image, faces: Sequence[Face] | None, possible: Iterable[Box], time: float, independent: bool
    ) -> Image:
        """A copy of a frame that may be shown.

        Args:
            image: BGR uint8 (height, width, 3).
            faces: The faces that were found; None where that failed: then the whole frame is covered.
            possible: Places that may be faces.
            time: Seconds on the source's time line.
            independent: Whether the frame has nothing to do with the one before it.
        """
        if faces is None or not self._settings.images:
            return hidden(image, self._settings)
        if independent:
            self._places.clear()
        last = {track: place for track, place in self._places.items() if 0 <= time - place[1] <= LINGER}
        self._places = last | {face.track: (_around((face.box, face.search_box)), time) for face in faces}
        shown: Image = image.copy()
        for place in (*(box for box, _ in self._places.values()), *possible):
            _blur(shown, place.scaled(SURROUNDINGS))
        return shown


def hidden(image: Image, settings: PrivacySettings) -> Image:
    """A picture of which nothing can be recognised: plain grey without images, else blurred throughout."""
    if not settings.images:
        return np.full_like(image, BLANK)
    shown: Image = image.copy()
    _blur(shown, Box(0, 0, image.shape[1], image.shape[0]))
    return shown


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box around others: where a face is drawn, and where the detector saw it."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _blur(image: Image, place: Box) -> None:
    left, top, right, bottom = place.clipped(image.shape[1], image.shape[0])
    if right <= left or bottom <= top:
        return
    part = image[top:bottom, left:right]
    grains = cv2.resize(part, (GRAINS, GRAINS), interpolation=cv2.INTER_AREA)
    image[top:bottom, left:right] = cv2.resize(grains, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
