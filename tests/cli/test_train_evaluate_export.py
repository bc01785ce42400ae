"""`smiledet train` and `evaluate` as a user calls them; `test_export.py` has `export`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.model_index import Model, read_index
from smiledet.sources.demo import PORTRAITS
from smiledet.system.resources import configs_folder
from smiledet.tasks.base import get_task

LABELS = get_task("smile").labels


@pytest.fixture(scope="module")
def smile() -> Model:
    """Any smile model that ships."""
    models = [model for model in read_index() if model.task == "smile"]
    if not models:
        pytest.skip("no smile model ships yet")
    return models[0]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Ten photographs in GENKI-4K's layout, upright and tilted: Grace Hopper, who does not smile, Eileen Collins does.

    An eleventh shows nobody.
    """
    root = tmp_path_factory.mktemp("data") / "genki4k"
    (root / "files").mkdir(parents=True)
    lines = []
    for smiling, portrait in enumerate(reversed(PORTRAITS)):
        picture = cv2.imread(str(portrait.path))
        for tilt in (-8, -4, 0, 4, 8):
            matrix = cv2.getRotationMatrix2D(portrait.centre, tilt, 100 / portrait.face)
            matrix[:, 2] += (120 - portrait.centre[0], 120 - portrait.centre[1])
            turned = cv2.warpAffine(picture, matrix, (240, 240), borderMode=cv2.BORDER_REPLICATE)
            cv2.imwrite(str(root / "files" / f"file{len(lines):04d}.png"), turned)
            lines.append(f"{smiling} 0 0 0\n")
    cv2.imwrite(str(root / "files" / f"file{len(lines):04d}.png"), np.full((240, 240, 3), 128, np.uint8))
    (root / "labels.txt").write_text("".join([*lines, "1 0 0 0\n"]))
    return root


@pytest.fixture
def refused(call_smiledet, tmp_path):
    """Runs a command that must be refused; its one line."""

    def run(*arguments: object) -> str:
        done = call_smiledet(*arguments, env={"HOME": str(tmp_path)})
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("smiledet: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    return run


def test_evaluate_prints_one_object(call_smiledet, smile, photographs):
    data = f"genki4k:{photographs}"
    done = call_smiledet("evaluate", "smile", "--model", smile.name, "--data", data, "--split", "all", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    result = json.loads(done.stdout)
    assert (result["task"], result["model"], result["engine"]) == ("smile", smile.name, "litert")
    assert (result["data"], result["split"], result["labels"]) == (data, "all", list(LABELS))
    confusion = np.array(result["confusion"])
    assert confusion.sum(axis=1).tolist() == [5, 5]
    assert (result["count"], result["found"], result["missed"]) == (11, 10, 1)
    assert result["accuracy"] == pytest.approx(np.trace(confusion) / 10)
    assert result["accuracy_all"] == pytest.approx(np.trace(confusion) / 11, abs=1e-4)
    assert [result["recall"][label] for label in LABELS] == pytest.approx((np.diag(confusion) / 5).tolist())
    # Two clear faces: whoever cannot tell them apart sees nothing.
    assert result["auc"] > 0.9


def test_evaluate_tells_a_person(smile, photographs, capsys):
    data = f"genki4k:{photographs}"
    assert main(["evaluate", "smile", "--model", smile.name, "--data", data]) == 0
    first, second, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith(f"smile/{smile.name} on {data} (test): accuracy ")
    assert second.startswith("  2 photographs; no face found in 0 ")
    told = [row.strip() for row in rows]
    assert [row.startswith(label) for row, label in zip(told, LABELS, strict=False)] == [True, True]
    assert [row for row in told[len(LABELS) :] if row.startswith("by head pose: ")]  # GENKI-4K tells it


def evaluate(task: str = "smile", model: str = "", data: str = "", *more: str) -> list[str]:
    return ["evaluate", task, "--model", model, "--data", data, *more]


def test_evaluate_refuses_what_it_does_not_know(refused, smile, photographs, tmp_path):
    data = f"genki4k:{photographs}"
    assert "'nothing'" in (line := refused(*evaluate(model="nothing", data=data))) and smile.name in line
    assert "'mood'" in (line := refused(*evaluate("mood", smile.name, data))) and "smile" in line
    assert "LAYOUT:PATH" in refused(*evaluate(model=smile.name, data=str(photographs)))
    assert "genki4k, " in refused(*evaluate(model=smile.name, data=f"nowhere:{photographs}"))
    assert str(tmp_path / "none") in refused(*evaluate(model=smile.name, data=f"genki4k:{tmp_path / 'none'}"))
    assert "labels.txt" in refused(*evaluate(model=smile.name, data=f"genki4k:{tmp_path}"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--split", "validation"], ["'validation'", "test, train and all"]),
        (["--engine", "caffe"], ["caffe", "litert"]),
        (["--colour"], ["--colour"]),
    ],
)
def test_evaluate_refuses_bad_flags(more, words, smile, photographs, capsys):
    assert main(evaluate("smile", smile.name, f"genki4k:{photographs}", *more)) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and all(word in line for word in words)


def test_evaluate_refuses_labels_of_another_task(refused, smile, photographs, tmp_path):
    for label in ("cheese", "smiling"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        (tmp_path / "mine" / label / "a.png").write_bytes((photographs / "files" / "file0000.png").read_bytes())
    line = refused(*evaluate(model=smile.name, data=f"folders:{tmp_path / 'mine'}"))
    assert "'cheese'" in line and "not smiling, smiling" in line


def test_evaluate_refuses_a_damaged_archive(refused, smile, tmp_path):
    archive = tmp_path / "genki4k.tar.gz"
    archive.write_text("<html>404</html>")
    assert str(archive) in refused(*evaluate(model=smile.name, data=f"genki4k:{archive}"))


def test_train_refuses_what_it_cannot_learn(refused, tmp_path):
    recipe = configs_folder() / "train" / "smile-mini-xception.toml"
    assert "'mood'" in refused("train", "mood", "--recipe", recipe, "--data-folder", tmp_path)
    assert "no data set at" in refused("train", "smile", "--data-folder", tmp_path)
    line = refused("train", "smile", "--recipe", recipe, "--data-folder", tmp_path / "none")
    assert str(tmp_path / "none") in line
    line = refused("train", "smile", "--recipe", tmp_path / "none.toml", "--data-folder", tmp_path)
    assert str(tmp_path / "none.toml") in line


def test_train_refuses_a_recipe_with_a_mistake(refused, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text((configs_folder() / "train" / "smile-mini-xception.toml").read_text() + "\nepoch = 3\n")
    line = refused("train", "smile", "--recipe", recipe, "--data-folder", tmp_path)
    assert str(recipe) in line and "epoch" in line


def test_train_proposals_refuses_a_missing_data_set(refused, tmp_path):
    line = refused("train", "proposals", "--data-folder", tmp_path, "--models", tmp_path / "models")
    assert "genki4k.tar.gz" in line


def test_train_detector_refuses_a_missing_teacher(refused, tmp_path):
    output = tmp_path / "run"
    line = refused("train", "detector", "--data-folder", tmp_path, "--models", tmp_path / "models", "--output", output)
    assert "face_detection_yunet" in line


def test_train_landmarks_refuses_a_missing_data_set(refused, tmp_path):
    line = refused("train", "landmarks", "--data-folder", tmp_path, "--models", tmp_path / "models")
    assert "landmarks68.tar.gz" in line
