"""The command line in a process of its own, clips of the demo, and the folder of real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

import smiledet
from smiledet.sources.demo import scene

LIMIT = 60.0
"""Seconds after which a process counts as stuck, and is killed; no passing test comes near."""

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}


@pytest.fixture
def start_smiledet(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `smiledet …` in `tmp_path`; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []
    watchdogs: list[threading.Timer] = []

    def start(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "smiledet", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1]), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        watchdogs.append(threading.Timer(LIMIT, process.kill))
        watchdogs[-1].start()
        return process

    yield start
    for watchdog in watchdogs:
        watchdog.cancel()
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_smiledet(
    start_smiledet: Callable[..., subprocess.Popen[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `smiledet …` to its end."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        process = start_smiledet(*arguments, env=env)
        output, complaints = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, complaints)

    return run


@pytest.fixture
def write_scenes() -> Callable[..., Path]:
    """Writes a clip of the demo's first pictures, 640x480 at 30 FPS."""

    def write(path: Path, count: int = 10) -> Path:
        codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 30, (640, 480))
        assert writer.isOpened()
        for index in range(count):
            writer.write(scene(index))
        writer.release()
        return path

    return write


@pytest.fixture
def count_frames() -> Callable[[Path], int]:
    """Counts the pictures of a video by decoding all of them."""

    def count(path: Path) -> int:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        number = 0
        while capture.read()[0]:
            number += 1
        capture.release()
        return number

    return count


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips."""
    data = os.environ.get("SMILEDET_DATA")
    if not data:
        pytest.skip("SMILEDET_DATA does not say where the photographs and clips are")
    folder = Path(data).resolve() / "clips"
    if not folder.is_dir():
        pytest.skip(f"there are no clips in {folder}")
    return folder
