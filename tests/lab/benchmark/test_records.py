"""Figures as files: the command in them, and what cannot be written or read."""

from __future__ import annotations

import argparse
import json

import pytest

from smiledet.errors import UsageError
from smiledet.lab.benchmark.records import (
    begun,
    check_output,
    check_plots,
    circumstances,
    command_line,
    keep,
    read_kept,
)

ABOUT = {"date": "2026-01-02T03:04:05+00:00", "command": "smiledet bench", "machine": "an abacus"}


def test_the_command_measures_the_same_again():
    arguments = argparse.Namespace(
        command="bench",
        target="models",
        flags=["only", "architectures", "threads"],
        run=print,
        rounds=3,
        only=["vgg-16", "smile/mini-xception"],
        architectures=True,
        threads=None,
        json=True,
        output="x.json",
    )
    assert command_line(arguments) == "smiledet bench models --only vgg-16 --only smile/mini-xception --architectures"


def test_the_command_names_no_folder_of_this_machine():
    arguments = argparse.Namespace(
        target=None,
        flags=["clip", "data"],
        clip=["/home/me/clips/a b.mp4", "rtsp://camera/1", "demo"],
        data="genki4k:/home/me/genki4k",
    )
    assert command_line(arguments) == (
        "smiledet bench --clip 'a b.mp4' --clip rtsp://camera/1 --clip demo --data genki4k:genki4k"
    )


def test_circumstances():
    about = circumstances(argparse.Namespace(target=None, flags=[]))
    assert set(about) == {"date", "command", "machine"}
    assert about["date"].endswith("+00:00") and "cores" in about["machine"] and "opencv-python" in about["machine"]


def test_one_file_or_one_a_target(tmp_path):
    measured = {"models": {"models": [1]}, "pipeline": {"pipeline": [2], "rounds": 3}}
    assert keep(ABOUT, measured, tmp_path / "all.json") == [tmp_path / "all.json"]
    assert read_kept(tmp_path / "all.json") == {
        **ABOUT,
        "targets": ["models", "pipeline"],
        "models": [1],
        "pipeline": [2],
        "rounds": 3,
    }
    folder = tmp_path / "new" / "folder"
    check_output(folder)
    assert keep(ABOUT, measured, folder) == [folder / "models.json", folder / "pipeline.json"]
    assert read_kept(folder / "pipeline.json")["targets"] == ["pipeline"]
    assert sorted(path.name for path in folder.iterdir()) == ["models.json", "pipeline.json"]


def test_what_stood_there_is_replaced_whole(tmp_path):
    path = tmp_path / "all.json"
    path.write_text("x" * 10_000)
    check_output(path)
    assert path.read_text() == "x" * 10_000  # until the figures are there
    keep(ABOUT, {"models": {}}, path)
    assert json.loads(path.read_text())["machine"] == "an abacus"


def test_outputs_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "none" / "a.json", tmp_path / "folder.json", tmp_path / "file" / "a.json"):
        with pytest.raises(UsageError, match="cannot write"):
            check_output(path)
    with pytest.raises(UsageError, match="cannot write into"):
        check_output(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot write into"):
        check_plots(tmp_path / "file" / "plots")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"date": 1}'])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"other\.json"):
        read_kept(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_kept(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["all.json", "folder"])
def test_only_the_same_command_on_the_same_machine_goes_on(tmp_path, name):
    path = tmp_path / name
    check_output(path)
    assert begun(ABOUT, "models", path) == {}
    keep({**ABOUT, "unfinished": "models"}, {"models": {"models": [1]}}, path)
    later = {**ABOUT, "date": "2026-01-03T00:00:00+00:00"}
    assert begun(later, "models", path)["models"] == [1]
    assert begun({**later, "command": "smiledet bench --threads 1"}, "models", path) == {}
    assert begun({**later, "machine": "a slide rule"}, "models", path) == {}
    assert begun(later, "pipeline", path) == {}


def test_finished_figures_are_measured_anew(tmp_path):
    keep(ABOUT, {"models": {"models": [1]}}, tmp_path / "all.json")
    assert begun(ABOUT, "models", tmp_path / "all.json") == {}
