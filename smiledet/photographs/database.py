"""An SQLite file that several threads and processes read while one writes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import Self

from smiledet.errors import OutputError, SmiledetError
from smiledet.photographs.migrations import migrate

BUSY = 30.0
"""Seconds to wait while another process writes."""

SETTINGS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -16384",
)
"""Write-ahead logging lets readers go on beside a writer; with it, NORMAL loses the last moment at a power cut and no
more. 16 MB of pages are kept a connection."""


class Database:
    """Connections to one file, one a thread.

    Args:
        path: The file; made with its folders where it is not there.

    Raises:
        OutputError: It cannot be opened or made, or is no store.
        UsageError: A newer smiledet wrote it.
        SmiledetError: The disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = threading.local()
        self._writing = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            migrate(self._connection(), str(path))
        except OSError as problem:
            raise OutputError(f"cannot make the store {path}: {problem.strerror}") from problem
        except sqlite3.Error as problem:
            self.close()
            # A disk is full, or gave an error; SQLite's codes are known from Python 3.11 on.
            kind = SmiledetError if "disk" in str(problem) else OutputError
            raise kind(f"cannot open the store {path}: {problem}") from problem

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The calling thread's connection.

        Raises:
            SmiledetError: SQLite gives up; the message says why.
        """
        try:
            yield self._connection()
        except sqlite3.Error as problem:
            raise SmiledetError(f"the store {self.path}: {problem}") from problem

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same in a transaction: all that is written in it, or nothing.

        Raises:
            SmiledetError: SQLite gives up; the message says why.
        """
        with self._writing, self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection; twice does no harm."""
        while self._opened:
            self._opened.pop().close()
        self._own = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            # Closed by whoever closes the store: another thread, mostly.
            connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self._opened.append(connection)
            for setting in SETTINGS:
                connection.execute(f"PRAGMA {setting}")
            self._own.connection = connection
        return connection
