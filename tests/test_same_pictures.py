"""What a run shows stays the same: annotated pictures of the demo against a small stored reference.

Making things faster must not change results unnoticed. The reference is a sheet of two annotated frames at half size,
and the readings of four; both were made by the code that they test. Where a change of results is meant, look at the
new pictures and store them: SMILEDET_STORE_REFERENCE=1 python -m pytest tests/test_same_pictures.py

Versions of OpenCV, dlib and LiteRT differ in the last bit of a warp or a sum, hence the tolerances: an edge that lies a
pixel elsewhere is allowed, another label, box or plate is not.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.config import load_config
from smiledet.frame import Box, Face
from smiledet.pipeline import Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.demo import DemoSource, poses
from smiledet.workers.locator import Located, LocatorWorker

FOLDER = Path(__file__).parent / "reference"
PICTURES, READINGS = FOLDER / "demo.png", FOLDER / "demo.json"

FRAMES = (2, 9, 16, 23)

MEAN_ERROR = 0.5
"""Mean difference of a pixel, of 255, that other versions of the libraries may make."""
LARGE, LARGE_SHARE = 32, 0.004
"""A difference that the eye sees, and the share of the pixels that may have it."""
SCORE_ERROR = 0.03


class Kept(Sink):
    """Keeps what was drawn on some frames."""

    description = "kept"

    def __init__(self):
        self.annotations = {}

    def open(self):
        pass

    def write(self, frame, annotation):
        if frame.id in FRAMES:
            self.annotations[frame.id] = annotation

    def close(self):
        pass


def run_demo() -> Kept:
    kept = Kept()
    source = DemoSource((max(FRAMES) + 1) / 30)
    source.open()
    Pipeline(load_config("desktop-cpu").config, source, [kept]).run()
    assert sorted(kept.annotations) == list(FRAMES)
    return kept


@pytest.fixture(scope="module")
def shown(face_box) -> Kept:
    """A run that is told where the faces are, so that a better locator does not count as a change of pictures."""

    def process(self, frame):
        faces = []
        for number, pose in enumerate(poses(frame.id), start=1):
            box = Box(*face_box(pose))
            faces.append(Face(box, 9.0, number, box))
        return Located(tuple(faces), cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocatorWorker, "process", process)
        kept = run_demo()
    if os.environ.get("SMILEDET_STORE_REFERENCE"):
        FOLDER.mkdir(exist_ok=True)
        cv2.imwrite(str(PICTURES), sheet(kept))
        READINGS.write_text(json.dumps(readings(kept), indent=1) + "\n")
    return kept


def sheet(kept: Kept) -> np.ndarray:
    small = [
        cv2.resize(annotation.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for _, annotation in sorted(kept.annotations.items())
    ]
    return np.concatenate([small[0], small[-1]], axis=1)


def readings(kept: Kept) -> dict:
    return {
        str(number): [
            {task: [each.label, round(each.score, 4)] for task, each in reading.predictions.items()}
            for reading in annotation.readings
        ]
        for number, annotation in sorted(kept.annotations.items())
    }


def differences(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean difference, and share of the pixels with a large one."""
    apart = cv2.absdiff(one, other)
    return float(apart.mean()), float((apart.max(axis=2) > LARGE).mean())


def test_the_pictures(shown):
    mean, share = differences(sheet(shown), cv2.imread(str(PICTURES)))
    assert mean <= MEAN_ERROR and share <= LARGE_SHARE


def test_the_readings(shown):
    known = json.loads(READINGS.read_text())
    now = readings(shown)
    assert now.keys() == known.keys()
    for number, faces in known.items():
        assert len(now[number]) == len(faces)
        for face, expected in zip(now[number], faces, strict=True):
            assert face.keys() == expected.keys()
            for task, (label, score) in expected.items():
                assert face[task][0] == label, (number, task)
                assert face[task][1] == pytest.approx(score, abs=SCORE_ERROR), (number, task)


@pytest.mark.parametrize("change", ["a label's letters", "a box two pixels aside", "a darker picture"])
def test_a_change_would_be_seen(shown, change):
    """The tolerances forgive no change that matters."""
    before = sheet(shown)
    after = before.copy()
    if change == "a label's letters":
        face = shown.annotations[FRAMES[0]].readings[0].face.box
        x, y, side = round(face.x / 2), round(face.y / 2), round(face.width / 2)
        after[max(0, y - 30) : y, x : x + side] = 23  # the card's plate without what stands on it
    elif change == "a box two pixels aside":
        after[:240, :320] = np.roll(after[:240, :320], 1, axis=1)
    else:
        after = np.maximum(after, 1) - 1
    mean, share = differences(before, after)
    assert mean > MEAN_ERROR or share > LARGE_SHARE


def test_the_locator_finds_what_is_there(face_box):
    """With the real locator: both faces, with the reference's labels, framed as they lie."""
    known = json.loads(READINGS.read_text())
    kept = run_demo()
    for number in FRAMES[1:]:  # a face is shown once it was found often enough
        found = sorted(kept.annotations[number].readings, key=lambda reading: reading.face.box.x)
        assert len(found) == 2
        for reading, pose, expected in zip(found, poses(number), known[str(number)], strict=True):
            assert reading.face.box.iou(Box(*face_box(pose))) > 0.6
            assert {task: each.label for task, each in reading.predictions.items()} == {
                task: label for task, (label, _) in expected.items()
            }
