"""A program that imports smiledet keeps its own settings; the command line makes its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import smiledet

ROOT = Path(smiledet.__file__).parents[1]

SNAPSHOT = """
import logging, os, signal, sys, threading, types
import cv2
cv2.setNumThreads(3)
heaps = []
class Heaps:  # the C library's settings cannot be asked for
    def __init__(self, name): pass
    def mallopt(self, *arguments): heaps.append(arguments)
    def malloc_trim(self, pad): pass
def state():
    loggers = {name: (each.level, len(each.handlers), each.propagate)
               for name, each in logging.Logger.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    return {
        "OpenCV's threads": cv2.getNumThreads(),
        "OpenCV's level": (getattr(cv2, "getLogLevel", None) or cv2.utils.logging.getLogLevel)(),
        "signals": {number: str(signal.getsignal(number)) for number in signal.valid_signals()},
        "environment": dict(os.environ),
        "root logger": (logging.root.level, list(map(str, logging.root.handlers)), logging.root.manager.disable),
        "loggers": {name: each for name, each in loggers.items() if not name.startswith("smiledet")},
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.stdout), str(sys.stderr)],
        "folder": os.getcwd(),
        "umask": os.umask(0o22),
        "heaps": list(heaps),
    }
os.umask(0o22)
def compare(step):
    now = state()
    for name in before:
        if name == "loggers":  # other libraries' new loggers are theirs
            assert all(now[name][key] == before[name][key] for key in before[name]), (step, name)
        else:
            assert now[name] == before[name], (step, name, before[name], now[name])
"""


def run(program: str, tmp_path: Path) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OPENCV") and name != "PYTHONPATH"
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_of_the_process_changes(tmp_path):
    program = f"""{SNAPSHOT}
before = state()
import smiledet
compare("import")
import smiledet.system.memory as memory
memory.ctypes = types.SimpleNamespace(CDLL=Heaps)
from smiledet.sources.demo import DemoSource, scene
with smiledet.FaceReader(tasks=("smile",), workers=2) as reader:
    compare("FaceReader")
    reader.read(scene(0))
    reader.read_many([scene(0), scene(9)])
    compare("read")
    with reader.track() as tracker:
        tracker.update(scene(0))
        compare("track")
compare("close")
with smiledet.watch("demo", tasks=["smile"], max_frames=9) as readings:
    for reading in readings:
        compare("watching")
compare("watch")
for broken in ("nowhere.mp4", "broken.mp4"):
    open("broken.mp4", "wb").write(b"junk" * 500)
    try:
        smiledet.watch(broken)
    except smiledet.UsageError:
        compare(broken)
source = DemoSource(0.2)
source.open()
pipeline = smiledet.Pipeline(smiledet.Config(tasks=("smile",)), source)
compare("Pipeline")
pipeline.run()
compare("Pipeline.run")
print("as before")
"""
    assert run(program, tmp_path) == "as before\n"


@pytest.mark.parametrize("name", ["setNumThreads", "share_heaps"])
def test_the_command_line_settles_its_own_process(name, tmp_path):
    program = f"""
import cv2, sys
import smiledet.system.own_process as own
calls = []
cv2.setNumThreads = lambda count: calls.append(("setNumThreads", count))
own.share_heaps = lambda: calls.append(("share_heaps",))
from smiledet.cli import main
assert main(["run", "demo", "--no-show", "--max-frames", "2"]) == 0
print([call for call in calls if call[0] == {name!r}])
"""
    expected = {"setNumThreads": "[('setNumThreads', 1)]", "share_heaps": "[('share_heaps',)]"}[name]
    assert run(program, tmp_path).splitlines()[-1] == expected


def test_the_command_line_keeps_opencv_and_ffmpeg_quiet(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"junk" * 500)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV")}
    for clip in ("broken.mp4",):
        done = subprocess.run(
            [sys.executable, "-m", "smiledet", "run", clip, "--no-show"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        why = "Invalid data found when processing input"
        assert (done.returncode, done.stderr) == (2, f"smiledet: {clip} is no video that can be read: {why}\n")


def test_the_camera_timeout_is_whole_seconds_and_the_users_own_stays(tmp_path):
    program = """
import os, cv2
from smiledet.system.own_process import settle_process
name = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
settle_process(1, 2.2)
print(os.environ[name])
settle_process(2, 9)
print(os.environ[name], cv2.getNumThreads())
"""
    assert run(program, tmp_path).split() == ["3", "3", "2"]
