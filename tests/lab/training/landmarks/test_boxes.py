"""Viola-Jones' boxes about faces."""

import numpy as np
import pytest

from smiledet.alignment.template import MIRRORED
from smiledet.frame import Box
from smiledet.lab.training.landmarks.boxes import BoxSpread, FramedFace, bounds, frames, measure_spread


@pytest.fixture
def face(portraits) -> FramedFace:
    return FramedFace(portraits[0].image, portraits[0].points, portraits[0].box)


def test_mirroring_twice_changes_nothing(face):
    back = face.mirrored().mirrored()
    assert np.array_equal(back.image, face.image)
    assert back.points == pytest.approx(face.points)
    assert back.box == face.box
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_left_stays_left_in_the_mirror(face):
    flipped = face.mirrored()
    assert np.array_equal(flipped.image, face.image[:, ::-1])
    for each in (face.points, flipped.points):
        assert each[0, 0] < each[36:42, 0].mean() < each[27, 0] < each[42:48, 0].mean() < each[16, 0]  # eyes and jaw
        assert each[48, 0] < each[54, 0] and each[17:22, 0].max() < each[22:27, 0].min()  # mouth and brows
    # A point still lies on the same feature: the left mouth corner becomes the right one.
    assert flipped.points[54] == pytest.approx((159 - face.points[48, 0], face.points[48, 1]))
    assert flipped.box.centre == pytest.approx((160 - face.box.centre[0], face.box.centre[1]))


def test_bounds():
    assert bounds(np.array([[3.0, 9.0], [1.0, 5.0], [2.0, 11.0]])) == Box(1, 5, 2, 6)


def test_the_mean_box_is_the_mean_of_those_measured(variant):
    spread = BoxSpread(np.array([[0.02, -0.1, 1.1], [0.06, -0.12, 1.3]]))
    faces = [FramedFace(face.image, face.points, spread.mean_box(face.points)) for face in map(variant, range(6))]
    rows = measure_spread(faces).rows
    assert rows == pytest.approx(np.tile((0.04, -0.11, 1.2), (6, 1)))


def test_boxes_are_drawn_as_they_were_measured_and_mirrored(variant):
    spread = BoxSpread(np.array([[0.2, -0.1, 1.1]]))
    generator = np.random.default_rng(1)
    points = variant(1).points
    drawn = measure_spread([FramedFace(variant(1).image, points, spread.draw(points, generator)) for _ in range(300)])
    assert np.abs(drawn.rows).mean(axis=0) == pytest.approx((0.2, 0.1, 1.1), abs=0.005)
    assert 0.3 < (drawn.rows[:, 0] > 0).mean() < 0.7
    assert (drawn.rows.std(axis=0)[1:] < 0.03).all() and (drawn.rows.std(axis=0) > 0.005).all()


def test_drawn_boxes_are_square_and_repeat_with_the_seed(face):
    spread = BoxSpread(np.array([[0.0, -0.1, 1.1], [0.1, -0.2, 1.3]]))
    one, again, other = (spread.draw(face.points, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert one.width == one.height


def test_no_box_tells_no_spread(face):
    with pytest.raises(ValueError, match="framed"):
        measure_spread([FramedFace(face.image, face.points, None)])


def test_a_box_on_the_mouth_frames_no_face(face):
    box = face.box
    assert frames(box, face.points)
    low = Box(box.x, box.y + 0.45 * box.height, box.width, box.height)
    assert not frames(low, face.points)
    assert not frames(Box(box.x - 2 * box.width, box.y, box.width, box.height), face.points)
