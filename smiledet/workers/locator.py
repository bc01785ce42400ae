"""The thread that finds faces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import cv2

from smiledet.detection.locator import FaceLocator
from smiledet.detection.photographs import PhotographLocator
from smiledet.exposure import Exposure, Table, even_out, measure, table_of
from smiledet.frame import Box, Face, Frame, GreyImage
from smiledet.workers.base import Worker

STAGE = "locate"


@dataclass(frozen=True, slots=True)
class Located:
    """What the locator attaches to a frame.

    Attributes:
        faces: The confirmed faces, ordered by track.
        grey: The frame in grey, uint8 (height, width), evened out: converted once, here, for everybody after.
        table: What evens out the frame; None for one in usual light. See `smiledet.exposure`.
        turned: Degrees clockwise by which a photograph has to be turned until its faces are upright.
        possible: Places that may turn out to be faces; they are not shown yet.
    """

    faces: tuple[Face, ...]
    grey: GreyImage
    table: Table | None = None
    turned: int = 0
    possible: tuple[Box, ...] = ()


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
        self._exposure = Exposure()

    def teardown(self) -> None:
        """Free the detector."""
        with suppress(AttributeError):  # there is none after a setup that failed
            del self._locator

    def process(self, frame: Frame) -> Located:
        """Find and follow the faces."""
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        table = self._exposure.table(grey, frame.timestamp)
        evened = even_out(grey, table)
        faces = self._locator.locate(evened, frame.timestamp, frame.independent)
        return Located(faces, evened, table, possible=self._locator.possible)


class PhotographLocatorWorker(Worker):
    """Runs a `PhotographLocator`: every frame is a photograph of its own, and each of its faces a track of its own.

    Args:
        create: Makes the locator, in the thread.
        common: See `Worker`.
    """

    def __init__(self, create: Callable[[], PhotographLocator], **common: Any) -> None:
        super().__init__(STAGE, **common)
        self._create = create
        self._tracks = count(1)

    def setup(self) -> None:
        """Load the detector."""
        self._locator = self._create()

    def teardown(self) -> None:
        """Free the detector."""
        with suppress(AttributeError):  # there is none after a setup that failed
            del self._locator

    def process(self, frame: Frame) -> Located:
        """Find the faces, the largest first."""
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        table = table_of(measure(grey))
        grey = even_out(grey, table)
        found = self._locator.find(grey)
        largest_first = sorted(found.detections, key=lambda face: -face.box.area)
        faces = tuple(Face(face.box, face.score, next(self._tracks), face.box) for face in largest_first)
        return Located(faces, grey, table, found.turned)
