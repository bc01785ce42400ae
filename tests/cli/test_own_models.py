"""Models and tasks of one's own, without touching the package: from a folder of photographs to a run."""

from __future__ import annotations

import csv
import json
import pickle
import re
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from smiledet import FaceReader, FaceReading, UsageError, watch
from smiledet.cli import main
from smiledet.config import load_config
from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.frame import ChipSpec
from smiledet.model_files import bring_task_of_file
from smiledet.model_index import Model, ModelFile, all_models, find_model, search_first, sha256, write_row, write_task
from smiledet.scope import own_scope
from smiledet.sources.demo import scene
from smiledet.tasks import base as tasks

RUN = ("run", "demo", "--no-show", "--max-frames", "3")


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def network(tmp_path):
    """A network with two answers, outside of any models folder."""
    path = tmp_path / "own.tflite"
    path.write_bytes(find_model("smile", "mini-xception").file("litert").read_bytes())
    return path


def model_of_file(task: str, path: str) -> Model:
    """A file's model, with the task that its card brings."""
    with own_scope():
        bring_task_of_file(task, Path(path))
        return find_model(task, path)


def models_folder(folder: Path, *labels: str) -> Path:
    """A models folder with a task `presents` of these labels."""
    shipped = find_model("smile", "mini-xception")
    folder.mkdir()
    (folder / "net.tflite").write_bytes(shipped.file("litert").read_bytes())
    files = {"litert": ModelFile("net.tflite", sha256(folder / "net.tflite"))}
    write_row(replace(shipped, task="presents", name="net", labels=labels, files=files, folder=folder))
    write_task(tasks.define_task("presents", labels), folder)
    return folder


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
            ("_hidden", ("a", "b"), {}, "letters, digits and underscores"),
            ("class", ("a", "b"), {}, "letters, digits and underscores"),
            (None, ("a", "b"), {}, "letters, digits and underscores"),
            ("draw", ("a", "b"), {}, "taken by a stage"),
            *((name, ("a", "b"), {}, "a column") for name in ("x", "time", "eyes_open", "latency_ms")),
            *((name, ("a", "b"), {}, "a column") for name in ("score", "times", "track", "smile_intensity")),
            ("smile_score", ("a", "b"), {}, "a column of the task 'smile'"),
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

    def test_every_column_and_attribute_of_a_face_is_refused(self):
        from smiledet.columns import column_names

        taken = {*column_names([tasks.get_task(name) for name in tasks.shipped_tasks()]), *dir(FaceReading)}
        for name in taken - {*tasks.shipped_tasks()}:
            with pytest.raises(UsageError, match="task name"):
                tasks.register_task(name, ("a", "b"))

    def test_emotion8_has_contempt_and_a_model(self):
        assert "contempt" in tasks.get_task("emotion8").labels
        assert main([*RUN, "--tasks", "emotion8", "--events", "out.csv"]) == 0
        (header, *_) = Path("out.csv").read_text().splitlines()
        assert "emotion8_contempt" in header


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package that brings tasks by entry points: its folder is on Python's path."""
    tasks._entry_points.cache_clear()

    def install(module: str, **points: str) -> None:
        site = tmp_path / "site"
        about = site / "hats-1.0.dist-info"
        about.mkdir(parents=True)
        (site / "hats_for_smiledet.py").write_text(module)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hats\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (about / "entry_points.txt").write_text(f"[smiledet.tasks]\n{lines}")
        monkeypatch.syspath_prepend(str(site))

    yield install
    sys.modules.pop("hats_for_smiledet", None)
    tasks._entry_points.cache_clear()


