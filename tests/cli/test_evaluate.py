"""`smiledet evaluate` with reports, and without naming a model."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from smiledet.cli import main
from smiledet.lab.training.evaluation.evaluate import default_model
from smiledet.model_index import read_index
from smiledet.sources.demo import PORTRAITS
from smiledet.tasks.base import get_task

SMILE = get_task("smile")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory) -> str:
    """A folder a class: Eileen Collins smiles, Grace Hopper does not."""
    root = tmp_path_factory.mktemp("mine")
    for label, portrait in zip(("smiling", "not smiling"), PORTRAITS, strict=True):
        (root / label).mkdir()
        (root / label / "a.png").write_bytes(portrait.path.read_bytes())
    return f"folders:{root}"


def refused(capsys, *arguments: object) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


def test_the_default_model_is_the_configured_one(portraits, capsys):
    assert main(["evaluate", "smile", "--data", portraits, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["model"] == default_model(SMILE).name
    assert {"accuracy", "auc", "count", "found", "confusion", "recall", "labels"} <= set(result)
    assert (result["count"], result["found"], result["accuracy"]) == (2, 2, 1.0)


def test_crops_count_as_located_but_on_request(tmp_path, capsys):
    folder = tmp_path / "fer2013" / "test" / "happy"
    folder.mkdir(parents=True)
    for number in range(2):  # grey noise, in which nobody finds a face
        cv2.imwrite(str(folder / f"PublicTest_{number}.png"), cv2.randu(cv2.UMat(48, 48, cv2.CV_8U), 120, 136).get())
    for more, found in ([], 2), (["--locate"], 0):
        arguments = ["evaluate", "emotion", "--data", f"fer2013:{tmp_path / 'fer2013'}", "--json", *more]
        assert main(arguments) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["found"], result["count"], result["located"]) == (found, 2, bool(more))


def test_a_report_of_one_model(portraits, tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert main(["evaluate", "smile", "--data", portraits, "--report", str(tmp_path / "report")]) == 0
    assert capsys.readouterr().out.endswith(f"the report is in {tmp_path / 'report'}\n")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    folder = Path(portraits.partition(":")[2]).name
    assert report["command"] == f"smiledet evaluate smile --model {report['model']} --data folders:{folder} --split all"
    assert report["milliseconds"] > 0 and report["kilobytes"] > 0


def test_all_models_are_compared(portraits, tmp_path, capsys):
    pytest.importorskip("sklearn")
    folder = tmp_path / "report"
    arguments = ["evaluate", "smile", "--all-models", "--data", portraits, "--report", str(folder), "--json"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    names = [model.name for model in read_index() if model.task == "smile"]
    assert [each["model"] for each in json.loads(shown)["models"]] == names
    assert cv2.imread(str(folder / "speed.png")) is not None
    for name in names:
        assert json.loads((folder / name / "report.json").read_text())["model"] == name


def test_bad_flags_are_refused_before_anything_is_measured(portraits, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(capsys, "smile", "--data", portraits, "--report", tmp_path / "file")
    line = refused(capsys, "smile", "--data", portraits, "--model", "x", "--all-models")
    assert "--all-models" in line and "--model" in line
    assert "'landmarks'" in refused(capsys, "landmarks", "--data", portraits)
