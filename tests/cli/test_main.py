"""The command line as a whole: help, version, models, bench, exit codes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import smiledet
from smiledet.cli import command_names, main
from smiledet.errors import UsageError
from smiledet.lab.benchmark.pipeline.measure import measure_run
from smiledet.model_index import read_index
from smiledet.platform import choose_platform, platform_names
from smiledet.system.memory import peak_memory
from smiledet.system.processes import process_start_ns, processor_times


def helped(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([*arguments])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_help_lists_every_command_with_what_it_does(capsys):
    text = helped(capsys, "--help")
    assert {"run", "models", "bench", "train", "evaluate", "export"} <= set(command_names())
    for name in command_names():
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 3


@pytest.mark.parametrize("command", command_names())
def test_help_of_a_command_shows_an_example(capsys, command):
    text = helped(capsys, command, "--help")
    example = text.partition("Example:\n")[2].splitlines()
    assert example and example[0].strip().startswith(f"smiledet {command}")


@pytest.mark.parametrize("command", command_names())
def test_examples_of_the_help_are_understood(capsys, command, monkeypatch):
    """Every example's flags are there; what it would do is not done."""
    lines = helped(capsys, command, "--help").partition("Example:\n")[2].split("\n\n")[0].splitlines()
    monkeypatch.setattr(f"smiledet.cli.{command.replace('-', '_')}.run", lambda arguments: 0)
    examples = [part.split() for line in lines for part in line.split(" | ")]
    for program, *words in [words for words in examples if command in words]:
        assert (program, main(words)) == ("smiledet", 0)


def test_version(capsys):
    assert helped(capsys, "--version") == f"smiledet {smiledet.__version__}\n"


def test_help_in_a_terminal_that_knows_ascii_alone():
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    command = [sys.executable, "-m", "smiledet", "run", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2026" in done.stdout


def test_a_complaint_is_on_one_line_whatever_it_quotes(capsys, monkeypatch):
    def complain(*_):
        raise UsageError("a name of\ntwo lines")

    monkeypatch.setattr("smiledet.model_index.read_index", complain)
    assert main(["models"]) == 2
    assert capsys.readouterr().err == "smiledet: a name of two lines\n"


def test_models_lists_every_row_of_the_index(capsys):
    assert main(["models", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [f"{model.task}/{model.name}" for model in read_index()]
    assert {"smile/mobilenet-025", "emotion/mini-xception", "landmarks/ert68"} <= {line.split()[0] for line in lines}


def test_bench_prints_one_json_object(capfd, write_scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("smiledet.lab.benchmark.models.pacing.ROUND_SECONDS", 0.0)
    monkeypatch.setattr("smiledet.lab.benchmark.models.networks.can_convert", lambda: False)
    clip = write_scenes(tmp_path / "clip.mp4", 4)
    arguments = ["--engine", "litert", "--threads", "1", "--repeats", "1", "--rounds", "1", "--clip", str(clip)]
    assert main(["bench", *arguments, "--json"]) == 0
    output, complaints = capfd.readouterr()
    assert complaints == ""
    result = json.loads(output)
    assert result["rounds"] == 1 and "cores" in result["machine"]
    assert {row["model"].removesuffix(", int8") for row in result["models"]} == {
        f"{model.task}/{model.name}" for model in read_index() if model.input
    }
    assert all(row["milliseconds"] > 0 for row in result["models"])
    whole, live = result["pipeline"]
    assert (whole["mode"], whole["frames"], whole["dropped"]) == ("every frame", 4, 0)
    assert live["mode"] == "live"


def test_bench_refuses_as_run_does():
    with pytest.raises(UsageError, match=r"^there is no 'nowhere\.mp4'"):
        measure_run("nowhere.mp4")


def test_what_the_system_says_of_this_process():
    assert processor_times().user > 0
    assert 2**20 < peak_memory() < 2**40
    if sys.platform == "linux":
        started = process_start_ns()
        assert started is not None and 0 <= started < time.monotonic_ns()


def test_peak_memory_is_this_process_own():
    """Linux lets a child inherit its parent's in getrusage, as `smiledet bench` would in each of its runs."""
    ballast = bytearray(400 * 2**20)
    ballast[:: 2**12] = b"x" * (len(ballast) >> 12)  # touched, so that it is resident
    program = "from smiledet.system.memory import peak_memory; print(peak_memory())"
    environment = {"PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert peak_memory() > len(ballast)
    assert 2**20 < int(done.stdout) < len(ballast) / 2


def test_platforms():
    assert choose_platform() == choose_platform("auto") in platform_names()
    assert choose_platform("desktop-cpu") == "desktop-cpu"
    with pytest.raises(UsageError, match="'toaster': there are auto, desktop-cpu"):
        choose_platform("toaster")
