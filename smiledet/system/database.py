"""An SQLite file that several threads and processes read while one writes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from smiledet.errors import OutputError, SmiledetError, UsageError
from smiledet.system.cells import DamagedError
from smiledet.system.text import printable

BUSY = 30.0
"""Seconds to wait while another process writes."""

FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second is its own message about a damaged file, where that repeats what stands there."""

SETTINGS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -16384",
)
"""Write-ahead logging lets readers go on beside a writer; with it, NORMAL loses the last moment at a power cut and no
more. 16 MB of pages are kept a connection."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one kind of store, version by version.

    Attributes:
        what: What such a store holds, for complaints.
        migrations: SQL that brings a file from each version to the next. `PRAGMA user_version` counts those that a file
            has had.
        mark: `PRAGMA application_id` of its files, by which kinds are told apart.
    """

    what: str
    migrations: tuple[str, ...]
    mark: int = 0


class Database:
    """Connections to one file, one a thread.

    Args:
        path: The file; made with its folders where it is not there.
        tables: What it holds.
        private: Whether nobody else may read it (mode 0600).

    Raises:
        OutputError: It cannot be opened or made, or is no store.
        UsageError: A newer smiledet wrote it, or it is a store of another kind.
        SmiledetError: The disk is full.
    """

    def __init__(self, path: Path, tables: Tables, private: bool = False) -> None:
        self.path = path
        self._own = threading.local()
        self._writing = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if private:
                _make_private(path)
            _migrate(self._connection(), str(path), tables)
        except OSError as problem:
            raise OutputError(f"cannot make the store {path}: {problem.strerror}") from problem
        except UsageError:
            self.close()
            raise
        except FAULTS as problem:
            self.close()
            # A disk is full, or gave an error; SQLite's codes are known from Python 3.11 on.
            kind = SmiledetError if "disk" in str(problem) else OutputError
            raise kind(f"cannot open the store {path}: {problem}") from problem

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The calling thread's connection.

        Raises:
            UsageError: It is damaged, see `smiledet.system.cells.rows`.
            SmiledetError: SQLite gives up; the message says why.
        """
        try:
            yield self._connection()
        except (DamagedError, sqlite3.IntegrityError) as problem:  # SQLite holds what it is given to what stands there
            raise UsageError(f"the store {self.path} is damaged: {problem}") from problem
        except FAULTS as problem:
            if "decode" in str(problem):  # a text that is none
                raise UsageError(f"the store {self.path} is damaged: {printable(problem)}") from problem
            raise SmiledetError(f"the store {self.path}: {problem}") from problem

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same in a transaction: all that is written in it, or nothing.

        Raises:
            UsageError: See `reading`.
            SmiledetError: See `reading`.
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


def _make_private(path: Path) -> None:
    """Before SQLite opens it: the files beside it (`-wal`, `-shm`) get its mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def _migrate(connection: sqlite3.Connection, where: str, tables: Tables) -> None:
    """Bring a file's tables to the newest version, all or nothing.

    Args:
        connection: In autocommit mode.
        where: The file, for complaints.
        tables: What it holds.

    Raises:
        UsageError: A newer smiledet wrote it, or it holds something else.
    """
    newest = len(tables.migrations)
    if _pragma(connection, "user_version") == newest and _pragma(connection, "application_id") == tables.mark:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        had = _pragma(connection, "user_version")  # another process may have been quicker
        if had and _pragma(connection, "application_id") != tables.mark:
            raise UsageError(f"{where} is no store of {tables.what}, but another store: name another file with --store")
        if had > newest:
            raise UsageError(
                f"the store {where} is of version {had}, this smiledet reads {newest}: install a newer one, "
                "or name another file with --store"
            )
        for number, script in enumerate(tables.migrations[had:], had + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {tables.mark}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has taken it back where the disk is full
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _statements(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit the transaction that is open."""
    found, held = [], ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            found.append(held)
            held = ""
    return found
