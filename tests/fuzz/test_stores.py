"""Stores of sessions and of photographs, cut and damaged anywhere, and with any value in any cell."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smiledet.cli import main

COLUMNS = {
    "runs": ("source", "began", "ended", "frames", "drops"),
    "sessions": (
        *("source", "track", "first", "last", "frames", "labels", "numbers", "smiles", "longest_smile", "intensity"),
        *("spans", "picture"),
    ),
    "sums": ("width", "start", "source", "task", "label", "amount"),
}

VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(
                0,
                -1,
                1e300,
                -1e300,
                2**62,
                "",
                "x",
                "[]",
                "{}",
                "[1]",
                "[[1]]",
                '{"smile": 1}',
                '{"a": {"b": "c"}}',
                b"",
            ),
            *('{"smile": {"smiling": 1e999}}', '{"age": [1]}', '{"age": ["x", 1]}', '[["smile", "smiling", "a", 1]]'),
            *("[" * 5000, "NaN", '{"draw": {"late": "x"}}', '{"smile": {"smiling": NaN}}', "</script>"),
        ]
    ),
)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store of a short run, in one file."""
    path = tmp_path_factory.mktemp("day") / "day.sqlite"
    words = ["run", "demo", "--no-show", "-q", "--max-frames", "40", "--store", str(path)]
    assert main(words) == 0
    with contextlib.closing(sqlite3.connect(path)) as there:
        there.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


def report(path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """A page, or one line."""
    page = path.with_name("page.html")
    page.unlink(missing_ok=True)
    capsys.readouterr()
    caplog.clear()
    code = main(["report", str(path), "-o", str(page)])
    said = capsys.readouterr().err
    assert code in (0, 1, 2) and page.exists() == (code == 0)
    assert not code or said.count("\n") == 1, said
    assert "Traceback" not in said and not [each for each in caplog.records if each.levelno >= logging.ERROR]
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@given(cell=st.sampled_from([(table, name) for table, names in COLUMNS.items() for name in names]), value=VALUES)
def test_any_value_in_any_cell(
    cell: tuple[str, str],
    value: Any,
    day: bytes,
    scratch: Callable[[str, bytes], Path],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = scratch("day.sqlite", day)
    with contextlib.closing(sqlite3.connect(path)) as there, contextlib.suppress(sqlite3.Error):  # NaN is NULL
        there.execute(f"UPDATE OR IGNORE {cell[0]} SET {cell[1]} = ?", [value])
        there.commit()
    report(path, capsys, caplog)


@given(draw=st.data())
def test_damaged_stores(
    draw: st.DataObject,
    damaged: Any,
    day: bytes,
    scratch: Callable[[str, bytes], Path],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    report(scratch("day.sqlite", draw.draw(damaged([day]))), capsys, caplog)


def test_a_store_whose_tables_have_names_that_are_no_text(
    day: bytes,
    scratch: Callable[[str, bytes], Path],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """SQLite repeats them in its message, which Python cannot decode."""
    assert day.count(b"CREATE TABLE runs") == 1
    report(
        scratch("day.sqlite", day.replace(b"CREATE TABLE runs", b"CREATE\xa0\xa0\xa0\xa0\xa0\xa0 runs")), capsys, caplog
    )
