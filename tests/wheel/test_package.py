"""The wheel, built and installed: it carries its models and configurations, and runs from anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(wheel, run, tmp_path_factory) -> Path:
    """The folder into which the wheel was installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed") / "packages"
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", folder, wheel]
    done = run([sys.executable, *install], folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


PLACES = """
import json, smiledet
from smiledet.system.resources import configs_folder, models_folder
print(json.dumps([smiledet.__file__, str(models_folder()), str(configs_folder())]))
"""


def test_everything_comes_from_the_wheel(installed, run, tmp_path):
    done = run([sys.executable, "-c", PLACES], tmp_path, installed)
    assert done.returncode == 0, done.stderr
    for place in json.loads(done.stdout):
        assert Path(place).is_relative_to(installed)
        assert Path(place).exists()


def test_nothing_but_the_package_is_installed(installed):
    assert {path.name for path in installed.iterdir()} - {"bin"} == {
        "smiledet",
        next(installed.glob("smiledet-*.dist-info")).name,
    }
    files = [path.name for path in installed.rglob("*")]
    for name in ("py.typed", "events.schema.json", "index.json", "landmarks68.dat", "desktop-cpu.toml", "LICENSE"):
        assert name in files


def test_benchmarks_of_our_own_figures_stay_in_the_checkout(installed, run, tmp_path):
    done = run([sys.executable, "-m", "smiledet", "bench", "--help"], tmp_path, installed)
    assert done.returncode == 0, done.stderr
    for target in ("detectors", "models", "pipeline", "stages"):
        assert f"    {target} " in done.stdout
    for target in ("locator", "peers", "resources"):
        assert f"    {target} " not in done.stdout
        assert not (installed / "smiledet" / "lab" / "benchmark" / target).exists()


def test_its_models_are_whole(installed, run, tmp_path):
    done = run([sys.executable, "-m", "smiledet", "models", "--check"], tmp_path, installed)
    assert done.returncode == 0, done.stderr
    for name in ("landmarks/ert68", "smile/mobilenet-025", "emotion/mini-xception"):
        assert name in done.stdout


def test_it_runs(installed, run, tmp_path):
    command = ["run", "demo", "--max-frames", 5, "--no-show", "--events", "events.jsonl", "--record", "out.mp4"]
    done = run([sys.executable, "-m", "smiledet", *command], tmp_path, installed)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {event["source"] for event in events} == {"demo"}
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_its_command_is_there(installed, run, tmp_path):
    done = run([sys.executable, installed / "bin" / "smiledet", "--version"], tmp_path, installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("smiledet ")
