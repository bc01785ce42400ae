"""Searching a whole picture at the scale that suits the smallest wanted face."""

from __future__ import annotations

import cv2
import numpy as np

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.frame import Box, Detection, GreyImage

DETECTOR_WINDOW = Needs().window
"""Side of the smallest face that a Viola-Jones cascade can see, in pixels."""


def smallest_face(grey: GreyImage, share: float, needs: Needs | None = None) -> int:
    """Side in pixels of the smallest face sought: a share of the picture's shorter side, but what can be seen.

    Args:
        grey: Grey uint8 (height, width).
        share: Of the shorter side.
        needs: Of the detector; None for Viola-Jones' cascade.
    """
    shorter: int = min(grey.shape)
    return max((needs or Needs()).smallest, round(shorter * share))


def scan(detector: FaceDetector, grey: GreyImage, min_face: int, max_face: int | None = None) -> list[Detection]:
    """Search a picture, shrunk (or enlarged) until the smallest wanted face just fills the detector's window.

    Cost falls with the square of `min_face`: half the size sought is four times the pixels.

    Args:
        detector: The detector.
        grey: Grey uint8 (height, width).
        min_face: Side of the smallest face sought, pixels of `grey`, at least the detector's `needs.smallest`.
        max_face: Side of the largest face sought, pixels of `grey`; None for no limit.

    Returns:
        Detections in pixels of `grey`, surest first.
    """
    window = detector.needs.window
    scale = min(window / min_face, detector.needs.enlarge)
    if scale == 1 or min(grey.shape) == 0:
        return detector.detect(np.ascontiguousarray(grey), min_face, max_face)
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    limit = None if max_face is None else max(window + 1, round(max_face * scale))
    across, down = width / size[0], height / size[1]
    return [
        Detection(Box(box.x * across, box.y * down, box.width * across, box.height * down), found.score)
        for found in detector.detect(small, window, limit)
        for box in (found.box,)
    ]
