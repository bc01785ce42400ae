"""docs/own-models.md does what it says: its card, its configuration and its Python run as they are printed."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
import tomllib
from page_blocks import blocks

import smiledet
from smiledet.cli import main
from smiledet.model_files import bring_task_of_file
from smiledet.model_index import find_model
from smiledet.scope import own_scope
from smiledet.sources.demo import scene
from smiledet.tasks import base as tasks

cv2 = pytest.importorskip("cv2")

PAGE = Path(smiledet.__file__).parents[1] / "docs" / "own-models.md"


def block(kind: str, number: int = 0) -> str:
    found = [each.text for each in blocks(PAGE.read_text(encoding="utf-8")) if each.kind == kind]
    return found[number]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, write_scenes):
    """A folder with what the page speaks of."""
    monkeypatch.chdir(tmp_path)
    Path("net.tflite").write_bytes(find_model("smile", "mini-xception").file("litert").read_bytes())
    cv2.imwrite("portrait.jpg", scene(0))
    write_scenes(tmp_path / "clip.mp4", 4)


def words(line: str) -> list[str]:
    return [*line.split()[1:], "--no-show"]


def test_the_first_command():
    assert main(words(block("bash"))) == 0


def test_the_card():
    Path("net.tflite.json").write_text(block("json"))
    assert main(["run", "clip.mp4", "--tasks", "presents", "--model", "presents=net.tflite", "--no-show"]) == 0
    with own_scope():
        bring_task_of_file("presents", Path("net.tflite"))
        found = find_model("presents", "net.tflite")
    assert found.input.margin == json.loads(block("json"))["margin"]
    assert list(found.labels) == json.loads(block("json"))["labels"]


def test_the_configuration():
    Path("presents.toml").write_text(block("toml"))
    assert main(words(block("bash", 2))) == 0
    rows = list(csv.DictReader(Path("events.csv").read_text().splitlines()))
    assert rows
    assert {"presents", "presents_score", "presents_none", "presents_some", "smile"} <= set(rows[0])


def test_the_python(capsys):
    exec(compile(block("python"), str(PAGE), "exec"), {})
    label, score = capsys.readouterr().out.split()[:2]
    assert label in ("none", "some") and 0 <= float(score) <= 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_the_entry_point_is_of_the_group_that_is_looked_at():
    (group,) = tomllib.loads(block("toml", 1))["project"]["entry-points"]
    assert group == tasks.ENTRY_POINTS
