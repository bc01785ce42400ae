"""Which of the boxes that the locator and a full scan do not agree on are faces.

The stronger detectors are asked about each, on the enlarged surroundings of the box alone: a small part of what the
whole picture costs them, so that it can be done on every frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from smiledet.detection.detectors.base import FaceDetector
from smiledet.frame import Box, GreyImage
from smiledet.lab.benchmark.detectors.measure import AGREE
from smiledet.lab.benchmark.locator.scores import matched, without_doubles

AROUND = 2.5
"""Side of what a detector is shown, in sides of the box."""

SIDE = 100
"""Side in pixels to which the box is brought; the detectors see faces from 80 on."""

SIZES = (0.6, 1.6)
"""Sizes that will do, in sides of the box."""


class ReferenceDetectors:
    """The stronger detectors, the quicker one first.

    Args:
        detectors: The detectors; one that sees a face is enough.
    """

    def __init__(self, detectors: Sequence[FaceDetector]) -> None:
        self._detectors = detectors

    @property
    def available(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._detectors)

    def is_face(self, grey: GreyImage, box: Box) -> bool:
        """Whether a detector sees that face.

        Args:
            grey: Grey uint8 (height, width).
            box: The disputed box, in pixels of `grey`.
        """
        view = _shown(grey, box)
        middle = AROUND * SIDE / 2
        own = Box(middle - SIDE / 2, middle - SIDE / 2, SIDE, SIDE)
        smallest, largest = (round(SIDE * share) for share in SIZES)
        return any(
            own.iou(found.box) >= AGREE
            for detector in self._detectors
            for found in detector.detect(view, smallest, largest)
        )

    def faces(self, grey: GreyImage, agreed: Sequence[Box], disputed: Iterable[Box]) -> list[Box]:
        """The boxes that are faces: those agreed on, and of the others those that a detector sees too."""
        kept = list(agreed)
        for box in without_doubles(list(disputed)):
            if not matched([box], kept) and self.is_face(grey, box):
                kept.append(box)
        return kept


def _shown(grey: GreyImage, box: Box) -> GreyImage:
    """The surroundings of a box, (250, 250); what lies outside the picture is its edge again."""
    scale = SIDE / box.width
    middle, (x, y) = AROUND * SIDE / 2, box.centre
    if scale < 1:  # a linear warp alone would alias
        grey = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        x, y, scale = x * scale, y * scale, 1.0
    move = np.array([[scale, 0, middle - scale * x], [0, scale, middle - scale * y]])
    size = round(2 * middle), round(2 * middle)
    return np.asarray(cv2.warpAffine(grey, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
