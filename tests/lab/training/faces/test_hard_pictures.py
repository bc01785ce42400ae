"""Pictures made hard: each in its way, the face where the map says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.frame import Box
from smiledet.lab.training.detector.pictures import five_points
from smiledet.lab.training.faces.hard_pictures import DIFFICULTIES, SMALL_FACE, make_hard, moved


@pytest.mark.parametrize("name", DIFFICULTIES)
def test_a_picture_is_made_hard_and_the_given_one_stays(name, portraits) -> None:
    portrait = portraits[0]
    image = cv2.cvtColor(portrait.image, cv2.COLOR_GRAY2BGR)
    before = image.copy()
    points = five_points(portrait.points)
    one, matrix = make_hard(name, image, portrait.box, points, np.random.default_rng(1))
    again, _ = make_hard(name, image, portrait.box, points, np.random.default_rng(1))
    assert np.array_equal(image, before) and np.array_equal(one, again)
    assert one.dtype == np.uint8 and one.ndim == 3 and matrix.shape == (2, 3)
    assert one.shape != image.shape or not np.array_equal(one, image)


def test_a_far_face_has_its_size_and_a_turned_one_keeps_its_own(portraits) -> None:
    portrait = portraits[0]
    image = cv2.cvtColor(portrait.image, cv2.COLOR_GRAY2BGR)
    points = five_points(portrait.points)
    small, matrix = make_hard("face of 24 pixels", image, portrait.box, points, np.random.default_rng(1))
    assert moved(portrait.box, matrix).width == pytest.approx(SMALL_FACE, rel=0.03)
    assert small.shape[0] < image.shape[0] / 2
    _, matrix = make_hard("roll, 45 degrees", image, portrait.box, points, np.random.default_rng(1))
    turned = moved(portrait.box, matrix)
    assert turned.width == pytest.approx(portrait.box.width)
    assert turned.centre == pytest.approx(portrait.box.centre, abs=0.01)


def test_a_box_moves_with_its_picture() -> None:
    box = moved(Box(10, 20, 30, 30), np.array([[2.0, 0, 5], [0, 2, 0]]))
    assert (box.x, box.y, box.width, box.height) == pytest.approx((25, 40, 60, 60))