class TestEntryPoints:
    TASK = "import smiledet\nTASK = smiledet.Task('hats', ('none', 'hat'))\n"
    READ = ("--tasks", "smile,hats", "--model", "hats=own.tflite")

    def test_an_installed_package_brings_a_task(self, installed, network, tmp_path):
        installed(self.TASK, hats="hats_for_smiledet:TASK")
        assert main([*RUN, *self.READ, "--events", "out.csv", "--record", "out.mp4"]) == 0
        rows = list(csv.DictReader((tmp_path / "out.csv").open()))
        assert rows and {row["hats"] for row in rows} <= {"none", "hat"}
        with FaceReader(("hats",), model={"hats": "own.tflite"}) as reader:
            photo = reader.read(scene(0))
        assert [set(face.hats.scores) for face in photo] == [{"none", "hat"}] * 2
        assert photo.annotated().shape == photo.image.shape

    @pytest.mark.parametrize(
        ("module", "words"),
        [
            ("TASK = 3\n", "the entry point 'hats' (hats_for_smiledet:TASK) is no smiledet.Task of that name"),
            ("1 / 0\n", "task 'hats' of the package hats_for_smiledet:TASK: ZeroDivisionError"),
            ("", "task 'hats' of the package hats_for_smiledet:TASK: AttributeError"),
        ],
    )
    def test_one_that_is_none_is_named(self, installed, network, capsys, module, words):
        installed(module, hats="hats_for_smiledet:TASK")
        assert words in refused(capsys, *RUN, *self.READ)
        assert main([*RUN, "--tasks", "smile"]) == 0  # whoever does not ask for it is not hindered

    def test_a_column_is_no_name_here_either(self, installed, network, capsys):
        installed(self.TASK.replace("hats", "time"), time="hats_for_smiledet:TASK")
        assert "'time' is taken by" in refused(capsys, *RUN, "--tasks", "time", "--model", "time=own.tflite")


class TestScopes:
    """Tasks and models of one's own are known as long as a command or reader needs them."""

    @pytest.fixture(autouse=True)
    def unchanged(self):
        """Nothing stays behind."""
        before = tasks.task_names(), all_models()
        yield
        assert (tasks.task_names(), all_models()) == before

    @pytest.mark.parametrize("more", [[], ["--record", "nowhere/out.mp4"]])
    def test_a_command_leaves_nothing_behind(self, tmp_path, more):
        models_folder(tmp_path / "own", "none", "some")
        code = main([*RUN, "--tasks", "presents", "--models", "own", *more])
        assert code == (2 if more else 0)

    @pytest.mark.parametrize("command", [["models"], ["evaluate", "presents", "--data", "folders:own"]])
    def test_nor_does_one_that_searches_the_folder_first(self, tmp_path, command):
        models_folder(tmp_path / "own", "none", "some")
        main([*command, "--models", "own"])

    def test_two_readers_have_tasks_of_one_name(self, tmp_path):
        folders = [models_folder(tmp_path / "a", "none", "some"), models_folder(tmp_path / "b", "few", "many")]
        barrier, found = threading.Barrier(2), {}

        def read(folder):
            barrier.wait()
            with FaceReader(("presents",), models=folder) as reader:
                barrier.wait()  # both are open
                found[folder] = set(reader.read(scene(0)).faces[0].presents.scores)

        threads = [threading.Thread(target=read, args=(folder,)) for folder in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {folders[0]: {"none", "some"}, folders[1]: {"few", "many"}}

    def test_a_configuration_is_read_where_its_task_is_not_known(self, network, tmp_path):
        (tmp_path / "own.toml").write_text(
            "tasks = ['presents']\n[[task]]\nname = 'presents'\nlabels = ['none', 'some']\nmodel = 'own.tflite'\n"
        )
        config = load_config("desktop-cpu", tmp_path / "own.toml").config
        with FaceReader(config.tasks, config=config) as reader:
            assert set(reader.read(scene(0)).faces[0].presents.scores) == {"none", "some"}
        (reading,) = watch("demo", tasks=config.tasks, config=config, max_frames=1)
        assert reading.frame == 0


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

    def test_a_models_folder_whose_file_is_gone_is_named(self, tmp_path, capsys):
        models_folder(tmp_path / "own", "none", "some")
        (tmp_path / "own" / "net.tflite").unlink()
        assert "own/net.tflite is missing: train it again" in refused(capsys, "models", "--models", "own")

    @pytest.mark.parametrize("flags", [("--model", "=net"), ("--labels", "=a,b")])
    def test_a_task_without_a_name_is_refused(self, capsys, flags):
        assert f"{flags[0]} {flags[1]!r}: expected TASK=" in refused(capsys, *RUN, *flags)


class TestCards:
    """`FILE.json` beside a model's file."""

    def test_it_says_labels_and_margin(self, network, tmp_path):
        card = {"labels": ["none", "some"], "margin": 0.8, "mirror_averaging": True}
        (tmp_path / "own.tflite.json").write_text(json.dumps(card))
        assert main([*RUN, "--tasks", "presents", "--model", "presents=own.tflite", "--events", "out.csv"]) == 0
        assert {row["presents"] for row in csv.DictReader((tmp_path / "out.csv").open())} <= {"none", "some"}
        found = model_of_file("presents", "own.tflite")
        assert (found.labels, found.input, found.mirror_averaging) == (("none", "some"), ChipSpec(64, 0.8, 1), True)

    def test_in_python_it_defines_the_task(self, network, tmp_path):
        (tmp_path / "own.tflite.json").write_text('{"labels": ["none", "some"]}')
        with FaceReader(("presents",), model={"presents": "own.tflite"}) as reader:
            assert set(reader.read(scene(0)).faces[0].presents.scores) == {"none", "some"}

    def test_without_one_it_frames_the_face_as_the_detector_does(self, network):
        assert find_model("smile", str(network)).input == ChipSpec(64, 1.0, 1)

    def test_the_margin_decides_what_the_network_is_shown(self, network, tmp_path):
        def scores():
            with FaceReader(("smile",), model={"smile": str(network)}) as reader:
                return [face.smile.scores["smiling"] for face in reader.read(scene(0)).faces]

        shipped = find_model("smile", "mini-xception")
        assert shipped.input.margin != 1
        with FaceReader(("smile",), model={"smile": "mini-xception"}, engine="litert") as reader:
            right = [face.smile.scores["smiling"] for face in reader.read(scene(0)).faces]
        wrong = scores()
        (tmp_path / "own.tflite.json").write_text(json.dumps({"margin": shipped.input.margin}))
        assert np.abs(np.subtract(scores(), right)).max() < 0.02 < np.abs(np.subtract(wrong, right)).max()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "cannot be read as JSON"),
            ("[]", "expected an object"),
            ('{"margins": 1}', "unknown key margins"),
            ('{"margin": 9}', "margin is 9, expected 0.5 to 4"),
            ('{"margin": "wide"}', "margin is 'wide', expected a number"),
            ('{"labels": ["a", "b"]}', "there already, with the labels not smiling, smiling"),
        ],
    )
    def test_a_bad_one_is_refused(self, network, tmp_path, capsys, text, words):
        (tmp_path / "own.tflite.json").write_text(text)
        assert words in refused(capsys, *RUN, "--model", "smile=own.tflite")


