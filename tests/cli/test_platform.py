"""`smiledet platform`, and `smiledet run --dry-run`."""

from __future__ import annotations

import json

import pytest

from smiledet.cli import main
from smiledet.pipeline import Pipeline
from smiledet.platform import platform_names


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """Neither command starts a pipeline."""

    def refuse(*_):
        raise AssertionError("a pipeline was made")

    monkeypatch.setattr(Pipeline, "__init__", refuse)


def test_text(capsys):
    assert main(["platform"]) == 0
    text = capsys.readouterr().out
    for word in ("board", "cores", "OpenCV", "camera", "detector", "engine", "because", "buffer.capacity", "better"):
        assert word in text


@pytest.mark.parametrize("name", platform_names())
def test_json_of_every_platform(name, capsys):
    assert main(["platform", "--json", "--platform", name]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["decisions"][0] == {"what": "platform", "value": name, "reason": "asked for"}
    origins = {row["name"]: row["from"] for row in told["settings"]}
    assert origins["detector"] == f"configs/{name}.toml"
    assert origins["tracker.keep"] == "default"


def test_a_file_of_one_s_own(tmp_path, capsys):
    mine = tmp_path / "mine.toml"
    mine.write_text("tracker.keep = 1.5")
    assert main(["platform", "--json", "--config", str(mine)]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out)["settings"] if row["name"] == "tracker.keep"]
    assert row == {"name": "tracker.keep", "value": 1.5, "from": str(mine)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["platform", "--platform", "toaster"], ["'toaster'", "auto, desktop-cpu", "jetson-tx2"]),
        (["platform", "--config", "missing.toml"], ["missing.toml"]),
        (["run", "demo", "--dry-run", "--engine", "abacus"], ["abacus"]),
        (["run", "csi://left", "--dry-run"], ["csi://left", "csi://0"]),
        (["run", "nvdec:clip.mp4", "--dry-run"], ["nvdec:clip.mp4", "nvdec:0"]),
    ],
)
def test_complaints_are_one_line(arguments, words, capsys):
    assert main(arguments) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    for word in words:
        assert word in complaint


@pytest.mark.parametrize(
    ("source", "start"),
    [
        ("csi://0", "GStreamer: nvarguscamerasrc sensor-id=0"),
        ("nvdec:/dev/video1", "GStreamer: v4l2src device=/dev/video1 ! image/jpeg"),
        ("nvdec:rtsp://me:secret@10.0.0.5/x", 'GStreamer: rtspsrc location="rtsp://10.0.0.5/x"'),
    ],
)
def test_a_dry_run_prints_the_pipeline_and_ends(source, start, capsys):
    assert main(["run", source, "--dry-run"]) == 0
    text, complaints = capsys.readouterr()
    assert start in text and "secret" not in text + complaints
    assert "detector" in text and "because" in text


def test_a_dry_run_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "demo", "--dry-run", "--record", "out.mp4", "--events", "out.jsonl"]) == 0
    assert "GStreamer:" not in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_that_could_not_run_ends_with_2(capsys, monkeypatch):
    monkeypatch.setattr("smiledet.engines.onnx.find_spec", lambda name: None)
    assert main(["run", "demo", "--dry-run", "--engine", "onnx"]) == 2
    text, complaint = capsys.readouterr()
    assert "demo" in text and "smiledet[onnx]" in complaint
