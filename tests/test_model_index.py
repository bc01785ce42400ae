"""The model index: what is read is what was written, and what is damaged is named."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import ChipSpec
from smiledet.model_index import INDEX, Model, ModelFile, find_model, read_index, sha256, write_row

WEIGHTS = b"weights " * 1000


def model_in(folder: Path, task: str = "smile", name: str = "small") -> Model:
    """A model with one file, not in the index yet."""
    (folder / task).mkdir(exist_ok=True)
    path = folder / task / f"{name}.tflite"
    path.write_bytes(WEIGHTS)
    return Model(
        task=task,
        name=name,
        architecture="tiny",
        labels=("no", "yes"),
        input=ChipSpec(64, 0.8, 3),
        preprocessing="none",
        files={"litert": ModelFile(f"{task}/{name}.tflite", hashlib.sha256(WEIGHTS).hexdigest())},
        figures={"accuracy": 0.93, "by class": {"no": 0.9, "yes": 0.96}},
        card=f"{task}/{name}.md",
        folder=folder,
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    model = model_in(tmp_path)
    write_row(model)
    (found,) = read_index(tmp_path)
    assert found == model
    assert found.folder == tmp_path
    assert found.file("litert").read_bytes() == WEIGHTS


def test_a_model_may_take_no_chips(tmp_path: Path) -> None:
    model = replace(model_in(tmp_path), input=None, labels=())
    write_row(model)
    assert read_index(tmp_path) == [model]


def test_a_row_takes_the_place_of_the_one_of_its_name(tmp_path: Path) -> None:
    first, other, elsewhere = (
        model_in(tmp_path),
        model_in(tmp_path, name="large"),
        model_in(tmp_path, task="emotion"),
    )
    for model in (first, other, elsewhere):
        write_row(model)
    better = replace(first, figures={"accuracy": 0.99})
    write_row(better)
    assert read_index(tmp_path) == [elsewhere, other, better]  # by task and name


def test_the_index_stays_whole_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_row(model_in(tmp_path))
    before = (tmp_path / INDEX).read_bytes()
    write = os.pwrite

    def half(descriptor: int, data: bytes, place: int) -> int:
        write(descriptor, data[: len(data) // 2], place)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("smiledet.system.output_files.os.pwrite", half)
    with pytest.raises(SmiledetError, match="No space left"):
        write_row(model_in(tmp_path, name="large"))
    assert (tmp_path / INDEX).read_bytes() == before
    monkeypatch.undo()
    write_row(model_in(tmp_path, name="large"))  # what was left behind is no hindrance
    assert [model.name for model in read_index(tmp_path)] == ["large", "small"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [INDEX, "smile"]


def test_a_broken_index_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(UsageError, match="is broken"):
        write_row(model_in(tmp_path))
    assert (tmp_path / INDEX).read_text() == "{"


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class TestFiles:
    def test_a_damaged_file_is_refused_with_both_sums(self, tmp_path: Path) -> None:
        model = model_in(tmp_path)
        path = tmp_path / "smile" / "small.tflite"
        damaged = WEIGHTS[:-1] + b"!"
        path.write_bytes(damaged)
        with pytest.raises(UsageError) as caught:
            model.file("litert")
        found, expected = hashlib.sha256(damaged).hexdigest()[:12], hashlib.sha256(WEIGHTS).hexdigest()[:12]
        assert str(caught.value) == (
            f"model smile/small: {path} is damaged: its sha256 is {found}…, the index says {expected}…"
        )

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        model = model_in(tmp_path)
        path = tmp_path / "smile" / "small.tflite"
        path.unlink()
        with pytest.raises(UsageError) as caught:
            model.file("litert")
        assert str(caught.value) == f"model smile/small: {path} is missing: train it again"

    def test_an_engine_without_a_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            model_in(tmp_path).file("steam")
        assert str(caught.value) == "model smile/small has no steam file; it has litert"


class TestFinding:
    def test_by_task_and_name(self, tmp_path: Path) -> None:
        for task, name in (("smile", "small"), ("smile", "large"), ("emotion", "small")):
            write_row(model_in(tmp_path, task, name))
        found = find_model("emotion", "small", tmp_path)
        assert (found.task, found.name) == ("emotion", "small")

    @pytest.mark.parametrize(
        ("task", "there"),
        [
            ("smile", "large, small, mini-xception, mini-xception-emotion, mobilenet-025, mobilenet-100"),
            ("presents", "none"),
        ],
    )
    def test_an_unknown_one_is_refused_with_those_that_there_are(self, task: str, there: str, tmp_path: Path) -> None:
        for name in ("small", "large"):
            write_row(model_in(tmp_path, name=name))
        with pytest.raises(UsageError) as caught:
            find_model(task, "huge", tmp_path)
        assert str(caught.value) == f"no model 'huge' for the task {task!r}; there are {there}"


class TestBrokenIndexes:
    def test_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            read_index(tmp_path)
        assert str(caught.value) == f"no model index at {tmp_path / INDEX}"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            "{}",
            '{"models": 3}',
            '{"models": ["smile"]}',
            '{"models": [null]}',
            '{"models": [{}]}',
        ],
    )
    def test_it_is_no_index(self, text: str, tmp_path: Path) -> None:
        (tmp_path / INDEX).write_text(text)
        self._refused(tmp_path)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("labels", 3),
            ("input", {"side": 3}),
            ("input", [64]),
            ("files", None),
            ("files", ["a.tflite"]),
            ("files", {"litert": "a.tflite"}),
            ("files", {"litert": {"path": "a.tflite"}}),
            ("flavour", "sweet"),  # an unknown key
        ],
    )
    def test_a_row_is_not_what_it_should_be(self, key: str, value: object, tmp_path: Path) -> None:
        write_row(model_in(tmp_path))
        index = json.loads((tmp_path / INDEX).read_text())
        index["models"][0][key] = value
        (tmp_path / INDEX).write_text(json.dumps(index))
        self._refused(tmp_path)

    @pytest.mark.parametrize("key", ["task", "name", "labels", "input", "files"])
    def test_a_row_lacks_something(self, key: str, tmp_path: Path) -> None:
        write_row(model_in(tmp_path))
        index = json.loads((tmp_path / INDEX).read_text())
        del index["models"][0][key]
        (tmp_path / INDEX).write_text(json.dumps(index))
        self._refused(tmp_path)

    def test_it_is_not_text(self, tmp_path: Path) -> None:
        (tmp_path / INDEX).write_bytes(b"\xff\xfe\x00")
        self._refused(tmp_path)

    @staticmethod
    def _refused(folder: Path) -> None:
        with pytest.raises(UsageError) as caught:
            read_index(folder)
        assert str(caught.value).startswith(f"the model index {folder / INDEX} is broken: ")
        assert "\n" not in str(caught.value)


def test_the_shipped_landmarks_are_whole() -> None:
    model = find_model("landmarks", "ert68")
    assert model.input is None
    assert all(model.file(kind).is_file() for kind in ("dlib", "template"))
