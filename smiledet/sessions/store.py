"""The store of sessions: who was there when, sums of minutes, hours and days, in one SQLite file.

What is old is thinned: first the details go, then sessions and hours, and what is older than asked for goes altogether.
Deleted rows are overwritten in the file (`PRAGMA secure_delete`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from smiledet.errors import UsageError
from smiledet.schema import between
from smiledet.sessions.events import number_of, text_of
from smiledet.sessions.rows import FAULTS, by_name, moment_of, session_of
from smiledet.sessions.sessions import Session
from smiledet.sessions.tables import TABLES
from smiledet.system.database import Database
from smiledet.system.text import printable

DAY = 86_400
WIDTHS = (60, 3600, DAY)
"""Seconds of the periods that are summed up; a day begins at midnight, local time."""

DETAILED_DAYS = 7
"""Days for which minutes, and what each session showed when, are kept."""

HOURLY_DAYS = 90
"""Days for which sessions and hours are kept; days are kept until they are older than asked for."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What is kept of a run, `[store]`.

    Attributes:
        file: The store; empty for none. `--store` takes its place.
        keep_days: Days after which everything is deleted.
        pictures: Whether a small picture of each face at its strongest smile is kept.
    """

    file: str = ""
    keep_days: float = field(default=365.0, metadata=between(0.01, 36_500))
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was stored.

    Attributes:
        source: What was watched.
        began: Seconds since 1970.
        ended: When it was last written.
        frames: Taken from the source.
        drops: How many frames a stage never got, by stage and cause.
    """

    source: str
    began: float
    ended: float
    frames: int = 0
    drops: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a period adds up to; see `smiledet.sessions.sessions.Credit`."""

    width: int
    start: int
    source: str
    task: str
    label: str
    amount: float


class SessionStore(Database):
    """A store.

    Args:
        path: The file; made where it is not there.
        private: Whether nobody else may read it.

    Raises:
        OutputError: It cannot be opened or made.
        UsageError: A newer smiledet wrote it, or it is another kind of store.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, SessionStore(Path(folder, "day.sqlite")) as store:
    ...     number = store.put_session(Session("0", 1, first=100.0, last=160.0))
    ...     [each.seconds for each in store.sessions()]
    [60.0]
    """

    def __init__(self, path: Path, private: bool = False) -> None:
        super().__init__(path, TABLES, private)

    def put_run(self, run: Run, number: int | None = None) -> int:
        """Store a run, or what has become of it.

        Args:
            run: The run.
            number: What was answered the first time; None for a new one.

        Returns:
            The run's number.
        """
        columns = {**asdict(run), "drops": json.dumps(run.drops)}
        return self._put("runs", columns, number)

    def put_session(self, session: Session, number: int | None = None) -> int:
        """The same for a session, which may still be going on."""
        columns = {**asdict(session), "labels": _json(session.labels), "numbers": _json(session.numbers)}
        rows = [(span.task, span.label, round(span.begin, 3), round(span.end, 3)) for span in session.spans]
        return self._put("sessions", {**columns, "spans": _json(rows)}, number)

    def add(self, sums: Iterable[Sum]) -> None:
        """Add to sums."""
        query = (
            "INSERT INTO sums (width, start, source, task, label, amount) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
        )
        rows = [(each.width, each.start, each.source, each.task, each.label, each.amount) for each in sums]
        with self.writing() as connection:
            connection.executemany(query, rows)

    def thin(self, now: float, keep_days: float) -> None:
        """Delete what is old.

        Args:
            now: Seconds since 1970.
            keep_days: Days after which nothing is kept.
        """

        def before(days: float) -> float:
            return now - DAY * min(days, keep_days)

        with self.writing() as connection:
            connection.execute("UPDATE sessions SET spans = NULL WHERE last < ?", [before(DETAILED_DAYS)])
            connection.execute("DELETE FROM sessions WHERE last < ?", [before(HOURLY_DAYS)])
            connection.execute("DELETE FROM runs WHERE ended < ?", [before(keep_days)])
            for width, days in zip(WIDTHS, (DETAILED_DAYS, HOURLY_DAYS, keep_days), strict=True):
                query = "DELETE FROM sums WHERE width = ? AND start + width < ?"
                connection.execute(query, [width, before(days)])

    def runs(self) -> list[Run]:
        """The runs, the oldest first."""
        names = [each.name for each in fields(Run)]
        with self._rows(f"SELECT {', '.join(names)} FROM runs ORDER BY began") as rows:
            return [
                Run(
                    text_of(source),
                    moment_of(began),
                    moment_of(ended),
                    int(number_of(frames)),
                    by_name(drops, lambda causes: {str(cause): int(number_of(each)) for cause, each in causes.items()}),
                )
                for source, began, ended, frames, drops in rows
            ]

    def sessions(self) -> Iterator[Session]:
        """The sessions, the oldest first."""
        names = [each.name for each in fields(Session)]
        with self._rows(f"SELECT {', '.join(names)} FROM sessions ORDER BY first, id") as rows:
            for row in rows:
                yield session_of(dict(zip(names, row, strict=True)))

    def sums(self, width: int) -> Iterator[Sum]:
        """What the minutes, hours or days add up to, the oldest first."""
        query = "SELECT start, source, task, label, amount FROM sums WHERE width = ? ORDER BY start"
        with self._rows(query, width) as rows:
            for start, source, task, label, amount in rows:
                names = text_of(source), text_of(task), text_of(label)
                yield Sum(width, int(moment_of(start)), *names, number_of(amount))

    @contextmanager
    def _rows(self, query: str, *given: object) -> Iterator[Iterator[Any]]:
        """What a query finds.

        Raises:
            UsageError: A row is damaged.
            SmiledetError: SQLite gives up; the message says why.
        """
        with self.reading() as connection:
            try:
                yield connection.execute(query, given)
            except FAULTS as problem:
                raise UsageError(f"the store {self.path} is damaged: {printable(problem)}") from problem

    def _put(self, table: str, columns: Mapping[str, Any], number: int | None) -> int:
        with self.writing() as connection:
            if number is not None:
                names = ", ".join(f"{name} = ?" for name in columns)
                connection.execute(f"UPDATE {table} SET {names} WHERE id = ?", [*columns.values(), number])
                return number
            names = ", ".join(columns)
            marks = ", ".join("?" * len(columns))
            query = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            return connection.execute(query, list(columns.values())).lastrowid or 0


def period(width: int, at: float) -> int:
    """When the period began in which a moment lies, seconds since 1970.

    >>> period(3600, 7300.5)
    7200
    """
    if width < DAY:
        return int(at // width * width)
    return int(datetime.fromtimestamp(at).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
