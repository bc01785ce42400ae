"""The command line in a process of its own, clips of the demo and real ones, a screen, Keras, one-line complaints."""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import pytest

import smiledet
from smiledet.cli import main
from smiledet.errors import UsageError
from smiledet.lab.backend import prepare
from smiledet.sources.demo import DROP, Pose, scene
from smiledet.system.own_process import quieten_opencv

LIMIT = 60.0
"""Seconds after which a process counts as stuck, and is killed; no passing test comes near."""

# The command line does so before OpenCV is imported, as here only its own processes do.
quieten_opencv()
(getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)  # it moved in OpenCV 4.13

try:
    from hypothesis import HealthCheck, settings
    from hypothesis import strategies as st
except ImportError:  # where only the quick tests run, with the oldest packages
    collect_ignore_glob = ["fuzz/*", "**/test_damaged*.py"]
else:
    # `make fuzz` draws so many inputs a test, other ones each time; otherwise a few are drawn, the same each time.
    EXAMPLES = int(os.environ.get("SMILEDET_FUZZ", "0"))
    HANG = timedelta(seconds=30)
    """An input that takes longer counts as one that hangs; none comes near on an idle machine."""

    settings.register_profile(
        "smiledet",
        max_examples=EXAMPLES or 40,
        derandomize=not EXAMPLES,
        deadline=HANG,
        database=None,
        print_blob=bool(EXAMPLES),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("smiledet")

    @st.composite
    def _damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
        data = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(1, 4))):
            # Headers are where the decisions are.
            end = len(data) if draw(st.booleans()) else min(len(data), 200)
            place = draw(st.integers(0, end))
            kind = draw(st.sampled_from(("cut", "flip", "put", "drop", "repeat", "number")))
            if kind == "cut":
                del data[place:]
            elif kind == "flip" and place < len(data):
                data[place] ^= 1 << draw(st.integers(0, 7))
            elif kind == "put":
                data[place : place + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
            elif kind == "drop":
                del data[place : place + draw(st.integers(1, 64))]
            elif kind == "repeat":
                data[place:place] = data[place : place + draw(st.integers(1, 64))] * draw(st.integers(1, 4))
            else:  # a length or a count
                data[place : place + 4] = draw(st.sampled_from((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0" * 4)))
        return bytes(data)


CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}


# Under `nohup` SIGHUP is ignored, and by everything that is started, too; a handler of Python's is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def _usual_log_level() -> Iterator[None]:
    """What a command run in this process sets ends with its test."""
    yield
    logging.getLogger("smiledet").setLevel(logging.NOTSET)


@pytest.fixture
def start_smiledet(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `smiledet …` in `tmp_path`, with a data folder elsewhere; what runs at the end of the test is killed."""
    data = tmp_path_factory.mktemp("data")
    started: list[subprocess.Popen[str]] = []
    watchdogs: list[threading.Timer] = []

    def start(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "smiledet", *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(smiledet.__file__).parents[1]),
                "XDG_DATA_HOME": str(data),
                **(env or {}),
            },
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
def call_smiledet(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """As `run_smiledet`, but in this process: starting one takes longer than most commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))

    def call(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        words = list(map(str, arguments))
        with monkeypatch.context() as own:
            for name, value in (env or {}).items():
                own.setenv(name, value)
            own.setattr(logging.root, "handlers", [])  # pytest's are there, so that the command would not add its own
            code = main(words)
        output, complaints = capfd.readouterr()
        return subprocess.CompletedProcess(words, code, output, complaints)

    return call


@pytest.fixture(scope="session")
def face_box() -> Callable[[Pose], tuple[float, float, float, float]]:
    """Where the face of a portrait of the demo is: left, top, width, height, about as Viola-Jones frames it."""

    def box(pose: Pose) -> tuple[float, float, float, float]:
        x = pose.x - math.sin(math.radians(pose.angle)) * DROP * pose.face
        y = pose.y - math.cos(math.radians(pose.angle)) * DROP * pose.face
        return x - pose.face / 2, y - pose.face / 2, pose.face, pose.face

    return box


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


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    """A virtual screen; its DISPLAY."""
    if sys.platform != "linux" or not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    report, told = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(told), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[told],
        stderr=subprocess.DEVNULL,
    )
    os.close(told)
    with os.fdopen(report) as file:
        number = file.readline().strip()  # written once it is ready
    try:
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras, imported once and only after its environment is settled."""
    try:
        prepare()
    except UsageError as problem:
        pytest.skip(str(problem))
    module: ModuleType = pytest.importorskip("keras")
    return module


@pytest.fixture
def refused_in_one_line() -> Callable[[Callable[[], object]], None]:
    """Sees that something works, or is refused in one line."""

    def ask(action: Callable[[], object]) -> None:
        try:
            action()
        except UsageError as problem:
            assert "\n" not in str(problem)

    return ask


@pytest.fixture
def complaint() -> Callable[..., AbstractContextManager[None]]:
    """Expects a UsageError of one line that contains every given word."""

    @contextmanager
    def expect(*words: str) -> Iterator[None]:
        with pytest.raises(UsageError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    return expect


@pytest.fixture(scope="session")
def damaged() -> Callable[[Sequence[bytes]], Any]:
    """A strategy of damaged copies of some files."""
    return _damaged


@pytest.fixture(scope="session")
def corpus() -> Callable[[str], list[bytes]]:
    """The files that once failed, by kind."""

    def read(kind: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted(Path(__file__).parent.joinpath("fuzz", "corpus", kind).glob("*"))]

    return read


@pytest.fixture
def scratch(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Writes a file, again and again; its content afterwards must be what was written."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write
