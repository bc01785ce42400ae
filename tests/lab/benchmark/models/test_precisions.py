"""Networks in smaller numbers beside float32: the table's arithmetic, and a whole run on two portraits."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from smiledet.engines.base import Engine
from smiledet.errors import UsageError
from smiledet.lab.benchmark.models import timing_process
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.evaluation.held_out import HeldOut
from smiledet.model_index import find_model
from smiledet.sources.demo import PORTRAITS

pytest.importorskip("keras")
from smiledet.lab.benchmark.models.precisions import (
    HEADER,
    PRECISIONS,
    PrecisionFigures,
    cells,
    cut_faces,
    evenly,
    measure_precisions,
    score,
    time_in_turn,
)


class Clocked(Engine):
    """Takes as long as it is told to, and says 0 of a face's left half and 1 of its right."""

    name, file_format, device = "clocked", "litert", "nowhere"

    def __init__(self, clock=None, seconds=0.0):
        self.clock, self.seconds = clock, seconds

    def predict(self, chips):
        if self.clock is not None:
            self.clock[0] += self.seconds
        half = chips.shape[2] // 2
        return np.stack([chips[:, :, :half].mean((1, 2, 3)), chips[:, :, half:].mean((1, 2, 3))], 1).astype(np.float32)


def figures(precision, accuracy, milliseconds=1.0, ratio=1.0, **more):
    made_up = {"accuracy": accuracy, **more}
    return PrecisionFigures(find_model("smile", "mini-xception"), precision, made_up, milliseconds, ratio, 220.4)


def test_points_are_beside_float32():
    whole, int8 = figures("float32", 0.97), figures("int8", 0.9655, 0.5, 0.51)
    assert cells(whole, whole) == ("smile/mini-xception", "float32", "97.00 %", "", "1.000", "1.00", "220")
    assert cells(int8, whole) == ("smile/mini-xception", "int8", "96.55 %", "-0.45 points", "0.500", "0.51", "220")
    assert len(HEADER) == len(cells(whole, whole))


def test_numbers_are_compared_by_their_mean_error():
    whole, int8 = figures("float32", 0.4, mean_error=5.0), figures("int8", 0.5, mean_error=5.31)
    assert cells(int8, whole)[2:4] == ("5.31", "+0.31")


def test_engines_are_timed_in_turn(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing_process.time, "perf_counter", lambda: clock[0])
    quick, slow = Clocked(clock, 1.0), Clocked(clock, 3.0)
    assert time_in_turn([quick, slow], np.zeros((1, 4, 4, 1), np.uint8), 2) == [[1.0, 1.0], [3.0, 3.0]]


def test_mirror_images_are_read_too_where_the_model_is_shown_both():
    chips = np.zeros((70, 4, 4, 1), np.uint8)  # more than are scored together
    chips[:, :, 2:] = 100
    both = dataclasses.replace(find_model("smile", "mini-xception"), mirror_averaging=True)
    one = dataclasses.replace(both, mirror_averaging=False)
    assert score(Clocked(), chips, one).tolist() == [[0.0, 100.0]] * 70
    assert score(Clocked(), chips, both).tolist() == [[50.0, 50.0]] * 70


def test_a_limit_takes_evenly_from_all():
    assert evenly([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert evenly([1, 2], None) == evenly([1, 2], 9) == [1, 2]


@pytest.fixture
def portraits(tmp_path):
    """The demo's two people, in a split to calibrate on and one to measure on."""
    for split in ("train", "test"):
        for portrait, label in zip(PORTRAITS, ("smiling", "not smiling"), strict=True):
            target = tmp_path / "faces" / split / label / portrait.path.name
            target.parent.mkdir(parents=True)
            target.write_bytes(portrait.path.read_bytes())
    return HeldOut("folders", "faces", "test", "two portraits")


@pytest.mark.train
def test_every_precision_is_measured_on_the_same_faces(portraits, tmp_path):
    pytest.importorskip("tensorflow")
    rows = measure_precisions(find_model("smile", "mini-xception"), portraits, tmp_path, rounds=2)
    assert [row.precision for row in rows] == list(PRECISIONS)
    assert all(row.figures["found"] == 2 and row.milliseconds > 0 for row in rows)
    assert rows[0].times_float32 == 1.0
    assert all(row.kilobytes < rows[0].kilobytes for row in rows[1:])


def test_photographs_without_a_face_are_missed_and_said(tmp_path):
    folder = tmp_path / "faces" / "test" / "smiling"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "blank.png"), np.full((96, 96), 128, np.uint8))
    model, nobody = find_model("smile", "mini-xception"), HeldOut("folders", "faces", "test", "nobody")
    _, samples = read_samples(f"folders:{tmp_path / 'faces'}")
    assert cut_faces(samples, model.input).chips.shape == (0, 64, 64, 1)
    with pytest.raises(UsageError, match="--split 'train'"):
        measure_precisions(model, nobody, tmp_path)
