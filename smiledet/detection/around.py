"""Searching the surroundings of a known face, upright or about a head tilted to one side.

What is around the face is shrunk once; for a tilted head the small picture is turned back before it is searched, since
Viola-Jones' cascade loses faces from about fifteen degrees on.
"""

from __future__ import annotations

from math import cos, radians, sin

import cv2
import numpy as np

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.image_pyramid import evened, shrunk
from smiledet.detection.search import DETECTOR_WINDOW
from smiledet.frame import Box, Detection, GreyImage

REGION_SIZES = (0.8, 1.3)
"""Sizes sought around a known face, in its known size; nobody grows by more from one frame to the next."""


class Surroundings:
    """What is around one known face in one picture, ready to be searched.

    Args:
        grey: Grey uint8 (height, width).
        box: Where the face should be, in pixels of `grey`.
        region: Side of what is searched, in the face's own.
        face: Side in pixels to which the face is shrunk.
        needs: Of the detector that searches.
    """

    def __init__(self, grey: GreyImage, box: Box, region: float, face: float, needs: Needs) -> None:
        height, width = grey.shape
        # The known face is brought to `face` pixels, so that one a little smaller still fills the detector's window.
        smallest = max(needs.smallest, round(box.width * needs.window / face))
        self._scale = min(needs.window / smallest, needs.enlarge)
        self._left, self._top, right, bottom = evened(box.scaled(region).clipped(width, height), self._scale)
        self._needs = needs
        across, down = right - self._left, bottom - self._top
        self._wanted = box.width
        self._view: GreyImage = np.empty((0, 0), np.uint8)
        if min(across, down) >= needs.smallest:
            size = max(1, round(across * self._scale)), max(1, round(down * self._scale))
            self._view = shrunk(grey[self._top : bottom, self._left : right], size, self._scale)
            self._stretch = across / size[0], down / size[1]

    def search(self, detector: FaceDetector, roll: float = 0.0) -> list[Detection]:
        """The faces of about the known size.

        Args:
            detector: The detector.
            roll: Degrees by which the head is tilted, positive where its top leans to the right.

        Returns:
            Detections in pixels of the whole picture, surest first. A tilted head's box is upright about its middle.
        """
        if self._view.size == 0:
            return []
        low, high = (self._wanted * share for share in REGION_SIZES)
        limit = max(self._needs.window + 1, round(high * self._scale))
        found = detector.detect(self._turned(roll), self._needs.window, limit)
        placed = [Detection(self._placed(each.box, roll), each.score) for each in found]
        return [near for near in placed if near.box.width >= low]

    def _turned(self, roll: float) -> GreyImage:
        if roll == 0:
            return self._view
        height, width = self._view.shape
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), roll, 1.0)
        return np.asarray(cv2.warpAffine(self._view, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))

    def _placed(self, box: Box, roll: float) -> Box:
        """A box of the small, turned picture in pixels of the whole one."""
        across, down = self._stretch
        x, y = box.centre
        if roll:
            middle_x, middle_y = self._view.shape[1] / 2, self._view.shape[0] / 2
            turn, right, below = radians(roll), x - middle_x, y - middle_y
            x = middle_x + right * cos(turn) - below * sin(turn)
            y = middle_y + right * sin(turn) + below * cos(turn)
        width, height = box.width * across, box.height * down
        return Box(self._left + x * across - width / 2, self._top + y * down - height / 2, width, height)


def shrunk_face(region_face: int, needs: Needs) -> float:
    """Side in pixels to which a known face is shrunk for a detector, from what the cascade is given."""
    return region_face * needs.follow * needs.window / DETECTOR_WINDOW
