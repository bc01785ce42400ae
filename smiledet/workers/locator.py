"""The thread that finds faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2

from smiledet.detection.locator import FaceLocator
from smiledet.frame import Face, Frame, GreyImage
from smiledet.workers.base import Worker

STAGE = "locate"


@dataclass(frozen=True, slots=True)
class Located:
    """What the locator attaches to a frame.

    Attributes:
        faces: The confirmed faces, ordered by track.
        grey: The frame in grey, uint8 (height, width): converted once, here, for everybody after.
    """

    faces: tuple[Face, ...]
    grey: GreyImage


def faces_of(frame: Frame) -> tuple[Face, ...]:
    """A frame's faces; none where the locator failed on it."""
    located: Located | None = frame.results.get(STAGE)
    return located.faces if located else ()


class LocatorWorker(Worker):
    """Runs a `FaceLocator`.

    Args:
        create: Makes the locator, in the thread.
        common: See `Worker`.
    """

    def __init__(self, create: Callable[[], FaceLocator], **common: Any) -> None:
        super().__init__(STAGE, **common)
        self._create = create

    def setup(self) -> None:
        """Load the detector."""
        self._locator = self._create()

    def process(self, frame: Frame) -> Located:
        """Find and follow the faces."""
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        return Located(self._locator.locate(grey, frame.timestamp, frame.cut), grey)
