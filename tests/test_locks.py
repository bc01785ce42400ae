"""The two locks say the same, and the one of what runs has a hash for every file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EVERYTHING, RUN = ROOT / "requirements.lock", ROOT / "requirements-run.lock"

PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(not RUN.is_file(), reason="the locks are in the checkout")


def test_what_runs_is_what_was_tested() -> None:
    tested = set(PINNED.findall(EVERYTHING.read_text()))
    run = set(PINNED.findall(RUN.read_text()))
    assert run <= tested
    assert {"numpy", "opencv-python", "fastapi", "paho-mqtt", "onnxruntime"} <= {name for name, _ in run}


def test_every_file_of_what_runs_has_a_hash() -> None:
    for block in re.split(r"\n(?=\S)", RUN.read_text()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


def test_no_index_is_named() -> None:
    for lock in (EVERYTHING, RUN):
        assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", lock.read_text())
