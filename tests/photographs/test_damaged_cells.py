"""A damaged store of photographs: whatever stands in a cell, one line says so, or what is read is as before."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.errors import SmiledetError
from smiledet.sources.demo import portrait_path

NO_TEXT = b"a\xff\xfe"
"""Written as a text, which it is not."""

VALUES: tuple[Any, ...] = ("damaged", b"\xff\0\xfe", NO_TEXT, None, 9e999, -1, 0, 2**63 - 1, "", "[]", '{"1": 5}', 1.5)

TASKS = ("--tasks", "smile,emotion,age")


def cells(path: Path) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Every column of every table, and what is written into it: what it cannot hold; in `make fuzz` all of `VALUES`."""
    with contextlib.closing(sqlite3.connect(path)) as there:
        tables = [name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(table, row[1], row[2]) for table in tables for row in there.execute(f"PRAGMA table_info({table})")]
    wrong = {"TEXT": VALUES[1:2], "BLOB": VALUES[:1], "INTEGER": VALUES[:1], "REAL": VALUES[:1]}
    return [(table, name, VALUES if os.environ.get("SMILEDET_FUZZ") else wrong[kind]) for table, name, kind in columns]


def damage(path: Path, table: str, column: str, value: Any) -> None:
    """Write a value into every row of a column, as far as the table lets it."""
    with contextlib.closing(sqlite3.connect(path)) as there:
        there.execute("PRAGMA ignore_check_constraints = ON")
        cast = "CAST(? AS TEXT)" if value == NO_TEXT else "?"
        with contextlib.suppress(sqlite3.Error):  # NULL where none may be
            there.execute(f"UPDATE OR IGNORE {table} SET {column} = {cast}", [value])
            there.commit()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs that make a stack, and their store, with a correction and a mark."""
    folder = tmp_path_factory.mktemp("album")
    photographs = folder / "photographs"
    photographs.mkdir()
    for name in ("1.png", "2.png"):
        shutil.copy(portrait_path("collins"), photographs / name)
    with (photographs / "2.png").open("ab") as file:
        file.write(b"another content")
    store = folder / "store.sqlite"
    assert main(["images", str(photographs), "--store", str(store), *TASKS, "--best", "-o", str(folder / "a.csv")]) == 0
    with contextlib.closing(sqlite3.connect(store)) as there:
        there.execute("UPDATE photographs SET taken = '2026-05-31T17:04:05'")
        there.execute("INSERT INTO marks VALUES (1, 'keep', '2026-05-31T17:04:05')")
        columns = "content, x, y, width, height, task, label, at"
        there.execute(
            f"INSERT INTO corrections ({columns}) SELECT 1, x, y, width, height, 'age', '30', '' FROM faces LIMIT 1"
        )
        there.commit()
        there.execute("PRAGMA journal_mode = DELETE")
    return folder


@pytest.fixture
def damaged(album: Path, tmp_path: Path) -> Iterator[Callable[[str, str, Any], Path]]:
    """The store with one column damaged."""

    def made(table: str, column: str, value: Any) -> Path:
        path = tmp_path / "store.sqlite"
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copy(album / "store.sqlite", path)
        damage(path, table, column, value)
        return path

    yield made


def test_every_column(
    album: Path,
    damaged: Callable[[str, str, Any], Path],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = set()
    for table, column, values in cells(album / "store.sqlite"):
        for value in values:
            store = damaged(table, column, value)
            out = store.with_name("out.csv")
            out.unlink(missing_ok=True)
            capsys.readouterr()
            caplog.clear()
            words = [str(album / "photographs"), "--store", str(store), *TASKS, "--best", "--sort", "smile"]
            code = main(["images", *words, "-o", str(out), "-q"])
            said = capsys.readouterr().err
            assert code in (0, 2), (table, column, value, code, said)
            assert said.count("\n") == bool(code), (table, column, value, said)
            assert not [each for each in caplog.records if each.levelno >= logging.ERROR], (table, column, value)
            if code and "is damaged" in said:
                refused.add((table, column))
    for cell in (
        *[("faces", name) for name in ("eyes_open", "height", "pitch", "mouth_open", "x", "sharpness")],
        *[("photographs", name) for name in ("taken", "phash", "dated", "smile", "width")],
        *[("stacks", "reasons"), ("readings", "scores"), ("readings", "label"), ("files", "path")],
    ):
        assert cell in refused, cell


def test_the_gallery(album: Path, damaged: Callable[[str, str, Any], Path]) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="the extra web is not installed")
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from smiledet.photographs.index import Indexer
    from smiledet.web.gallery.app import make_app
    from smiledet.web.gallery.library import Library
    from smiledet.web.gallery.why import Reasons

    config = load_config("desktop-cpu", None, {"tasks": ["smile", "emotion", "age"]}).config
    folder = (album / "photographs").resolve()
    asked = (
        *("/api/state", "/api/photographs?every_shot=1", "/api/photographs?low.age=1&order=doubt", "/api/counts"),
        *("/api/counts?label.smile=smiling", "/api/summary", "/api/labelled.zip", "/api/photographs/{id}"),
        *("/api/photographs?text=1&taken_from=2026", "/api/photographs/{id}/picture?side=64"),
    )
    every = [(table, column, value) for table, column, values in cells(album / "store.sqlite") for value in values]
    for table, column, value in every:
        store = damaged(table, column, value)
        with contextlib.closing(sqlite3.connect(store)) as there:
            (first,) = there.execute("SELECT MIN(id) FROM photographs").fetchone()
        first = first if isinstance(first, int) else 1
        try:
            indexer = Indexer(config, store)
        except SmiledetError:
            continue
        with contextlib.suppress(SmiledetError), indexer:
            library = Library(indexer, [folder])
            library.look()
            client = testclient.TestClient(make_app(library, Reasons(indexer.models)), raise_server_exceptions=False)
            for path in asked:
                answer = client.get(path.format(id=first))
                assert answer.status_code in (200, 400, 404), (table, column, value, path, answer.text)
            for path, body in (
                ("/api/marks", {"ids": [first], "mark": "keep"}),
                ("/api/corrections", {"photograph": first, "face": 1, "task": "age", "label": "20"}),
            ):
                answer = client.post(path, json=body)
                assert answer.status_code in (200, 400, 404), (table, column, value, path, answer.text)
