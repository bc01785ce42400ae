"""`smiledet images` killed while it reads: nothing is damaged, and the next run goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from smiledet.sources.demo import scene

COUNT = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photographs"
    place.mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(place / f"{number:02}.jpg"), cv2.resize(scene(3 * number), (320, 240)))
    return place


def state_of(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*"))}


def stored(store: Path) -> int:
    """Photographs that are stored whole, as another program sees them."""
    with contextlib.closing(sqlite3.connect(store)) as there:
        assert there.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(there.execute("SELECT count(DISTINCT content) FROM photographs").fetchone()[0])


PROGRAM = """
import os, signal, sys
from smiledet.cli import main
from smiledet.photographs import index, store
whole, calls, index.BATCH = store.put_photograph, [], 4

def put(*given):
    calls.append(given)
    if len(calls) == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    whole(*given)

store.put_photograph = put
main(sys.argv[1:])
"""
"""Is killed while it writes the eleventh photograph."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Its rows but for when they were read and how long that took."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) >= COUNT
    return [{name: value for name, value in row.items() if name not in ("time", "latency_ms")} for row in rows]


def test_indexing_that_is_killed_goes_on_where_it_was(
    folder: Path, tmp_path: Path, call_smiledet: Callable[..., Any]
) -> None:
    before = state_of(folder)
    words, killed = ["images", folder, "--tasks", "smile", "--store"], tmp_path / "killed.sqlite"
    command = [sys.executable, "-c", PROGRAM, *map(str, words), str(killed), "-o", "rows.jsonl", "--xmp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert stored(killed) == 8
    assert not (tmp_path / "rows.jsonl").exists()
    assert {path: told for path, told in state_of(folder).items() if path.endswith(".jpg")} == before

    assert call_smiledet(*words, killed, "-o", "again.jsonl").returncode == 0
    assert call_smiledet(*words, tmp_path / "whole.sqlite", "-o", "whole.jsonl").returncode == 0
    assert rows_of(tmp_path / "again.jsonl") == rows_of(tmp_path / "whole.jsonl")
    assert stored(killed) == stored(tmp_path / "whole.sqlite") == COUNT
    assert {path: told for path, told in state_of(folder).items() if path.endswith(".jpg")} == before
