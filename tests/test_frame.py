"""Boxes, faces and frames: their arithmetic, at the limits too."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from smiledet.frame import Box, Detection, Face, FaceReading, Frame, HeadPose, Prediction

BOX = Box(10, 20, 30, 40)
SMILE = Prediction("smiling", 0.75, {"not smiling": 0.25, "smiling": 0.75}, 0.6)


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [(10, 20, True), (9.9, 20, False), (10, 19.9, False), (39.9, 59.9, True), (40, 30, False), (20, 60, False)],
)
def test_a_box_holds_its_left_and_upper_edge_alone(x: float, y: float, inside: bool) -> None:
    assert BOX.holds(x, y) == inside


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (BOX, 1.0),
        (Box(40, 20, 30, 40), 0.0),  # edge to edge
        (Box(10, 60, 30, 40), 0.0),
        (Box(25, 20, 30, 40), 1 / 3),
        (Box(10, 50, 30, 40), 1 / 7),
        (Box(20, 30, 10, 20), 1 / 6),
        (Box(-50, -50, 10, 10), 0.0),
        (Box(25, 50, 30, 40), 150 / 2250),
    ],
)
def test_overlap_is_the_same_either_way(other: Box, expected: float) -> None:
    assert BOX.iou(other) == pytest.approx(expected) == other.iou(BOX)


def test_places_and_sizes() -> None:
    assert (BOX.centre, BOX.area, Detection(BOX, 3).box.area) == ((25, 40), 1200, 1200)
    assert BOX.scaled(0.5) == Box(17.5, 30, 15, 20) and BOX.scaled(1) == BOX
    assert BOX.times(1.5) == Box(15, 30, 45, 60)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (BOX, (10, 20, 40, 60)),
        (Box(-5, -7, 20, 30), (0, 0, 15, 23)),
        (Box(90, 70, 30, 40), (90, 70, 100, 80)),
        (Box(1.4, 2.6, 1.2, 1.2), (1, 3, 3, 4)),
    ],
)
def test_corners_inside_a_picture(box: Box, expected: tuple[int, int, int, int]) -> None:
    assert box.clipped(100, 80) == expected


class TestReadings:
    FACE = Face(BOX, 12.0, 3, Box(11, 21, 31, 41))

    def test_of_a_larger_picture_everything_that_is_a_place_is_larger(self) -> None:
        points = np.arange(136, dtype=float).reshape(68, 2)
        reading = FaceReading(self.FACE, {"smile": SMILE}, points, HeadPose(1, 2, 3), 0.5, 0.25)
        larger = reading.times(2)
        assert (larger.box, larger.face.search_box) == (Box(20, 40, 60, 80), Box(22, 42, 62, 82))
        assert (larger.score, larger.track, larger.pose) == (12.0, 3, HeadPose(1, 2, 3))
        assert (larger.eyes_open, larger.mouth_open, larger.predictions) == (0.5, 0.25, reading.predictions)
        assert larger.landmarks is not None and (larger.landmarks == 2 * points).all()
        assert FaceReading(self.FACE, {}).times(2).landmarks is None
        assert reading.times(1) is reading

    def test_an_answer_is_an_attribute_of_its_tasks_name(self) -> None:
        reading = FaceReading(self.FACE, {"smile": SMILE})
        assert (reading.smile, reading.smile_intensity) == (SMILE, 0.6)
        assert FaceReading(self.FACE, {}).smile_intensity is None
        with pytest.raises(AttributeError, match=r"no task 'emotion' was read from this face; there are smile$"):
            reading.emotion  # noqa: B018
        with pytest.raises(AttributeError, match=r"^_smile$"):
            reading._smile  # noqa: B018
        for twin in (copy.copy(reading), copy.deepcopy(reading), pickle.loads(pickle.dumps(reading))):
            assert twin == reading and twin.smile == SMILE

    @pytest.mark.parametrize(("scores", "label", "score"), [([0.2, 0.8], "b", 0.8), ([0.5, 0.5], "a", 0.5)])
    def test_the_first_of_the_most_probable_classes(self, scores: list[float], label: str, score: float) -> None:
        answer = Prediction.of(("a", "b"), scores)
        assert (answer.label, answer.score, answer.scores, answer.intensity) == (
            *(label, score),
            *({"a": scores[0], "b": scores[1]}, None),
        )


def test_a_frame_is_as_large_as_its_photograph() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    assert Frame(0, 0, 0.0, image).size == (64, 48)
    small = Frame(0, 0, 0.0, image, scale=4, full_size=(257, 193))
    assert (small.size, small.scale, small.independent, small.source, small.results) == ((257, 193), 4, False, "", {})
