"""What a newcomer meets: help, hints, answers, completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.cli import ORDER, command_names, main
from smiledet.sources.demo import scene

DEMO = ("run", "demo", "--no-show", "--max-frames", "5")


def test_commands_stand_in_the_order_of_use(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    names = command_names()
    assert names[0] == "run" and names == [name for name in ORDER if name in names]
    places = [shown.index(f"\n    {name} ") for name in names]
    assert places == sorted(places)
    for name in names:
        assert f"\n  smiledet {name}" in shown[shown.index("Examples:") :]


@pytest.mark.parametrize("command", command_names())
def test_help_fits_a_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    if command == "run":
        for group in ("what is read", "what runs it", "what comes out", "how fast, how long"):
            assert f"{group}:" in shown


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rnu"], "no command 'rnu', did you mean run?"),
        (["run", "demo", "--recrod", "x.mp4"], "--recrod x.mp4, did you mean --record?"),
        (["run", "demo", "--max"], "unrecognized arguments: --max"),
        (["models", "--zzz"], "unrecognized arguments: --zzz (see"),
        (["--print-completion", "fish"], "expected one of bash, zsh, tcsh"),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(words, hint, capsys):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert hint in said and said.count("\n") == 1


def test_help_loads_neither_opencv_nor_numpy():
    program = "import sys\nfrom smiledet.cli import main\nmain([])\nassert not {'cv2', 'numpy'} & set(sys.modules)\n"
    root = Path(smiledet.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class TestAnswers:
    def test_a_video_has_a_line_a_face(self, capsys):
        assert main([*DEMO]) == 0
        assert capsys.readouterr().out == (
            "faces in 5 of 5 frames, 2 faces in all\n"
            "face 1: smile smiling 100 %; emotion happy 100 %\n"
            "face 2: smile not smiling 100 %; emotion neutral 100 %\n"
        )

    def test_a_photograph_too(self, capsys, tmp_path):
        cv2.imwrite(str(tmp_path / "one.png"), scene(0))
        assert main(["run", str(tmp_path / "one.png"), "--no-show"]) == 0
        assert capsys.readouterr().out == (
            "faces in 1 of 1 photograph, 2 faces in all\n"
            "face 1: smile smiling; emotion happy\n"
            "face 2: smile not smiling; emotion neutral\n"
        )

    def test_a_folder_is_summed_up(self, capsys, tmp_path):
        for number in range(3):
            cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number))
        cv2.imwrite(str(tmp_path / "none.png"), np.full((50, 50, 3), 90, np.uint8))
        assert main(["run", str(tmp_path), "--no-show"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "faces in 3 of 4 photographs, 6 faces in all"
        assert lines[1] == "smile: smiling 3, not smiling 3"

    @pytest.mark.parametrize("words", [["-q", *DEMO], [*DEMO, "--quiet"]])
    def test_quiet_says_nothing(self, words, call_smiledet):
        done = call_smiledet(*words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_a_report_on_standard_output_stands_alone(self, capsys):
        assert main([*DEMO, "--report", "-"]) == 0
        assert capsys.readouterr().out.startswith("{")


def test_completion_knows_commands_and_flags(capsys):
    pytest.importorskip("shtab")
    assert main(["--print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "--events" in script and " evaluate " in script


def test_models_fit_a_terminal_and_mark_the_default(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert next(line for line in lines if line.startswith("smile/mini-xception-emotion")).split()[1] == "yes"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_standard_output_is_told_in_one_line():
    root = Path(smiledet.__file__).parents[1]
    command = f"{sys.executable} -m smiledet models > /dev/full"
    done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "smiledet: cannot write to standard output: No space left on device\n")


def test_a_clip_shows_its_progress_on_a_terminal(write_scenes, tmp_path, capsys, monkeypatch):
    """The bar waits two seconds; here it does not."""
    import tqdm

    usual = tqdm.tqdm
    monkeypatch.setattr("tqdm.tqdm", lambda **settings: usual(**{**settings, "delay": 0, "mininterval": 0}))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    clip = write_scenes(tmp_path / "clip.mp4")
    assert main(["run", str(clip), "--no-show"]) == 0
    assert "/10 [" in capsys.readouterr().err


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_bring_no_traceback(streams):
    root = Path(smiledet.__file__).parents[1]
    command = f"{sys.executable} -m smiledet models {streams}"
    done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
