"""The wheel, built once and installed in three ways: unpacked, with its dependencies, and with all that is here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

LIMIT = 300
"""Seconds that one command may take."""

UNREACHABLE = re.compile("NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Retrying", re.IGNORECASE)
"""What pip writes where it reaches no index."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command in a folder, without the checkout in sight."""

    def run(
        command: list[object], folder: Path, packages: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"QT_QPA_PLATFORM": "offscreen", **variables}
        if packages is not None:
            environment["PYTHONPATH"] = str(packages)
        words = [str(word) for word in command]
        return subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The wheel, built as `make wheel` builds it."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        pytest.skip("there is no checkout to build from")
    for needed in ("build", "hatchling", "pip"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    done = run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("smiledet-*.whl")
    return wheel


def make_environment(folder: Path, run: Run, *options: str) -> Path:
    """An empty virtual environment in a folder; its interpreter."""
    done = run([sys.executable, "-m", "venv", *options, folder], folder.parent)
    assert done.returncode == 0, done.stderr
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The interpreter of an environment that has the wheel and its dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    python = make_environment(folder, run)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    done = run([*pip, "--constraint", CHECKOUT / "requirements.lock", wheel], folder)
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture(scope="session")
def full_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The interpreter of an environment with the wheel, which sees the packages of this one but not the checkout.

    It stands for an installation with every extra, without the hour and the gigabytes of another TensorFlow.
    """
    folder = tmp_path_factory.mktemp("full") / "venv"
    python = make_environment(folder, run, "--without-pip")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    done = run(pip, folder)
    assert done.returncode == 0, done.stderr
    # A line of a .pth file is a folder to search; .pth files in that folder, the checkout's among them, are not read.
    (site,) = folder.glob("lib/python*/site-packages")
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "every-extra.pth").write_text("".join(f"{each}\n" for each in sorted(here)))
    return python
