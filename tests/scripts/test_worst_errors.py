"""Sheets of a model's worst mistakes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.lab.datasets.base import Sample
from smiledet.lab.training.evaluation.evaluate import Evaluation
from smiledet.lab.training.evaluation.readings import Readings
from smiledet.model_index import find_model
from smiledet.tasks.base import get_task

SCRIPT = Path(__file__).parents[2] / "scripts" / "worst_errors.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("worst_errors", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reading(tmp_path, script, monkeypatch):
    """A model that reads four photographs: one rightly, three wrongly and less and less surely."""
    scores = np.array([[0.1, 0.9], [0.45, 0.55], [0.02, 0.98], [0.3, 0.7]], np.float32)
    samples = []
    for number, label in enumerate(("smiling", *["not smiling"] * 3)):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((40, 40, 3), 60 * number + 50, np.uint8))
        samples.append(Sample(path, label, "test"))
    readings = Readings(find_model("smile"), tuple(samples), scores, (), 0)
    evaluation = [Evaluation(get_task("smile"), readings, {})]
    monkeypatch.setattr(script, "evaluate_models", lambda *_: evaluation)
    return readings


def test_the_surest_mistakes_come_first(script, reading, tmp_path, capsys):
    output = tmp_path / "sheets"
    assert script.main(["--task", "smile", "--model", "mini-xception", "--count", "2", "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "2 of 3 of 4 faces" in said and "3  not smiling: smiling" in said
    sheet = cv2.imread(str(output / "smile-mini-xception.png"))
    shown = {level: (sheet[..., 0] == level) for level in (50, 110, 170, 230)}  # a photograph each
    assert [level for level, where in shown.items() if where.sum() > 1000] == [170, 230]
    assert np.argwhere(shown[170])[:, 1].mean() < np.argwhere(shown[230])[:, 1].mean()


def test_ages_are_worse_the_further_they_are_off(script, tmp_path):
    task = get_task("age")
    scores = np.zeros((2, len(task.labels)), np.float32)
    scores[0, 30] = scores[1, 30] = 1
    samples = tuple(Sample(tmp_path, str(age), "test", target=float(age)) for age in (31, 50))
    wrong, captions = script.badness(task, Readings(find_model("age"), samples, scores, (), 0))
    assert wrong.tolist() == [1, 20] and captions == ["31: 30", "50: 30"]


def test_no_sheet_goes_into_a_repository(script, tmp_path, complaint):
    (tmp_path / "project" / ".git").mkdir(parents=True)
    with complaint("repository", "outside"):
        script.main(["--task", "smile", "--output", str(tmp_path / "project" / "sheets")])
    assert not (tmp_path / "project" / "sheets").exists()
    with complaint("--count", "0"):
        script.main(["--count", "0", "--output", str(tmp_path)])
