"""`smiledet models`: what is there, and what can be trained."""

from __future__ import annotations

import json

import pytest

from smiledet.cli import main
from smiledet.lab import backend
from smiledet.model_index import read_index


def test_trained_models_as_a_table_and_as_json(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [f"{model.task}/{model.name}" for model in read_index()]
    assert main(["models", "--json", "--check"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["task"], row["name"]) for row in rows] == [(model.task, model.name) for model in read_index()]
    for row, model in zip(rows, read_index(), strict=True):
        assert row["bytes"] == {engine: model.file(engine).stat().st_size for engine in model.files}
        assert row["input"] is None or row["input"][0] == model.input.size


def test_files_of_architectures_cannot_be_checked(capsys):
    assert main(["models", "--architectures", "--check"]) == 2
    assert "--check" in capsys.readouterr().err


def test_without_the_train_extra_it_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    assert main(["models", "--architectures"]) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1 and "smiledet[train]" in complaint


class TestArchitectures:
    pytestmark = pytest.mark.train

    NAMES = ("mini-xception", "mobilenet-025-128", "mobilenet-050-128", "xcao")

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        """All of them take half a minute."""
        try:
            backend.prepare()
        except Exception as problem:
            pytest.skip(str(problem))
        base = pytest.importorskip("smiledet.lab.networks.base")
        rows = base.architectures()
        monkeypatch.setattr(base, "architectures", lambda: {name: rows[name] for name in self.NAMES})

    def test_a_table(self, capsys):
        assert main(["models", "--architectures"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == [
            "architecture",
            "parameters",
            "multiply-adds",
            "FLOPs",
            "input",
            "outputs",
            "source",
        ]
        cells = [line.split()[:7] for line in lines[1:5]]
        assert cells[0] == ["mini-xception", "58,423", "10.2", "20.3", "64x64x1", "7", "softmax"]
        assert cells[1] == ["mobilenet-025-128", "218,801", "13.3", "26.6", "128x128x3", "1", "sigmoid"]
        assert lines[4].startswith("xcao ") and "6,970,728" in lines[4] and "seed 001" in lines[4]
        # One note for both, once.
        assert sum(line.startswith("mobilenet-025-128, mobilenet-050-128: ") for line in lines) == 1

    def test_json(self, capsys):
        assert main(["models", "--architectures", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert tuple(rows) == self.NAMES
        assert rows["xcao"] | {"note": "", "source": ""} == {
            "name": "xcao",
            "parameters": 6_970_728,
            "trainable": 6_970_136,
            "published_parameters": 6_970_728,
            "multiply_adds": rows["xcao"]["multiply_adds"],
            "flops": 2 * rows["xcao"]["multiply_adds"],
            "input": [224, 224, 1],
            "classes": 8,
            "smallest_side": 32,
            "any_side": False,
            "imagenet": False,
            "source": "",
            "note": "",
        }
        assert rows["mobilenet-025-128"]["imagenet"] and rows["mobilenet-025-128"]["any_side"]
