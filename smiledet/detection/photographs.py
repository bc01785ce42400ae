"""Finding the faces of a photograph.

A photograph is searched once, whole, by a network detector: there is no next frame that would show what this one
hides. It is searched at a working size, and where no face is sure, turned by 90 degree steps as well, since a camera
without a position sensor writes no orientation into its files. The way it lies is that of the surest face: a head that
stands upside down may look a little like one that does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from smiledet.detection.detectors.choose import DETECTORS, WITH_FILE, detector_kind, name_of
from smiledet.detection.locator import distinct
from smiledet.detection.search import scan
from smiledet.frame import Detection, GreyImage, Image
from smiledet.schema import AUTO, one_of
from smiledet.turning import TURNS, turn, turn_box

FaceSizes = Literal["small", "normal", "large"]

NETWORK = "fcos"
"""What `auto` stands for: the network of our own, see `smiledet.detection.detectors.fcos`."""

WORKING_SIDE = {"small": 1920, "normal": 1280, "large": 640}
"""Pixels of the longer side to which a larger photograph is shrunk before the search, by the size of face wanted."""

LONGEST_SHAPE = 3 / 4
"""Shorter side over the longer from which a photograph is shrunk further, to as many pixels: they take memory."""

SMALLEST = 24
"""Side in pixels of the smallest face sought in the shrunk photograph."""


@dataclass(frozen=True, slots=True)
class PhotographSettings:
    """How photographs are searched; a video is searched otherwise, see `LocatorSettings`.

    Attributes:
        detector: The face detector; `auto` is `fcos`. YuNet is chosen with its file: `yunet=FILE`.
        faces: The smallest faces wanted. A photograph whose longer side has more pixels is shrunk to 1,920 (`small`),
            1,280 (`normal`) or 640 pixels (`large`), a square one to as many pixels, and searched for faces of at least
            24 pixels there: in one of 4,000x3,000 pixels for faces of 50, 75 or 150 pixels and more.
    """

    detector: str = field(default=AUTO, metadata=one_of(AUTO, *DETECTORS, with_file=WITH_FILE))
    faces: str = field(default="normal", metadata=one_of(*WORKING_SIDE))

    @property
    def smallest_face(self) -> float:
        """Side of the smallest wanted face, as a share of a large photograph's longer side."""
        return SMALLEST / WORKING_SIDE[self.faces]


@dataclass(frozen=True, slots=True)
class PhotographFaces:
    """What was found in a photograph.

    Attributes:
        detections: The faces, surest first; boxes in pixels of the photograph as it was given, framed as Viola-Jones
            frames faces.
        detector: The detector that ran.
        turned: Degrees clockwise by which the photograph had to be turned until faces were found; 0, 90, 180 or 270.
    """

    detections: tuple[Detection, ...]
    detector: str
    turned: int = 0


def detector_name(settings: PhotographSettings) -> str:
    """The detector that searches photographs under these settings."""
    return name_of(_choice(settings))


def _choice(settings: PhotographSettings) -> str:
    return NETWORK if settings.detector == AUTO else settings.detector


class PhotographLocator:
    """Searches photographs for faces. It belongs to one thread.

    Attributes:
        detector: The detector's name.
        side: Pixels of the longer side at which a larger photograph is searched.

    Args:
        settings: See `PhotographSettings`.

    Raises:
        ModelError: The detector is not installed, or its file is missing or damaged.
    """

    def __init__(self, settings: PhotographSettings | None = None) -> None:
        settings = settings or PhotographSettings()
        self.detector = detector_name(settings)
        self._detector = detector_kind(_choice(settings)).scanning(None)
        self.side = WORKING_SIDE[settings.faces]

    def find(self, image: Image) -> PhotographFaces:
        """Find every face.

        Args:
            image: BGR uint8 (height, width, 3), or grey uint8 (height, width).
        """
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        surest = PhotographFaces((), self.detector)
        for degrees in TURNS:
            upright = turn(grey, degrees)
            found = self._search(upright)
            if found and (not surest.detections or found[0].score > surest.detections[0].score):
                size = (upright.shape[1], upright.shape[0])
                boxes = (turn_box(face.box, -degrees % 360, size) for face in found)
                faces = (Detection(box, face.score) for box, face in zip(boxes, found, strict=True))
                surest = PhotographFaces(tuple(faces), self.detector, degrees)
            if surest.detections and surest.detections[0].score >= self._detector.needs.sure:
                break
        return surest

    def hand_back(self) -> None:
        """Let go of the memory that the last photograph took; no search may be going on."""
        self._detector.hand_back()

    def _search(self, grey: GreyImage) -> list[Detection]:
        height, width = grey.shape
        most = LONGEST_SHAPE * self.side**2
        scale = min(1.0, self.side / max(height, width), math.sqrt(most / (height * width)))
        halvings = math.floor(min(-math.log2(scale), math.log2(min(height, width))))
        small = halved(grey, halvings)
        needs = self._detector.needs
        smallest = max(needs.smallest, round(max(SMALLEST, needs.window * needs.min_face) / scale / 2**halvings))
        found = [Detection(each.box.times(2**halvings), each.score) for each in scan(self._detector, small, smallest)]
        return distinct(found)


def halved(grey: GreyImage, times: int) -> GreyImage:
    """A picture at half its size, so many times; OpenCV halves five times as fast as it shrinks to any other size.

    >>> halved(np.zeros((750, 1001), np.uint8), 2).shape
    (187, 250)
    """
    for _ in range(times):
        height, width = grey.shape[0] // 2, grey.shape[1] // 2
        grey = np.asarray(cv2.resize(grey[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))
    return grey
