"""From a `PhotographFilter` to the conditions of an SQL query."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smiledet.photographs.records import Order, PhotographFilter
from smiledet.system.text import valid_text

ORDERS: dict[Order, str] = {
    "name": "p.natural, p.id",
    "date": "p.dated DESC, p.id DESC",
    "smile": "p.smile DESC, p.id",
    "doubt": "p.doubt DESC, p.id",
    "faces": "p.face_count DESC, p.natural, p.id",
    "sharpness": "p.sharpness DESC, p.id",
}
"""How each order is written. SQLite takes NULL for less than any value."""


class Where:
    """Conditions on `photographs p`, and their values."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """One condition more, which must hold too."""
        self.conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.conditions)


def where(wanted: PhotographFilter, edition: int) -> Where:
    """The conditions of a filter."""
    found = Where()
    found.add("p.edition = ?", edition)
    found.add(f"p.failed IS {'NOT NULL' if wanted.failed else 'NULL'}")
    for task, labels in wanted.labels.items():
        among, values = labelled(edition, task, labels)
        found.add(f"p.id IN ({among})", *values)
    for task, (low, high) in wanted.numbers.items():
        among = "SELECT f.photograph FROM readings r JOIN faces f ON f.id = r.face WHERE r.task = ?"
        found.add(f"p.id IN ({among} AND r.number BETWEEN ? AND ?)", task, low, high)
    _add_places(wanted, found)
    for column, least in (("least_smile", wanted.least_smile), ("least_eyes_open", wanted.least_eyes_open)):
        if least is not None:
            found.add(f"p.{column} >= ?", least)
    if wanted.least_faces is not None:
        found.add("p.face_count >= ?", wanted.least_faces)
    if wanted.most_faces is not None:
        found.add("p.face_count <= ?", wanted.most_faces)
    if wanted.marks:
        _add_marks(wanted.marks, found)
    if wanted.best_only:
        found.add("p.place = 0")
    if wanted.stack is not None:
        found.add("p.stack = ?", wanted.stack)
    return found


def in_folders(folders: Sequence[Path]) -> tuple[str, list[bytes]]:
    """The condition on `files` that a file lies in one of some folders, or in the folders in them; and its values."""
    values = [each for span in spans(folders) for each in span]
    return " OR ".join(["folder >= ? AND folder < ?"] * (len(values) // 2)), values


def spans(folders: Sequence[Path]) -> list[tuple[bytes, bytes]]:
    """From which name of a folder to before which one it is one of some folders, or lies in them."""
    found = []
    for folder in map(os.fsencode, folders):
        inside = folder.rstrip(b"/") + b"/"
        found += [(folder, folder + b"\0"), (inside, inside[:-1] + b"0")]  # 0 follows / in ASCII
    return found


def labelled(edition: int, task: str, labels: Sequence[str]) -> tuple[str, list[Any]]:
    """The query for photographs in which a task reads one of some labels; and its values."""
    query = f"SELECT photograph FROM classes WHERE edition = ? AND task = ? AND label IN ({_marks(labels)})"
    return query, [edition, task, *labels]


def _add_places(wanted: PhotographFilter, found: Where) -> None:
    """The conditions on folder, name and date."""
    if wanted.folders:
        inside, values = in_folders(wanted.folders)
        found.add(f"p.content IN (SELECT content FROM files WHERE {inside})", *values)
    if wanted.text:
        found.add(
            "p.content IN (SELECT content FROM files WHERE instr(name, ?) > 0)", valid_text(wanted.text).casefold()
        )
    if wanted.taken_from is not None:
        found.add("p.dated >= ?", wanted.taken_from)
    if wanted.taken_to is not None:
        found.add("p.dated <= ?", wanted.taken_to + "\uffff")  # a day ends with its last moment


def _add_marks(marks: tuple[str, ...], found: Where) -> None:
    given = tuple(mark for mark in marks if mark)
    marked = f"p.content IN (SELECT content FROM marks WHERE mark IN ({_marks(given)}))"
    if "" in marks:
        found.add(f"(p.content NOT IN (SELECT content FROM marks) OR {marked})", *given)
    else:
        found.add(marked, *given)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
