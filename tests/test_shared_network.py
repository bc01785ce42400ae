"""One network for several tasks: grouped, run once, and each task its own answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smiledet.config import Config
from smiledet.frame import ChipSpec
from smiledet.model_index import Model, find_model, read_index, write_row
from smiledet.shared_network import share_networks
from smiledet.stages import worker_settings
from smiledet.tasks.base import get_task
from smiledet.workers.thread import WorkerSettings

SMILE, EMOTION, GENDER = (get_task(name) for name in ("smile", "emotion", "gender"))


def row(task, **more):
    return Model(task.name, "any", "any", task.labels, ChipSpec(32), "", {}, **more)


def test_models_of_one_file_and_chip_are_one_network():
    models = {
        "smile": row(SMILE, outputs=(7, 8)),
        "gender": row(GENDER),
        "emotion": row(EMOTION, outputs=tuple(range(7))),
    }
    files = {"smile": Path("a.tflite"), "gender": Path("b.tflite"), "emotion": Path("./a.tflite")}
    shared, alone = share_networks((SMILE, GENDER, EMOTION), models, files)
    assert (shared.stage, alone.stage) == ("smile+emotion", "gender")
    apart = {**models, "emotion": replace(models["emotion"], mirror_averaging=True)}
    assert len(share_networks((SMILE, GENDER, EMOTION), apart, files)) == 3


def test_each_task_takes_its_own_outputs():
    models = {"smile": row(SMILE, outputs=(2, 1)), "gender": row(GENDER, outputs=(0, 3))}
    (network,) = share_networks((SMILE, GENDER), models, {"smile": Path("a"), "gender": Path("a")})
    (answer,) = network.answers(np.array([[0.3, 0.8, 0.2, 0.1]], np.float32))
    assert answer["smile"].scores == {"not smiling": pytest.approx(0.2), "smiling": pytest.approx(0.8)}
    assert answer["gender"].scores == {"man": pytest.approx(0.75), "woman": pytest.approx(0.25)}


def test_an_integer_network_that_says_nothing_is_even():
    (network,) = share_networks((SMILE,), {"smile": row(SMILE, outputs=(0, 1), temperature=0.5)}, {"smile": Path("a")})
    (answer,) = network.answers(np.zeros((1, 3), np.float32))
    assert answer["smile"].score == 0.5


def test_settings_of_threads_are_those_of_the_first_task_that_has_any():
    config = Config(worker={"emotion": WorkerSettings(workers=3)})
    assert worker_settings(config, "smile+emotion").workers == 3
    assert worker_settings(config, "gender").workers == 1


def test_outputs_and_temperature_are_kept_in_the_index_where_they_say_something(tmp_path):
    plain = replace(row(SMILE), folder=tmp_path)
    write_row(plain)
    assert "outputs" not in (tmp_path / "index.json").read_text()
    write_row(replace(plain, outputs=(1, 0), temperature=0.8))
    (read,) = read_index(tmp_path)
    assert (read.outputs, read.temperature) == ((1, 0), 0.8)


def test_one_inference_answers_both_tasks(tmp_path, monkeypatch):
    """The shipped smile network as one that reads two tasks: the other's outputs are its own, turned round."""
    from smiledet import FaceReader
    from smiledet.engines.litert import LiteRTEngine
    from smiledet.sources.demo import scene

    smile = find_model("smile", "mini-xception")
    files = {key: replace(file, path=str(smile.file(key))) for key, file in smile.files.items()}
    for task, outputs in (("smile", ()), ("gender", (1, 0))):
        labels = get_task(task).labels
        write_row(replace(smile, task=task, labels=labels, files=files, outputs=outputs, folder=tmp_path, name="both"))
    shapes = []
    predict = LiteRTEngine.predict

    def counted(self, chips):
        shapes.append(chips.shape)
        return predict(self, chips)

    monkeypatch.setattr(LiteRTEngine, "predict", counted)
    both = {"smile": "both", "gender": "both"}
    with FaceReader(("smile", "gender"), model=both, models=tmp_path, engine="litert", workers=1) as reader:
        faces = reader.read(scene(0)).faces
    assert sum(shape[1] == 64 for shape in shapes) == 1
    with FaceReader(("smile",), engine="litert", model={"smile": "mini-xception"}, workers=1) as reader:
        alone = reader.read(scene(0)).faces
    assert [face.smile.scores for face in faces] == [face.smile.scores for face in alone]
    for face in faces:
        assert face.gender.scores["man"] == pytest.approx(face.smile.scores["smiling"], abs=1e-6)
