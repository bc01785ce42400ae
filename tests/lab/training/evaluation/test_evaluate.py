"""Models measured on labelled photographs, and the report folder."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.config import Config, LoadedConfig, TaskSettings
from smiledet.engines.answers import read
from smiledet.frame import ChipSpec
from smiledet.lab.benchmark.models.size_and_speed import parameters_of
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.training.evaluation import evaluate as module
from smiledet.lab.training.evaluation.evaluate import (
    Evaluation,
    default_model,
    evaluate_models,
    measured,
    models_of,
    samples_of,
)
from smiledet.lab.training.evaluation.readings import Readings, read_faces
from smiledet.model_index import Model, find_model, read_index
from smiledet.tasks.base import Task, get_task

SMILE = get_task("smile")
DECADES = range(0, 101, 10)
AGE = Task("age", tuple(map(str, DECADES)), {}, numbers=tuple(map(float, DECADES)))


def model_of(task: str = "smile", labels: tuple[str, ...] = SMILE.labels, name: str = "any") -> Model:
    return Model(task, name, "none", labels, ChipSpec(8), "", {})


def sample(label: str, **more: object) -> Sample:
    return Sample(Path(f"{label}.png"), label, "test", **more)


def answered(task: Task, truths: list[str], scores: list[list[float]], missed: int = 0, **more: object) -> Readings:
    samples = tuple(sample(label, **more) for label in truths)
    array = np.array(scores, np.float32).reshape(len(truths), -1)
    return Readings(model_of(task.name, task.labels), samples, array, (sample(task.labels[0]),) * missed, 0)


@pytest.fixture
def smile_model() -> Model:
    return default_model(SMILE)


class TestMeasured:
    def test_missed_photographs_count_in_accuracy_all_alone(self):
        readings = answered(
            SMILE, ["smiling", "smiling", "not smiling"], [[0.1, 0.9], [0.7, 0.3], [0.9, 0.1]], missed=2
        )
        figures = measured(SMILE, readings)
        assert (figures["count"], figures["found"], figures["missed"]) == (5, 3, 2)
        assert figures["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
        assert figures["accuracy_all"] == pytest.approx(2 / 5)
        assert figures["auc"] == 1.0
        assert np.sum(figures["confusion"]) == 3
        assert "groups" not in figures

    def test_nothing_found(self):
        figures = measured(SMILE, Readings(model_of(), (), np.empty((0, 2), np.float32), (sample("smiling"),), 0))
        assert (figures["count"], figures["found"], figures["accuracy"], figures["auc"]) == (1, 0, 0.0, None)

    def test_groups(self):
        readings = answered(SMILE, ["smiling"], [[0.1, 0.9]], groups={"race": "white"})
        assert measured(SMILE, readings)["groups"]["race"]["white"]["accuracy"] == 1.0

    def test_numbers_have_a_mean_error(self):
        scores = np.eye(11)[[2, 3]].tolist()
        figures = measured(AGE, answered(AGE, ["23", "39"], scores, missed=1, groups={"gender": "man"}))
        assert figures["mean_error"] == pytest.approx((3 + 9) / 2)
        assert (figures["count"], figures["found"], figures["accuracy"]) == (3, 2, 1.0)
        assert figures["groups"]["gender"]["man"]["mean_error"] == pytest.approx(6)
        assert "auc" not in figures

    def test_a_target_is_more_exact_than_a_label(self):
        figures = measured(AGE, answered(AGE, ["20"], np.eye(11)[[2]].tolist(), target=22.5))
        assert figures["mean_error"] == 2.5


class TestReading:
    def test_it_is_what_training_sees(self, smile_model, data_folder, aligner):
        from smiledet.engines.base import load_engine
        from smiledet.engines.files import model_file
        from smiledet.lab.training.faces.chips import cut_chips

        samples = read_samples(f"genki4k:{data_folder / 'genki4k'}")[1][:6]
        (readings,) = read_faces(samples, [smile_model], "litert")
        chips = cut_chips(samples, SMILE.labels, aligner, smile_model.input).chips
        network = load_engine("litert", model_file(smile_model, "litert"))
        assert np.array_equal(readings.scores, read(network, chips, smile_model))
        assert readings.found == tuple(samples) and readings.missed == ()

    def test_the_missed_are_told_apart(self, smile_model, data_folder, tmp_path, caplog):
        samples = read_samples(f"genki4k:{data_folder / 'genki4k'}")[1][:2]
        blank, broken = tmp_path / "blank.png", tmp_path / "broken.png"
        cv2.imwrite(str(blank), np.full((120, 120), 128, np.uint8))
        broken.write_text("no picture")
        lost = [Sample(path, "smiling", "test") for path in (blank, broken)]
        (readings,) = read_faces([samples[0], *lost, samples[1]], [smile_model], "litert")
        assert readings.found == tuple(samples) and readings.missed == tuple(lost)
        assert len(readings.scores) == 2
        assert [str(broken) in record.getMessage() for record in caplog.records] == [True]

    def test_no_face_at_all(self, smile_model, tmp_path):
        cv2.imwrite(str(tmp_path / "blank.png"), np.full((120, 120), 128, np.uint8))
        (readings,) = read_faces([Sample(tmp_path / "blank.png", "smiling", "test")], [smile_model], "litert")
        assert readings.scores.shape == (0, 2)

    def test_each_model_sees_its_own_chips(self, data_folder):
        models = [model for model in read_index() if model.task == "smile"]
        samples = read_samples(f"smiles:{data_folder / 'smiles'}")[1][:3]
        together = read_faces(samples, models, "litert")
        for model, readings in zip(models, together, strict=True):
            assert readings.model == model
            assert np.array_equal(readings.scores, read_faces(samples, [model], "litert")[0].scores)

    def test_landmarks_take_no_chips(self, complaint):
        with complaint("landmarks/ert68 takes no chips"):
            read_faces([], [find_model("landmarks", "ert68")], "litert")


class TestChoosing:
    def test_all_is_every_split(self, data_folder):
        data = f"genki4k:{data_folder / 'genki4k'}"
        parts = [len(samples_of(SMILE, data, split)) for split in ("train", "test")]
        assert min(parts) > 0 and sum(parts) == len(samples_of(SMILE, data, "all")) == 32

    def test_numbers_need_not_be_among_the_classes(self, tmp_path, complaint):
        for label in ("23", "117"):
            (tmp_path / "ages" / label).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "ages" / label / "a.png"), np.zeros((8, 8), np.uint8))
        assert {each.label for each in samples_of(AGE, f"folders:{tmp_path / 'ages'}", "all")} == {"23", "117"}
        (tmp_path / "ages" / "old").mkdir()
        cv2.imwrite(str(tmp_path / "ages" / "old" / "a.png"), np.zeros((8, 8), np.uint8))
        with complaint("'old'", "takes numbers", str(tmp_path / "ages")):
            samples_of(AGE, f"folders:{tmp_path / 'ages'}", "all")

    def test_the_default_is_the_configured_one(self, monkeypatch):
        models = [model for model in read_index() if model.task == "smile"]
        for model in models:
            config = Config(task={"smile": TaskSettings(model=model.name)})
            monkeypatch.setattr(module, "load_config", lambda platform, config=config: LoadedConfig(config, {}))
            assert default_model(SMILE) == model

    def test_without_one_the_one_that_the_index_names(self, monkeypatch):
        monkeypatch.setattr(module, "load_config", lambda platform: LoadedConfig(Config(task={}), {}))
        assert default_model(SMILE) == find_model("smile")

    def test_no_model_at_all(self, monkeypatch, complaint):
        monkeypatch.setattr(module, "all_models", list)
        with complaint("no model of the task 'smile' ships"):
            models_of(SMILE)

    def test_a_model_of_other_labels_is_refused(self, smile_model, data_folder, complaint):
        with complaint("smile/mini-xception", "not smiling, smiling"):
            other = replace(smile_model, name="mini-xception", labels=("no", "yes"))
            evaluate_models(SMILE, [other], f"genki4k:{data_folder / 'genki4k'}", "all")


def test_parameters_are_counted_without_keras():
    pytest.importorskip("h5py")
    assert parameters_of(find_model("emotion", "mini-xception")) == 69_953  # seed 003's 58,423 with two more heads
    assert parameters_of(find_model("landmarks", "ert68")) is None


class TestReport:
    @pytest.fixture(autouse=True)
    def sklearn(self):
        pytest.importorskip("sklearn")

    @staticmethod
    def _write(task: Task, readings: Readings, folder: Path, **about: object) -> dict[str, object]:
        from smiledet.lab.training.evaluation.report_folder import prepare_folder, write_report

        given = {"task": task.name, "model": "any", "engine": "litert", "data": "genki4k:/photographs", "split": "test"}
        prepare_folder(folder)
        write_report(Evaluation(task, readings, {**given, **measured(task, readings)}), about, folder)
        return json.loads((folder / "report.json").read_text())

    def test_of_classes(self, tmp_path):
        scores = [[0.1, 0.9], [0.7, 0.3], [0.9, 0.1]]
        readings = answered(SMILE, ["smiling", "smiling", "not smiling"], scores, missed=1, groups={"race": "white"})
        folder = tmp_path / "deep" / "report"
        report = self._write(SMILE, readings, folder, command="smiledet evaluate smile", milliseconds=None)
        assert report["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
        assert report["per_class"][1] == {
            "label": "smiling",
            "correct": 1,
            "wrong": 1,
            "recall": 0.5,
            "precision": 1.0,
            "f1": pytest.approx(0.6667),
        }
        for name in ("confusion", "recall", "roc", "reliability"):
            picture = cv2.imread(str(folder / f"{name}.png"))
            assert picture is not None and picture.std() > 5
        table = (folder / "table.md").read_text()
        assert "| smiling | 1 | 1 | 50.0 % | 100.0 % | 0.667 |" in table
        assert "## By race" in table and "smiledet evaluate smile" in table
        rows = list(csv.reader((folder / "readings.csv").open()))
        assert rows[2] == ["smiling.png", "smiling", "not smiling", "0.7000"]
        assert rows[4] == ["not smiling.png", "not smiling", "", ""] and len(rows) == 5

    def test_of_numbers(self, tmp_path):
        report = self._write(AGE, answered(AGE, ["23", "39"], np.eye(11)[[2, 3]].tolist()), tmp_path)
        assert report["mean_error"] == 6
        assert sorted(path.name for path in tmp_path.glob("*.png")) == ["confusion.png", "numbers.png", "recall.png"]
        assert "mean error 6.00" in (tmp_path / "table.md").read_text()

    def test_of_nothing(self, tmp_path):
        empty = Readings(model_of(), (), np.empty((0, 2), np.float32), (sample("smiling"),), 0)
        report = self._write(SMILE, empty, tmp_path)
        assert (report["found"], report["per_class"][0]["recall"]) == (0, None)

    def test_of_a_class_that_does_not_occur(self, tmp_path):
        report = self._write(SMILE, answered(SMILE, ["smiling"], [[0.2, 0.8]]), tmp_path)
        assert report["per_class"][0]["recall"] is None and report["auc"] is None

    def test_a_comparison(self, tmp_path):
        from smiledet.lab.training.evaluation.report_folder import write_comparison

        shared = {"task": "smile", "data": "genki4k:/x", "split": "test", "count": 9, "accuracy_all": 0.8}
        rows = [
            {**shared, "model": "small", "accuracy": 0.9, "auc": 0.95, "milliseconds": 0.2, "parameters": 1000},
            {**shared, "model": "large", "accuracy": 0.95, "auc": None, "milliseconds": 5.0, "parameters": None},
        ]
        write_comparison(rows, tmp_path)
        assert cv2.imread(str(tmp_path / "speed.png")) is not None
        table = (tmp_path / "table.md").read_text()
        assert "| small | 1,000 | 0.200 | 90.00 % | 80.00 % | 0.950 |" in table
        assert "| large | - | 5.000 | 95.00 % | 80.00 % | - |" in table

    def test_the_curves_of_two_classes_and_of_more(self):
        from smiledet.lab.training.evaluation.curves import roc_curves
        from smiledet.lab.training.evaluation.metrics import area_under_roc

        generator = np.random.default_rng(2)
        truth, scores = generator.integers(0, 3, 50), generator.random((50, 3)).astype(np.float32)
        for curve, index in zip(roc_curves(("a", "b", "c"), truth, scores), range(3), strict=True):
            assert curve.area == pytest.approx(area_under_roc(truth == index, scores[:, index]))
        (curve,) = roc_curves(("a", "b"), truth % 2, scores[:, :2])
        assert curve.label == "b"

    def test_a_folder_that_cannot_be(self, tmp_path, complaint):
        from smiledet.lab.training.evaluation.report_folder import prepare_folder

        (tmp_path / "file").write_text("")
        with complaint("--report", str(tmp_path / "file")):
            prepare_folder(tmp_path / "file")
        with complaint("--report", str(tmp_path / "file" / "below")):
            prepare_folder(tmp_path / "file" / "below")
