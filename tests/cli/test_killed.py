"""`smiledet images` killed while it reads: nothing is damaged, and the next run goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import sqlite3
import threading
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
    """Photographs that are stored, as another program sees them."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as there,
    ):
        return int(there.execute("SELECT count(*) FROM photographs").fetchone()[0])
    return 0


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Its rows but for when they were read and how long that took."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) >= COUNT
    return [{name: value for name, value in row.items() if name not in ("time", "latency_ms")} for row in rows]


def test_indexing_that_is_killed_goes_on_where_it_was(
    folder: Path, tmp_path: Path, start_smiledet: Callable[..., Any], call_smiledet: Callable[..., Any]
) -> None:
    before, pause = state_of(folder), threading.Event()
    words = ["images", folder, "--tasks", "smile", "--store"]
    killed = tmp_path / "killed.sqlite"
    process = start_smiledet(*words, killed, "--xmp", "-o", "rows.jsonl")
    while not 0 < stored(killed) < COUNT:
        assert process.poll() is None
        pause.wait(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    had = stored(killed)
    assert 0 < had < COUNT
    with contextlib.closing(sqlite3.connect(killed)) as there:
        assert there.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not (tmp_path / "rows.jsonl").exists() or all(map(json.loads, (tmp_path / "rows.jsonl").open()))

    assert call_smiledet(*words, killed, "-o", "again.jsonl").returncode == 0
    assert call_smiledet(*words, tmp_path / "whole.sqlite", "-o", "whole.jsonl").returncode == 0
    assert rows_of(tmp_path / "again.jsonl") == rows_of(tmp_path / "whole.jsonl")
    with contextlib.closing(sqlite3.connect(killed)) as there:
        assert len(there.execute("SELECT DISTINCT content FROM photographs").fetchall()) == stored(killed) == COUNT
    assert {path: told for path, told in state_of(folder).items() if path.endswith(".jpg")} == before
    left = [path.name for path in tmp_path.iterdir() if "partial" in path.name]
    assert len(left) <= 1
