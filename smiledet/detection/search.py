"""Searching a whole picture at the scale that suits the smallest wanted face."""

from __future__ import annotations

import cv2
import numpy as np

from smiledet.detection.base import FaceDetector
from smiledet.frame import Box, Detection, GreyImage

DETECTOR_WINDOW = 24
"""Side of the smallest face that a Viola-Jones cascade can see, in pixels."""


def smallest_face(grey: GreyImage, share: float) -> int:
    """Side in pixels of the smallest face sought: a share of the picture's shorter side, but what a cascade can see."""
    shorter: int = min(grey.shape)
    return max(DETECTOR_WINDOW, round(shorter * share))


def scan(detector: FaceDetector, grey: GreyImage, min_face: int, max_face: int | None = None) -> list[Detection]:
    """Search a picture, shrunk until the smallest wanted face just fills the detector's window.

    Cost falls with the square of `min_face`: half the size sought is four times the pixels.

    Args:
        detector: The detector.
        grey: Grey uint8 (height, width).
        min_face: Side of the smallest face sought, pixels of `grey`, at least `DETECTOR_WINDOW`.
        max_face: Side of the largest face sought, pixels of `grey`; None for no limit.

    Returns:
        Detections in pixels of `grey`, surest first.
    """
    scale = DETECTOR_WINDOW / min_face
    if scale >= 1:
        return detector.detect(np.ascontiguousarray(grey), min_face, max_face)
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    limit = None if max_face is None else max(DETECTOR_WINDOW + 1, round(max_face * scale))
    across, down = width / size[0], height / size[1]
    return [
        Detection(Box(box.x * across, box.y * down, box.width * across, box.height * down), found.score)
        for found in detector.detect(small, DETECTOR_WINDOW, limit)
        for box in (found.box,)
    ]
