"""Pictures whose faces are known without a teacher."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.lab.training.detector.pictures import FacePicture, five_points

NO_POINTS, NO_BOXES = np.empty((0, 5, 2), np.float32), np.empty((0, 4), np.float32)


@pytest.fixture
def face_pictures(variant) -> list[FacePicture]:
    """Two portraits, whole and as crops, and a picture of stripes."""
    pictures = []
    for seed in range(8):
        portrait = variant(seed)
        box = portrait.box
        frame = np.array([[box.x, box.y, box.x + box.width, box.y + box.height]], np.float32)
        points = five_points(portrait.points)[None]
        pictures.append(FacePicture(portrait.image, frame, points, NO_BOXES, crop=bool(seed % 2)))
    stripes = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (160, 8))
    return [*pictures, FacePicture(np.ascontiguousarray(stripes), NO_BOXES, NO_POINTS, NO_BOXES)]
