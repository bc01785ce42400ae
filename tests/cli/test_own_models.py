"""Models and tasks of one's own, without touching the package: from a folder of photographs to a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from smiledet import FaceReader, UsageError
from smiledet.cli import main
from smiledet.model_index import find_model, search_first
from smiledet.sources.demo import scene
from smiledet.tasks import base as tasks

RUN = ("run", "demo", "--no-show", "--max-frames", "3")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch, tmp_path) -> Iterator[None]:
    """Each test begins without tasks or folders of its own, in an empty folder."""
    monkeypatch.setattr(tasks, "_registered", {})
    monkeypatch.setattr("smiledet.model_index._searched", [])
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def network(tmp_path):
    """A network with two answers, outside of any models folder."""
    path = tmp_path / "own.tflite"
    path.write_bytes(find_model("smile", "mini-xception").file("litert").read_bytes())
    return path


def refused(capsys, *arguments) -> str:
    assert main([*map(str, arguments)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("smiledet: ")
    return last


class TestTasks:
    def test_a_registered_task_is_named_like_any_other(self, network):
        tasks.register_task("presents", ("none", "some"), colours={"some": (1, 2, 3)})
        with FaceReader(("presents", "smile"), model={"presents": str(network)}) as reader:
            faces = reader.read(scene(0)).faces
        assert [set(face.presents.scores) for face in faces] == [{"none", "some"}] * 2

    def test_registering_it_twice_does_no_harm_but_with_other_labels(self):
        tasks.register_task("presents", ("none", "some"))
        tasks.register_task("presents", ("none", "some"))
        with pytest.raises(UsageError, match="there already, with the labels none, some"):
            tasks.register_task("presents", ("few", "many"))
        with pytest.raises(UsageError, match="there already, with the labels not smiling, smiling"):
            tasks.register_task("smile", ("no", "yes"))

    @pytest.mark.parametrize(
        ("name", "labels", "more", "words"),
        [
            ("2many", ("a", "b"), {}, "letters, digits and underscores"),
            ("draw", ("a", "b"), {}, "taken by a stage"),
            ("time", ("a", "b"), {}, "a column"),
            ("score", ("a", "b"), {}, "a column"),
            ("presents", ("a",), {}, "two or more"),
            ("presents", "ab", {}, "two or more"),
            ("presents", ("a", "a"), {}, "stands twice"),
            ("presents", ("a", "b"), {"colours": {"c": (1, 2, 3)}}, "none of its labels"),
            ("presents", ("a", "b"), {"colours": {"a": (1, 2, 300)}}, "three of 0 to 255"),
            ("presents", ("a", "b"), {"hysteresis": 2}, "expected 0 or more, 0 to 1"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, name, labels, more, words):
        with pytest.raises(UsageError, match=words):
            tasks.register_task(name, labels, **more)

    def test_a_package_brings_one_by_an_entry_point(self, monkeypatch):
        brought = tasks.Task("hats", ("none", "hat"), {})

        class Point:
            value = "theirs:TASK"

            def load(self):
                return brought

        monkeypatch.setattr(tasks, "_entry_points", lambda: {"hats": Point()})
        assert tasks.get_task("hats") is brought and "hats" in tasks.task_names()
        monkeypatch.setattr(Point, "load", lambda self: 3)
        with pytest.raises(UsageError, match=r"entry point 'hats' \(theirs:TASK\) is no smiledet.Task"):
            tasks.get_task("hats")

    def test_emotion8_has_contempt_and_no_model(self, capsys):
        assert "contempt" in tasks.get_task("emotion8").labels
        assert "no model ships for the task 'emotion8'" in refused(capsys, *RUN, "--tasks", "emotion8")


class TestFiles:
    @pytest.mark.parametrize("form", ["[[task]]\nname = 'presents'\n", "[task.presents]\n"])
    def test_a_configuration_defines_a_task_and_names_its_file(self, form, network, tmp_path):
        config = tmp_path / "own.toml"
        config.write_text(f"tasks = ['presents']\n{form}labels = ['none', 'some']\nmodel = 'own.tflite'\n")
        assert main([*RUN, "--config", str(config), "--events", "out.csv"]) == 0
        rows = list(csv.DictReader((tmp_path / "out.csv").open()))
        assert {row["presents"] for row in rows} <= {"none", "some"} and rows

    def test_the_command_line_alone_does(self, network):
        assert (
            main([*RUN, "--tasks", "presents", "--model", f"presents={network}", "--labels", "presents=none,some"]) == 0
        )

    def test_other_than_it_answers_is_refused(self, network, capsys):
        arguments = [*RUN, "--tasks", "presents", "--model", "presents=own.tflite", "--labels", "presents=a,b,c"]
        assert "own.tflite has 2 outputs, the task 'presents' has 3 labels: a, b, c" in refused(capsys, *arguments)

    def test_what_is_no_network_is_refused(self, tmp_path, capsys):
        (tmp_path / "text.tflite").write_text("no network")
        assert "text.tflite is no network that can be read" in refused(capsys, *RUN, "--model", "smile=text.tflite")
        assert "no model file nowhere.onnx" in refused(capsys, *RUN, "--model", "smile=nowhere.onnx")

    def test_a_file_in_a_models_folder_is_read_as_its_index_says(self):
        path = find_model("emotion", "mobilenet-075").file("litert-int8")
        assert find_model("emotion", str(path)).input == find_model("emotion", "mobilenet-075").input

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[[task]]\nlabels = ['a', 'b']\n", "has no name"),
            ("[[task]]\nname = 'hats'\n[[task]]\nname = 'hats'\n", "two [[task]] are called 'hats'"),
            ("[[task]]\nname = 'hats'\nlabels = ['a']\n", "two or more"),
            ("[[task]]\nname = 'smile'\nlabels = ['a', 'b']\n", "there already"),
            ("models = 'nowhere'\n", "no model index at nowhere"),
        ],
    )
    def test_a_bad_configuration_is_refused(self, text, words, tmp_path, capsys):
        (tmp_path / "bad.toml").write_text(text)
        assert words in refused(capsys, *RUN, "--config", "bad.toml")


def faces_folder(folder, labels=("none", "some"), count=24):
    """Faces of the demo in a folder a label; those of the second label hold something red."""
    for number in range(count):
        for label in labels:
            picture = scene(5 * number).copy()
            if label == labels[1]:
                cv2.rectangle(picture, (0, 380), (639, 479), (0, 0, 255), -1)
            (folder / label).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / label / f"{number}.png"), picture[:, : 320 if number % 2 else 640])
    cv2.imwrite(str(folder / labels[0] / "empty.png"), np.full((80, 80, 3), 128, np.uint8))


@pytest.mark.train
class TestTraining:
    @pytest.fixture(autouse=True)
    def frameworks(self, keras):
        """Skips where there is no Keras."""

    def test_from_a_folder_of_photographs_to_a_run(self, tmp_path, capsys, caplog):
        faces_folder(tmp_path / "faces")
        command = ["train", "presents", "--data", "folders:faces", "--epochs", "1"]
        with caplog.at_level("INFO"):
            assert main(command) == 0
        said = capsys.readouterr().out
        assert "1 photographs left out: no face was found in them" in caplog.text
        assert "test: " in said and "held-out faces" in said
        assert "--tasks presents --model presents=mini-xception --models smiledet-models" in said
        index = json.loads((tmp_path / "smiledet-models" / "index.json").read_text())
        assert index["tasks"][0]["labels"] == ["none", "some"]

        tasks._registered.clear()  # as in another process
        assert main([*RUN, "--tasks", "presents", "--models", "smiledet-models", "--events", "out.csv"]) == 0
        assert len(list(csv.DictReader((tmp_path / "out.csv").open()))) >= 3
        assert main(["evaluate", "presents", "--models", "smiledet-models", "--data", "folders:faces"]) == 0
        with FaceReader(("presents",), models="smiledet-models") as reader:
            assert len(reader.read(scene(0)).faces) == 2

        # The same again goes on with what is there; anything else is refused.
        assert main(command) == 0
        capsys.readouterr()
        assert "another recipe (schedule): --fresh starts anew" in refused(capsys, *command[:-1], "2")
        cv2.imwrite(str(tmp_path / "faces" / "some" / "another.png"), scene(7))
        assert "other training data" in refused(capsys, *command)
        assert main([*command, "--fresh"]) == 0

    def test_fresh_empties_no_folder_of_something_else(self, tmp_path, capsys):
        faces_folder(tmp_path / "faces")
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear")
        command = ["train", "presents", "--data", "folders:faces", "--output", "mine", "--fresh"]
        assert "holds no training run" in refused(capsys, *command)
        assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"

    def test_bad_arguments_are_refused(self, tmp_path, capsys):
        faces_folder(tmp_path / "faces", count=1)
        folders = ("--data", "folders:faces")
        assert "no recipe 'nothing': there are" in refused(capsys, "train", "hats", "--recipe", "nothing", *folders)
        assert "--epochs is 0" in refused(capsys, "train", "hats", "--epochs", "0", *folders)
        assert "no data set at" in refused(capsys, "train", "hats", "--data", "folders:nowhere")
        assert "names no data" in refused(capsys, "train", "hats", "--data-folder", ".")


def test_search_first_needs_an_index(tmp_path):
    with pytest.raises(UsageError, match="no model index at"):
        search_first(tmp_path)
