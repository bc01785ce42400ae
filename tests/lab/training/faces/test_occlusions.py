"""Glasses, masks and hands drawn over a face."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.lab.training.detector.pictures import five_points
from smiledet.lab.training.faces.occlusions import OCCLUSIONS


@pytest.mark.parametrize("name", OCCLUSIONS)
def test_it_is_drawn_on_the_face_and_nowhere_else(name, portraits) -> None:
    for portrait in portraits:
        for seed in range(10):
            grey = portrait.image.copy()
            OCCLUSIONS[name](grey, five_points(portrait.points), np.random.default_rng(seed))
            rows, columns = np.nonzero(grey != portrait.image)
            assert 30 < len(rows) < 0.5 * grey.size
            x, y = portrait.box.centre
            reach = portrait.box.width
            assert (abs(rows - y) < reach).all() and (abs(columns - x) < 1.2 * reach).all()


@pytest.mark.parametrize(("name", "hidden"), [("mask", 3), ("mask", 4), ("glasses", None), ("hand", None)])
def test_a_mask_hides_the_mouth(name, hidden, portraits) -> None:
    portrait = portraits[0]
    points = five_points(portrait.points)
    grey = portrait.image.copy()
    OCCLUSIONS[name](grey, points, np.random.default_rng(1))
    if hidden is not None:
        column, row = points[hidden].round().astype(int)
        piece = (slice(row - 2, row + 3), slice(column - 2, column + 3))
        assert (grey[piece] != portrait.image[piece]).mean() > 0.9


@pytest.mark.parametrize("name", OCCLUSIONS)
@pytest.mark.parametrize("shape", [(1, 1), (20, 20)])
def test_a_face_beyond_the_picture_or_of_no_size_does_no_harm(name, shape) -> None:
    grey = np.zeros(shape, np.uint8)
    for points in (np.zeros((5, 2), np.float32), np.full((5, 2), -500, np.float32)):
        OCCLUSIONS[name](grey, points, np.random.default_rng(0))