class TestKerasFiles:
    @pytest.fixture
    def own(self, keras, tmp_path):
        """Writes `own.keras`: two answers of a grey picture, with further layers in between."""

        def write(*layers, name="own.keras"):
            network = keras.Sequential(
                [
                    keras.layers.Input((48, 48, 1)),
                    keras.layers.Rescaling(1 / 255),
                    *layers,
                    keras.layers.GlobalAveragePooling2D(),
                    keras.layers.Dense(2, activation="softmax"),
                ]
            )
            network.save(tmp_path / name)
            return network

        return write

    def test_one_is_run_by_tensorflow(self, own, keras, tmp_path):
        network = own(keras.layers.Conv2D(4, 3))
        arguments = ["--tasks", "presents,smile", "--model", "presents=own.keras", "--labels", "presents=none,some"]
        assert main([*RUN, *arguments, "--events", "out.csv"]) == 0
        rows = list(csv.DictReader((tmp_path / "out.csv").open()))
        assert rows and {row["presents"] for row in rows} <= {"none", "some"}
        tasks.register_task("presents", ("none", "some"))
        engine = load_engine("tensorflow", model_file(find_model("presents", "own.keras"), "tensorflow"))
        chips = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), np.uint8)
        assert engine.predict(chips) == pytest.approx(network.predict(chips.astype(np.float32), verbose=0), abs=1e-6)
        engine.close()

    def test_without_tensorflow_one_line_says_what_to_install(self, own, capsys, monkeypatch):
        own()
        monkeypatch.setattr("smiledet.engines.tensorflow.find_spec", lambda _: None)
        arguments = [*RUN, "--tasks", "presents", "--model", "presents=own.keras", "--labels", "presents=none,some"]
        assert "own.keras needs TensorFlow with Keras 3: pip install 'smiledet[tensorflow]'" in refused(
            capsys, *arguments
        )

    def test_code_in_it_is_never_run(self, own, keras, tmp_path, capsys):
        arguments = [*RUN, "--tasks", "presents", "--labels", "presents=none,some", "--model"]
        own(keras.layers.Lambda(lambda chips: chips * 2), name="lambda.keras")
        assert "lambda.keras is refused: it holds a Lambda layer" in refused(
            capsys, *arguments, "presents=lambda.keras"
        )
        with pytest.raises(UsageError, match="it holds a Lambda layer"):  # nor where Keras would read it
            named = ModelFile("lambda.keras", sha256(tmp_path / "lambda.keras"))
            replace(find_model("smile"), files={"keras": named}, folder=tmp_path).file("keras")
        own()
        with ZipFile(tmp_path / "own.keras", "a") as archive:
            archive.writestr("assets/state.pkl", pickle.dumps([1]))
        assert "own.keras is refused: it holds a pickle" in refused(capsys, *arguments, "presents=own.keras")

    @pytest.mark.parametrize("module", ["os", "keras_evil", "builtins.exec"])
    def test_classes_of_others_are_refused(self, own, tmp_path, capsys, module):
        own()
        with ZipFile(tmp_path / "own.keras") as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        config["config"]["layers"][1]["module"] = module
        with ZipFile(tmp_path / "evil.keras", "w") as archive:
            for name, data in (members | {"config.json": json.dumps(config)}).items():
                archive.writestr(name, data)
        arguments = [*RUN, "--tasks", "presents", "--labels", "presents=none,some", "--model", "presents=evil.keras"]
        assert f"evil.keras is refused: {module}.Rescaling is none of Keras' own layers" in refused(capsys, *arguments)

    @pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
    def test_what_is_no_keras_file_is_refused(self, keras, tmp_path, capsys, data):
        (tmp_path / "bad.keras").write_bytes(data)
        assert "bad.keras is no Keras 3 file" in refused(capsys, *RUN, "--model", "smile=bad.keras")


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

    @pytest.mark.slow
    def test_from_a_folder_of_photographs_to_a_run(self, tmp_path, capsys, caplog):
        faces_folder(tmp_path / "faces")
        for name in ("a.png", "b.png"):  # neither is held out
            cv2.imwrite(str(tmp_path / "faces" / "some" / name), scene(3))
        command = ["train", "presents", "--data", "folders:faces", "--epochs", "1"]
        with caplog.at_level("INFO"):
            assert main(command) == 0
        said = capsys.readouterr().out
        assert "1 photographs left out: no face was found in them" in caplog.text
        assert "1 photographs are copies of others under the same label" in caplog.text
        assert "test: " in said and "held-out faces" in said
        assert "--tasks presents --model presents=mini-xception --models smiledet-models" in said
        index = json.loads((tmp_path / "smiledet-models" / "index.json").read_text())
        assert index["tasks"][0]["labels"] == ["none", "some"]

        assert main([*RUN, "--tasks", "presents", "--models", "smiledet-models", "--events", "out.csv"]) == 0
        assert len(list(csv.DictReader((tmp_path / "out.csv").open()))) >= 3

        # Measured on what it was not trained on, whatever the files are called by now.
        for number, photograph in enumerate(sorted(Path(shutil.copytree("faces", "renamed")).rglob("*.png"))):
            photograph.rename(photograph.with_name(f"photograph{number}.png"))
        measure = ["evaluate", "presents", "--models", "smiledet-models", "--data", "folders:renamed"]
        capsys.readouterr()
        assert main([*measure, "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)
        held_out = int(re.search(r"of (\d+) held-out faces", said).group(1))
        assert (figures["split"], figures["found"]) == ("all", held_out) and figures["left_out"] > 3 * held_out
        assert main([*measure, "--split", "all"]) == 0
        assert f"folders:renamed (all, {figures['left_out']} of them trained on): " in capsys.readouterr().out

        with FaceReader(("presents",), models="smiledet-models") as reader:
            assert len(reader.read(scene(0)).faces) == 2

        # The same again goes on with what is there; anything else is refused.
        assert main(command) == 0
        capsys.readouterr()
        assert "another recipe (schedule): --fresh starts anew" in refused(capsys, *command[:-1], "2")
        swapped = tmp_path / "faces" / "some" / "1.png"
        data = swapped.read_bytes()
        swapped.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # another content of the same size
        assert "other training data" in refused(capsys, *command)
        swapped.write_bytes(data)
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
        assert "--data 'folders': expected LAYOUT:PATH" in refused(capsys, "train", "hats", "--data", "folders")
        assert "--data 'zip:faces': no layout 'zip'" in refused(capsys, "train", "hats", "--data", "zip:faces")
        assert "names no data" in refused(capsys, "train", "hats", "--data-folder", ".")


def test_search_first_needs_an_index(tmp_path):
    with own_scope(), pytest.raises(UsageError, match="no model index at"):
        search_first(tmp_path)
