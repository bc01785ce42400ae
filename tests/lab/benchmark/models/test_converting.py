"""Converting goes on where a network takes its process with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smiledet.lab.benchmark.models import converting
from smiledet.lab.benchmark.models.converting import Converted, Job, convert

SERVER = """
import json, os, sys
for line in sys.stdin:
    job = json.loads(line)
    if job["architecture"] == "large":
        os.kill(os.getpid(), 9)
    if job["architecture"] == "odd":
        sys.exit(3)
    print(json.dumps({"parameters": os.getpid(), "multiply_adds": 1, "failed": {}}), flush=True)
"""


@pytest.fixture(autouse=True)
def fake_process(monkeypatch):
    """A process that has nothing to do with TensorFlow, and ends where it is told to."""

    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", SERVER], **pipes)

    monkeypatch.setattr(converting, "_start", start)


def jobs(*names):
    return [Job(architecture=name, files={"litert": f"{name}.tflite"}) for name in names]


def test_all_are_converted_in_one_process():
    found = list(convert(jobs("a", "b", "c")))
    assert len({each.parameters for each in found}) == 1
    assert all(each.failed == {} for each in found)


def test_a_network_that_ends_the_process_is_left_out_and_the_others_go_on():
    first, large, odd, last = convert(jobs("a", "large", "odd", "b"))
    assert large == Converted(None, None, {"litert": "converting it ended with signal 9: too little memory?"})
    assert odd == Converted(None, None, {"litert": "converting it ended with exit code 3"})
    assert first.parameters and last.parameters and first.parameters != last.parameters


def test_nothing_to_convert_starts_nothing(monkeypatch):
    monkeypatch.setattr(converting, "_start", None)
    assert list(convert([])) == []
