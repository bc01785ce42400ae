"""What the landmark teacher is shown."""

import cv2
import numpy as np
import pytest

from smiledet.alignment.chips import chip_map
from smiledet.alignment.landmark_refiner import VIEW, MeanFace
from smiledet.alignment.similarity import transform
from smiledet.frame import Box
from smiledet.lab.training.landmarks.boxes import BoxSpread, FramedFace
from smiledet.lab.training.landmarks.views import mirrored_points, random_view, random_views

SPREAD = BoxSpread(np.array([[0.0, -0.16, 1.17]]))


@pytest.fixture
def face(portraits) -> FramedFace:
    return FramedFace(portraits[0].image, portraits[0].points, portraits[0].box)


@pytest.fixture
def template(face):
    return (face.points - (face.box.x, face.box.y)) / face.box.width


def test_mirroring_points_twice_changes_nothing(template):
    points = transform(chip_map(np.eye(2, 3), VIEW), template)
    assert mirrored_points(mirrored_points(points)) == pytest.approx(points)
    assert mirrored_points(points)[36, 0] == pytest.approx(VIEW.size - 1 - points[45, 0])


def test_random_views_differ_and_repeat_with_the_seed(face, template):
    one, again, other = (random_view(face, template, SPREAD, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one[0], again[0]) and np.array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])
    assert one[0].dtype == np.float32 and one[0].min() >= 0 and one[0].max() <= 255


def test_the_points_of_random_views_lie_about_the_middle(face, template):
    views, points = random_views([face] * 40, template, SPREAD, np.random.default_rng(1))
    assert views.shape == (40, VIEW.size, VIEW.size, 1)
    assert points.shape == (40, 136) and np.abs(points).max() < 0.75
    # Left is left, mirrored or not.
    mean_face = MeanFace(template)
    shapes = np.stack([mean_face.points(each) for each in points])
    assert (shapes[:, 36, 0] < shapes[:, 45, 0]).all() and (shapes[:, 48, 0] < shapes[:, 54, 0]).all()


def test_eyes_are_where_the_points_say(template):
    """A dark eye painted at its point stays dark under it, whichever way the view is cut."""
    grey = np.full((200, 200), 200, np.uint8)
    points = template * 100 + 50
    for corner in (36, 45):
        cv2.circle(grey, tuple(points[corner].round().astype(int).tolist()), 7, 0, -1)
    face = FramedFace(grey, points, Box(50, 50, 100, 100))
    dark = []
    for seed in range(60):
        view, found = random_view(face, template, SPREAD, np.random.default_rng(seed))
        for x, y in found[[36, 45]].round().astype(int):
            if 0 <= x < VIEW.size and 0 <= y < VIEW.size:
                dark.append(view[y, x] < np.median(view))
    assert np.mean(dark) > 0.9
