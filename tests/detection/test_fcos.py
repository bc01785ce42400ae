"""What becomes of the anchor-free network's answers, and of files that are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors import fcos
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.fcos import FcosDetector, overlaps, suppressed
from smiledet.detection.detectors.fcos_network import ANSWERS, USUAL_FILE, FcosNetwork, decoded
from smiledet.errors import ModelError
from smiledet.model_index import find_model
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def portraits():
    """The demo's, grey."""
    return [cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE) for portrait in PORTRAITS]


def candidates(*boxes):
    """Left, top, right, bottom, score."""
    rows = np.zeros((len(boxes), ANSWERS), np.float32)
    rows[:, :5] = np.reshape(boxes, (-1, 5))
    return rows


def kept(*boxes):
    return [tuple(row[:4]) for row in suppressed(candidates(*boxes), score=0.4).tolist()]


def test_of_boxes_that_lie_over_each_other_the_surest_stays():
    assert kept((0, 0, 20, 20, 0.6), (8, 0, 28, 20, 0.9), (60, 60, 80, 80, 0.5)) == [
        (8, 0, 28, 20),
        (60, 60, 80, 80),
    ]


def test_those_that_nearly_agree_have_a_say_in_where_it_lies():
    (found,) = suppressed(candidates((0, 0, 20, 20, 0.4), (2, 0, 22, 20, 0.8), (9, 0, 29, 20, 0.7)), score=0.4)
    assert found[:5] == pytest.approx([4 / 3, 0, 64 / 3, 20, 0.8])


def test_an_eye_within_a_face_is_none():
    assert kept((0, 0, 100, 100, 0.9), (20, 30, 40, 50, 0.8)) == [(0, 0, 100, 100)]


def test_half_of_a_box_that_lies_in_a_surer_one_costs_half_of_its_score():
    whole, beside = (0, 0, 100, 100, 0.9), (80, 0, 120, 60, 0.7)
    assert kept(whole, beside) == [(0, 0, 100, 100)]
    found = suppressed(candidates(whole, beside), score=0.3)
    assert found[:, 4] == pytest.approx([0.9, 0.35])
    # Nothing is lost to what has itself been dropped.
    third = (112, 0, 142, 60, 0.45)
    assert kept(whole, beside, third) == [(0, 0, 100, 100), (112, 0, 142, 60)]


def test_neighbours_stay_both():
    assert len(kept((0, 0, 30, 40, 0.9), (25, 0, 55, 40, 0.8), (0, 38, 30, 78, 0.7))) == 3


def test_nothing_and_thousands_of_candidates_are_no_trouble():
    assert len(suppressed(candidates(), 0.3)) == 0
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 1000, (9000, 2))
    rows = np.zeros((9000, ANSWERS), np.float32)
    rows[:, :2], rows[:, 2:4], rows[:, 4] = corners, corners + 25, generator.uniform(0.3, 1, 9000)
    found = suppressed(rows, 0.05)
    assert 100 < len(found) < 3000
    assert (np.diff(found[:, 4]) <= 0).all()


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_an_answer_is_told_from_its_cells_middle(stride):
    answers = np.full((2, ANSWERS, 3, 4), -8.0, np.float32)
    answers[1, :, 1, 2] = [0, 0, 0, 0, 0, *[0.5, -0.5] * 5]
    pictures, (row,) = decoded(answers, stride, logit=-1)
    assert pictures.tolist() == [1]
    middle = np.array([2.5, 1.5]) * stride
    assert (row[:2] + row[2:4]) / 2 == pytest.approx(middle)
    assert row[2:4] - row[:2] == pytest.approx([stride, stride])
    assert row[4] == 0.5
    assert row[5:7] == pytest.approx([3 * stride - 0.5, stride - 0.5])


def test_sides_that_no_face_has_do_not_overflow():
    answers = np.full((1, ANSWERS, 1, 1), 1e9, np.float32)
    assert np.isfinite(decoded(answers, 8, logit=0)[1][:, :4]).all()


def test_pictures_of_a_stack_are_read_as_each_alone(portraits):
    network = FcosNetwork(find_model("detector", "fcos").file(USUAL_FILE))
    one, other = (cv2.resize(each, (90, 110), interpolation=cv2.INTER_AREA) for each in portraits[:2])
    pictures, rows = network.candidates(np.stack([one, np.zeros_like(one), other]), 0.3)
    assert set(pictures) == {0, 2}
    for number, grey in ((0, one), (2, other)):
        _, alone = network.candidates(grey[None], 0.3)
        assert rows[pictures == number] == pytest.approx(alone, abs=0.1)


def test_many_doubtful_faces_are_looked_at_again_as_few_are(portraits, monkeypatch):
    """The same faces in one picture, and each in one of its own."""
    monkeypatch.setattr(fcos, "CLEAR", 1.0)  # all are doubtful
    height, width = portraits[0].shape
    face = cv2.resize(portraits[0], (96, round(96 * height / width)), interpolation=cv2.INTER_AREA)
    detector = FcosDetector(find_model("detector", "fcos").file(USUAL_FILE))
    (alone,) = detector.rows(face)
    mosaic = np.tile(face, (3, 5))
    found = detector.rows(mosaic)
    assert len(found) == 15 > fcos.TOGETHER
    assert found[:, 4] == pytest.approx(np.full(15, alone[4]), abs=0.1)
    monkeypatch.setattr(fcos, "TOGETHER", 100)  # one by one
    assert detector.rows(mosaic) == pytest.approx(found, abs=1e-3)


def test_the_file_with_integers_finds_what_the_other_finds(portraits):
    model = find_model("detector", "fcos")
    for grey in portraits:
        real, integers = (FcosDetector(model.file(key)).rows(grey) for key in ("litert", USUAL_FILE))
        assert len(real) == len(integers) == 1
        assert overlaps(real, integers)[0, 0] > 0.9
        assert integers[0, 4] == pytest.approx(real[0, 4], abs=0.05)


@pytest.mark.parametrize(
    "content", [b"", b"no network", b"\x08\x07", b"\x1c\0\0\0TFL3", b"\x1c\0\0\0TFL3" + 99 * b"x", None]
)
def test_what_is_no_network_is_one_line(tmp_path, content):
    file = tmp_path / "other.onnx"
    if content is not None:
        file.write_bytes(content)
    for make in (lambda: detector_kind(f"fcos={file}"), lambda: FcosDetector(file)):
        with pytest.raises(ModelError, match=r"detector fcos: .*other.onnx") as caught:
            make()
        assert "\n" not in str(caught.value)
