"""A second opinion on what a detector takes for a new face.

Viola-Jones' cascade is sure of some folds and leaves: its false alarms have as many overlapping hits as faint faces
have, and stand a closer look at a finer scale as well. A cascade that was trained apart from it errs elsewhere.
"""

from __future__ import annotations

import cv2

from smiledet.detection.detectors.base import FaceDetector
from smiledet.frame import Box, Detection, GreyImage

AROUND = 1.5
"""Side of what is looked at, in sides of the face."""

SIDE = 50
"""Side in pixels to which the face is brought. Of 38 faces at a table the second cascade saw 23 at 40 pixels and 29 at
50, asking for the same three overlapping hits."""

SIZES = (0.7, 1.4)
"""Sizes that will do, in sides of the face: the two need not frame it alike."""

SURE = 12.0
"""Overlapping hits of the first cascade from which nobody else is asked: its false alarms, on the photographs and clips
that this was set on, had ten at most."""

SAME = 0.4
"""Intersection over union from which the two see one face."""


class Verifier:
    """Asks another detector about single faces. It belongs to one thread.

    Args:
        detector: The other detector.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def agrees(self, grey: GreyImage, found: Detection) -> bool:
        """Whether the other detector sees that face too, or need not be asked.

        Args:
            grey: Grey uint8 (height, width).
            found: What the first detector found, in pixels of `grey`.
        """
        if found.score >= SURE:
            return True
        height, width = grey.shape
        left, top, right, bottom = found.box.scaled(AROUND).clipped(width, height)
        scale = SIDE / found.box.width
        size = round((right - left) * scale), round((bottom - top) * scale)
        smallest, largest = (round(SIDE * share) for share in SIZES)
        if min(size) < smallest:
            return False
        shrunk = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = cv2.resize(grey[top:bottom, left:right], size, interpolation=shrunk)
        own = Box((found.box.x - left) * scale, (found.box.y - top) * scale, SIDE, SIDE)
        return any(own.iou(each.box) >= SAME for each in self._detector.detect(view, smallest, largest))
