"""What hard pictures cost: read and found on the two portraits that the package carries."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.lab.datasets.base import Sample
from smiledet.lab.training.faces.hard_pictures import DIFFICULTIES
from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("robustness_table")


@pytest.fixture(scope="module")
def faces(script):
    labels = {"collins": "smiling", "hopper": "not smiling"}
    samples = [Sample(portrait.path, labels[portrait.name], "test") for portrait in PORTRAITS]
    return script.known_faces(samples, shipped_aligner())


def test_the_portraits_are_read_right_and_a_mask_takes_the_smile(script, faces):
    figures = script.read_hard(faces, [find_model("smile", "mini-xception")], shipped_aligner())
    assert list(figures) == [script.AS_IT_IS, *DIFFICULTIES]
    assert figures[script.AS_IT_IS] == figures["JPEG, quality 20"] == [1.0]
    assert figures["mask"] == [0.5]


def test_viola_jones_loses_a_tilted_head(script, faces):
    found = script.found_hard(faces, ["haar"])
    assert found[script.AS_IT_IS] == [1.0] and found["roll, 45 degrees"] == [0.0]


def test_a_number_is_judged_by_how_far_off_it_is(script, faces):
    model = find_model("age")
    scores = np.zeros(len(model.labels), np.float32)
    scores[30] = 1
    face = script.KnownFace(faces[0].image, faces[0].box, faces[0].points, "42")
    assert script.judged(model, scores, face) == pytest.approx(12)


def test_the_table_says_what_is_lost(script):
    values = {script.AS_IT_IS: 0.95, **dict.fromkeys(DIFFICULTIES, 0.9)}
    header, _, line = script.table([("smile, a", values, 100.0, "% right")]).splitlines()
    assert header.count("|") == line.count("|") == len(DIFFICULTIES) + 3
    assert "95.0 % right" in line and line.count("-5.0") == len(DIFFICULTIES)


def test_the_dark_is_evened_out_as_at_deployment(script, faces):
    image, _, _ = script.hard(faces[1], "light x 0.12", 0)
    assert cv2.mean(image)[0] > 2 * 0.12 * cv2.mean(faces[1].image)[0]
