"""Reads what `--events` writes, JSON lines and CSV; damaged lines are left out, counted and named."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, AnyStr, NoReturn

from smiledet.columns import PICTURE_COLUMNS
from smiledet.errors import UsageError
from smiledet.sessions.sessions import Seen
from smiledet.system.redaction import redact, shown_source
from smiledet.tasks.smile import TASK as SMILE

NEEDED = (*PICTURE_COLUMNS, "x")
"""Columns of every version that is read: 2 and 3."""

LIVE = 1e9
"""Seconds on the source's time line from which on they are seconds since 1970."""

FARTHEST = 32_503_680_000.0
"""Seconds since 1970 from which on nothing is believed: the year 3000. Times a little later could not be written."""

LONGEST = 1 << 20
"""Characters of a line; a row has some thousand."""

NAMED = 5
"""Damaged lines that are named."""

Damaged = Callable[[int, str], object]
"""(line, why): told of every damaged line."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row.

    Attributes:
        source: What was watched, without its secrets, which files of earlier versions may hold.
        file: The photograph; None in a video.
        timestamp: Seconds on the source's time line.
        wall: When it was captured or read, seconds since 1970.
        face: The face; None for a photograph without one.
    """

    source: str
    file: str | None
    timestamp: float
    wall: float
    face: Seen | None

    @property
    def live(self) -> bool:
        """Whether the time line is that of the clock on the wall."""
        return self.timestamp > LIVE


class DamageReport:
    """Counts damaged lines and names the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    def __call__(self, line: int, why: str) -> None:
        """Take one; see `Damaged`."""
        self.count += 1
        if len(self._first) < NAMED:
            self._first.append(f"line {line} ({redact(why)})")

    def __str__(self) -> str:
        more = f" and {self.count - len(self._first)} more" if self.count > len(self._first) else ""
        lines = "1 damaged line" if self.count == 1 else f"{self.count} damaged lines"
        return f"{lines} left out: {', '.join(self._first)}{more}"


def read_events(path: Path, damaged: Damaged) -> Iterator[Event]:
    """The events of a file, one by one; see `read_rows`."""
    return (event for event, _ in read_rows(path, damaged))


def read_rows(path: Path, damaged: Damaged) -> Iterator[tuple[Event, Mapping[str, Any]]]:
    """The events of a file with the rows that they stand in, one by one; a file of any size.

    Args:
        path: `.csv`, or anything else for JSON lines.
        damaged: Told of every line that cannot be read.

    Raises:
        UsageError: The file cannot be read, or is another table.
    """
    rows = _csv_rows if path.suffix.lower() == ".csv" else _json_rows
    try:
        for line, row in rows(path, damaged):
            event = _event(row, line, damaged)
            if event is not None:
                yield event, row
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem


def _lines(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """The lines, each up to `LONGEST`: of a longer one the rest is left out, and what is there is no row."""
    while line := file.readline(LONGEST):
        yield line
        while len(line) == LONGEST and line[-1:] not in ("\n", b"\n"):
            line = file.readline(LONGEST)


def _json_rows(path: Path, damaged: Damaged) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_constant=_refuse)
            except (ValueError, RecursionError):
                damaged(number, "no JSON")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                damaged(number, "no object")


def _csv_rows(path: Path, damaged: Damaged) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(_lines(file))
        try:
            header = next(lines, [])
        except csv.Error as problem:
            raise UsageError(f"{path} is no table of events: {problem}") from problem
        if header and (missing := [name for name in NEEDED if name not in header]):
            raise UsageError(f"{path} is no table of events of version 2 or 3: it has no column {missing[0]}")
        while True:
            try:
                fields = next(lines, None)
            except csv.Error as problem:
                damaged(lines.line_num, str(problem))
                continue
            if fields is None:
                return
            if len(fields) != len(header):
                damaged(lines.line_num, f"{len(fields)} fields instead of {len(header)}")
                continue
            yield lines.line_num, {name: value or None for name, value in zip(header, fields, strict=True)}


def _event(row: Mapping[str, Any], line: int, damaged: Damaged) -> Event | None:
    """The event of a row; None where there is none in it."""
    missing = [name for name in NEEDED if name not in row]
    if missing:
        damaged(line, f"no {missing[0]}")
        return None
    try:
        return _read(row)
    except (ValueError, TypeError, OverflowError) as problem:
        damaged(line, str(problem))
        return None


def _read(row: Mapping[str, Any]) -> Event:
    wall = datetime.fromisoformat(text_of(row["time"])).timestamp()
    timestamp = wall if row["timestamp"] is None else number_of(row["timestamp"])
    if not 0 <= wall < FARTHEST or not -LIVE < timestamp < FARTHEST:
        raise ValueError(f"{row['time']}, {timestamp:g} s is out of range")
    file = None if row["file"] is None else text_of(row["file"])
    return Event(
        shown_source(text_of(row["source"])), file, timestamp, wall, _face(row) if row["track"] is not None else None
    )


def _face(row: Mapping[str, Any]) -> Seen:
    track = number_of(row["track"])
    if track != int(track):
        raise ValueError(f"track {row['track']!r}")
    labels: dict[str, str] = {}
    numbers: dict[str, float] = {}
    for column in row:
        task = column.removesuffix("_score")
        if task == column or row.get(task) is None or task == "detection":
            continue
        label = row[task]
        if isinstance(label, str) and not _is_number(label):
            labels[task] = label
        else:
            numbers[task] = number_of(label)
    intensity = row.get(f"{SMILE.name}_intensity")
    return Seen(int(track), labels, numbers, None if intensity is None else min(1.0, max(0.0, number_of(intensity))))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def number_of(value: Any) -> float:
    """A cell's number.

    Raises:
        TypeError: It holds none.
        ValueError: It is not finite, or larger than any that is written.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{value!r:.40} is no number")
    number = float(value)
    if not -1e12 < number < 1e12:
        raise ValueError(f"{value!r:.40} is out of range")
    return number


def text_of(value: Any) -> str:
    """A cell's text.

    Raises:
        TypeError: It holds none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
