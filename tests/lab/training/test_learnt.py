"""Photographs that a model was trained on are known by their content, and not measured."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.evaluation.evaluate import chosen_samples
from smiledet.lab.training.learnt import split_learnt, write_learnt
from smiledet.lab.training.own_data import held_out_split, training_split
from smiledet.model_index import ModelFile, find_model
from smiledet.tasks.base import Task

TASK = Task("presents", ("none", "some"), {})


@pytest.fixture
def data(tmp_path):
    """Ten photographs of each of two labels."""
    for number in range(20):
        path = tmp_path / "faces" / TASK.labels[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), 10 * number, np.uint8))
    return "folders:faces"


@pytest.fixture
def model(tmp_path):
    files = {"keras": ModelFile("presents/own.keras", "")}
    (tmp_path / "models" / "presents").mkdir(parents=True)
    return replace(find_model("smile"), task="presents", files=files, folder=tmp_path / "models")


def samples_in(tmp_path, folder="faces"):
    return read_samples(f"folders:{tmp_path / folder}")[1]


def test_what_is_left_is_the_part_held_out(data, model, tmp_path):
    everything = samples_in(tmp_path)
    assert split_learnt(everything, [model]) == (everything, [])
    write_learnt(model, [(TASK.name, data)], tmp_path)
    parts = held_out_split("folders", everything), training_split("folders", everything)
    for found, expected in zip(split_learnt(everything, [model]), parts, strict=True):
        assert [sample.image for sample in found] == [sample.image for sample in expected]
    chosen, which = chosen_samples(TASK, [model], f"folders:{tmp_path / 'faces'}", None)
    assert (len(chosen), which) == (4, {"split": "all", "trained_on": 0, "left_out": 16})
    chosen, which = chosen_samples(TASK, [model], f"folders:{tmp_path / 'faces'}", "all")
    assert (len(chosen), which) == (20, {"split": "all", "trained_on": 16, "left_out": 0})


def test_where_nothing_is_left_one_line_says_so(data, model, tmp_path):
    write_learnt(model, [(TASK.name, data)], tmp_path)
    for sample in held_out_split("folders", samples_in(tmp_path)):
        sample.image.unlink()
    with pytest.raises(UsageError, match="trained on each of its photographs; --split all takes them"):
        chosen_samples(TASK, [model], f"folders:{tmp_path / 'faces'}", None)


def test_data_with_splits_needs_no_list(data, model, tmp_path):
    write_learnt(model, [(TASK.name, data)], tmp_path)
    for split in ("train", "test"):
        (tmp_path / "parted" / split / "none").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "parted" / split / "none" / "a.png"), np.full((8, 8), 7, np.uint8))
    write_learnt(model, [(TASK.name, "folders:parted")], tmp_path)  # trained anew, on this: the old list is gone
    assert not list((tmp_path / "models" / "presents").iterdir())
    _, which = chosen_samples(TASK, [model], f"folders:{tmp_path / 'parted'}", None)
    assert which == {"split": "test", "trained_on": 0, "left_out": 0}


def test_the_sets_of_a_network_of_several_tasks_are_read_for_their_own(data, model, tmp_path):
    """GENKI-4K has no emotions: read for the first head's task it was refused, after hours of training."""
    (tmp_path / "genki4k" / "files").mkdir(parents=True)
    for number in range(2):
        cv2.imwrite(str(tmp_path / "genki4k" / "files" / f"file{number + 1:04d}.jpg"), np.full((8, 8), 9, np.uint8))
    (tmp_path / "genki4k" / "labels.txt").write_text("1 0 0 0\n0 0 0 0\n")
    write_learnt(model, [(TASK.name, data), ("smile", "genki4k:genki4k")], tmp_path)
    assert len(split_learnt(samples_in(tmp_path), [model])[1]) == 16
