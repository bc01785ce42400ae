"""What can be asked of the store of photographs."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from smiledet.errors import UsageError
from smiledet.frame import Box, HeadPose
from smiledet.photographs.filtering import ORDERS, Where, labelled, spans, where
from smiledet.photographs.records import (
    EVERYTHING,
    FACES,
    STILL,
    Correction,
    Edition,
    Look,
    Order,
    PhotographFilter,
    PhotographRow,
    Share,
    StackState,
    StoredFace,
    StoredFile,
    StoredPhotograph,
    StoredReading,
)
from smiledet.system.cells import BYTES, NOTHING, NUMBER, TEXT, WHOLE, DamagedError, Kind, content_of, rows
from smiledet.system.database import Database
from smiledet.system.text import from_json
from smiledet.tasks.base import UNSURE

ROW = """
SELECT p.id, f.path, f.position, c.hash, p.width, p.height, p.taken, p.dated, p.face_count, p.smile, p.doubt,
    (SELECT mark FROM marks WHERE content = p.content), p.stack, p.place,
    (SELECT COUNT(*) FROM photographs s WHERE s.stack = p.stack), p.failed
FROM photographs p JOIN files f ON f.id = p.file JOIN contents c ON c.id = p.content
WHERE +p.edition = ? AND p.id IN ({ids})
"""
"""The `+` keeps SQLite from going through every photograph of the edition, by its index, for a few ids."""

ROW_KINDS = (
    *(WHOLE, BYTES, NUMBER, TEXT, WHOLE, WHOLE, TEXT | NOTHING, TEXT, WHOLE, NUMBER | NOTHING, NUMBER | NOTHING),
    *(TEXT | NOTHING, WHOLE | NOTHING, WHOLE, WHOLE, TEXT | NOTHING),
)
"""Of the columns of `ROW`."""

BOX = (NUMBER, NUMBER, NUMBER, NUMBER)

FACE = (
    "SELECT id, photograph, number, x, y, width, height, detection_score, yaw, pitch, roll, eyes_open, "
    "smile_intensity, sharpness, mouth_open FROM faces WHERE photograph IN ({ids}) ORDER BY photograph, number"
)
FACE_KINDS = (WHOLE, WHOLE, WHOLE, *BOX, NUMBER, *[NUMBER | NOTHING] * 7)
"""Of the columns of `FACE`."""

BETWEEN = "SELECT 1 FROM files WHERE folder >= ? AND folder < ? LIMIT 1"

AT_ONCE = 500
"""Ids in one query; SQLite before 3.32 took 999 values."""


class Queries(Database):
    """The questions. All are of one edition: what was read with the same tasks, models and settings."""

    _edition: int
    tasks: Mapping[str, tuple[str, ...]]

    def ids(
        self, wanted: PhotographFilter = EVERYTHING, order: Order = "name", limit: int = -1, offset: int = 0
    ) -> list[int]:
        """The ids of photographs, in order.

        Args:
            wanted: Which.
            order: See `Order`.
            limit: How many at most; -1 for all.
            offset: How many are passed over first.
        """
        with self.reading() as connection:
            conditions = self._where(connection, wanted)
            query = f"SELECT p.id FROM photographs p WHERE {conditions} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?"
            return [row for (row,) in rows(connection, query, [*conditions.values, limit, offset], WHOLE)]

    def count(self, wanted: PhotographFilter = EVERYTHING) -> int:
        """How many photographs there are."""
        with self.reading() as connection:
            conditions = self._where(connection, wanted)
            query = f"SELECT COUNT(*) FROM photographs p WHERE {conditions}"
            (count,) = connection.execute(query, conditions.values).fetchone()
            return int(count)

    def photographs(
        self, wanted: PhotographFilter = EVERYTHING, order: Order = "name", limit: int = -1, offset: int = 0
    ) -> list[PhotographRow]:
        """Photographs as a grid shows them, in order; see `ids`."""
        return self.rows(self.ids(wanted, order, limit, offset))

    def rows(self, ids: Sequence[int]) -> list[PhotographRow]:
        """Some photographs as a grid shows them, in the order of the ids; ids that there are not are left out."""
        found: dict[int, PhotographRow] = {}
        with self.reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                marks = ", ".join("?" * len(some))
                readings: dict[int, dict[str, tuple[str, float]]] = {}
                query = (
                    "SELECT f.photograph, r.task, r.label, r.score, r.corrected FROM faces f "
                    f"JOIN readings r ON r.face = f.id WHERE f.number = 1 AND f.photograph IN ({marks})"
                )
                kinds = (WHOLE, TEXT, TEXT, NUMBER, TEXT | NOTHING)
                for photograph, task, label, score, corrected in rows(connection, query, some, *kinds):
                    shown = (label, score) if corrected is None else (corrected, 1.0)
                    readings.setdefault(photograph, {})[task] = shown
                for values in rows(connection, ROW.format(ids=marks), [self._edition, *some], *ROW_KINDS):
                    found[values[0]] = _row(values, self._in_order(readings.get(values[0], {})))
        return [found[each] for each in ids if each in found]

    def counts(self, wanted: PhotographFilter = EVERYTHING) -> dict[str, dict[str, int]]:
        """In how many photographs each label is seen, by task; a photograph with several faces counts for each label.

        `FACES` is among the tasks, with the labels of `FACE_COUNTS`. What the filter says of a task's labels does not
        change the counts of that task: they say what another choice would find.
        """
        counts: dict[str, dict[str, int]] = {task: {} for task in (FACES, *self.tasks)}
        query = "SELECT task, label, COUNT(*) FROM classes WHERE edition = ?"
        values: list[Any] = [self._edition]
        for task, labels in wanted.labels.items():
            condition, more = labelled(self._edition, task, labels)
            query, values = f"{query} AND (task = ? OR photograph IN ({condition}))", [*values, task, *more]
        with self.reading() as connection:
            others = self._where(connection, replace(wanted, labels={}))
            if len(others.conditions) > len(where(EVERYTHING, 0).conditions):
                query += f" AND photograph IN (SELECT p.id FROM photographs p WHERE {others})"
                values += others.values
            for task, label, count in rows(connection, f"{query} GROUP BY task, label", values, TEXT, TEXT, WHOLE):
                counts.setdefault(task, {})[label] = count
        return counts

    def photograph(self, photograph: int) -> StoredPhotograph:
        """All that is known of a photograph.

        Raises:
            UsageError: There is none of that id.
        """
        found = self.rows([photograph])
        if not found:
            raise UsageError(f"no photograph {photograph} in the store {self.path}")
        row = found[0]
        with self.reading() as connection:
            query = "SELECT content, sharpness, phash, detector, turned, stack FROM photographs WHERE id = ?"
            kinds = (WHOLE, NUMBER | NOTHING, WHOLE | NOTHING, TEXT, WHOLE, WHOLE | NOTHING)
            content, sharpness, phash, detector, turned, stack = next(rows(connection, query, [photograph], *kinds))
            query = "SELECT path, mtime_ns, bytes, position FROM files WHERE content = ? ORDER BY natural"
            files = list(rows(connection, query, [content], BYTES, WHOLE, WHOLE, NUMBER))
            told = next(rows(connection, "SELECT reasons FROM stacks WHERE id = ?", [stack], TEXT), None)
            reasons = _reasons(told[0], photograph) if told else ()
            copies = tuple(StoredFile(path_of(path), row.hash, *rest) for path, *rest in files)
        return StoredPhotograph(
            row, self.faces([photograph])[photograph], copies, sharpness, phash, detector, turned, reasons
        )

    def faces(self, ids: Sequence[int]) -> dict[int, tuple[StoredFace, ...]]:
        """The faces of photographs, the largest first."""
        found: dict[int, list[StoredFace]] = {photograph: [] for photograph in ids}
        with self.reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                marks = ", ".join("?" * len(some))
                readings: dict[int, dict[str, StoredReading]] = {}
                query = (
                    "SELECT r.face, r.task, r.label, r.score, r.number, r.scores, r.corrected FROM readings r "
                    f"JOIN faces f ON f.id = r.face WHERE f.photograph IN ({marks})"
                )
                kinds = (WHOLE, TEXT, TEXT, NUMBER, NUMBER | NOTHING, BYTES, TEXT | NOTHING)
                for face, *reading in rows(connection, query, some, *kinds):
                    readings.setdefault(face, {})[reading[0]] = self._reading(*reading)
                for values in rows(connection, FACE.format(ids=marks), some, *FACE_KINDS):
                    found[values[1]].append(_face(values, self._in_order(readings.get(values[0], {}))))
        return {photograph: tuple(faces) for photograph, faces in found.items()}

    def corrections(self) -> Iterator[Correction]:
        """Every label that a person gave, of photographs that are there, in the order in which they were given."""
        query = (
            "SELECT f.path, f.position, c.x, c.y, c.width, c.height, c.task, c.label, c.at FROM corrections c "
            "JOIN files f ON f.id = (SELECT id FROM files WHERE content = c.content ORDER BY natural LIMIT 1) "
            "ORDER BY c.id"
        )
        with self.reading() as connection:
            kinds = (BYTES, NUMBER, *BOX, TEXT, TEXT, TEXT)
            for path, position, x, y, width, height, *rest in list(rows(connection, query, [], *kinds)):
                yield Correction(path_of(path), position, Box(x, y, width, height), *rest)

    def looks(self) -> list[Look]:
        """How every photograph looks that could be read and is no frame of a video."""
        query = (
            "SELECT p.id, p.taken, p.phash FROM photographs p JOIN files f ON f.id = p.file "
            "WHERE p.edition = ? AND p.failed IS NULL AND p.phash IS NOT NULL AND f.position = ?"
        )
        with self.reading() as connection:
            kinds = (WHOLE, TEXT | NOTHING, WHOLE)
            return [
                Look(photograph, _seconds(taken), phash)
                for photograph, taken, phash in rows(connection, query, [self._edition, STILL], *kinds)
            ]

    def places(self, ids: Sequence[int]) -> dict[int, tuple[Box, ...]]:
        """Where the faces of photographs are, in shares of the picture's sides; those without a face are left out."""
        found: dict[int, list[Box]] = {}
        with self.reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                query = (
                    "SELECT f.photograph, f.x / p.width, f.y / p.height, f.width / p.width, f.height / p.height "
                    "FROM faces f JOIN photographs p ON p.id = f.photograph "
                    f"WHERE p.id IN ({', '.join('?' * len(some))}) ORDER BY f.photograph, f.number"
                )
                for photograph, *box in rows(connection, query, some, WHOLE, *BOX):
                    found.setdefault(photograph, []).append(Box(*box))
        return {photograph: tuple(boxes) for photograph, boxes in found.items()}

    def stacks(self) -> dict[int, StackState]:
        """The stacks that are stored, by their ids."""
        with self.reading() as connection:
            return self._stacks(connection)

    def sharpness(self, ids: Sequence[int]) -> dict[int, float]:
        """How sharp photographs are; see `smiledet.photographs.quality`."""
        found: dict[int, float] = {}
        with self.reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                query = f"SELECT id, COALESCE(sharpness, 0) FROM photographs WHERE id IN ({', '.join('?' * len(some))})"
                found.update(rows(connection, query, some, WHOLE, NUMBER))
        return found

    def timeline(
        self, wanted: PhotographFilter = EVERYTHING, unit: Literal["day", "month", "year"] = "month"
    ) -> list[Share]:
        """Photographs, faces and smiles by date, the earliest first."""
        length = {"day": 10, "month": 7, "year": 4}[unit]
        return self._shares(wanted, f"substr(p.dated, 1, {length})", TEXT)

    def by_folder(self, wanted: PhotographFilter = EVERYTHING) -> list[Share]:
        """Photographs, faces and smiles by folder; of a photograph with several files by that of its first."""
        return self._shares(wanted, "f.folder", BYTES, "JOIN files f ON f.id = p.file")

    def _shares(self, wanted: PhotographFilter, part: str, kind: Kind, join: str = "") -> list[Share]:
        with self.reading() as connection:
            conditions = self._where(connection, wanted)
            query = (
                f"SELECT {part}, COUNT(*), CAST(TOTAL(p.face_count) AS INTEGER), AVG(p.smile) "
                f"FROM photographs p {join} WHERE {conditions} GROUP BY 1 ORDER BY 1"
            )
            kinds = (kind, WHOLE, WHOLE, NUMBER | NOTHING)
            return [
                Share(os.fsdecode(name), *rest) for name, *rest in rows(connection, query, conditions.values, *kinds)
            ]

    def _stacks(self, connection: sqlite3.Connection) -> dict[int, StackState]:
        """Stacks, and what is left of those whose best is gone."""
        query = (
            "SELECT p.stack, p.id, COALESCE(s.weights, '') FROM photographs p LEFT JOIN stacks s ON s.id = p.stack "
            "WHERE p.edition = ? AND p.stack IS NOT NULL"
        )
        members: dict[int, list[int]] = {}
        weights: dict[int, str] = {}
        for stack, photograph, by in rows(connection, query, [self._edition], WHOLE, WHOLE, TEXT):
            members.setdefault(stack, []).append(photograph)
            weights[stack] = by
        return {stack: StackState(frozenset(each), weights[stack]) for stack, each in members.items()}

    def _reading(self, task: str, label: str, score: float, *rest: Any) -> StoredReading:
        """What a task read from a face, from its row."""
        number, scores, corrected = rest
        told, sure = (label, score) if corrected is None else (corrected, 1.0)
        with content_of("readings"):
            named = dict(zip(self.tasks[task], array("f", scores), strict=True))
            if not math.isfinite(sum(named.values())):
                raise ValueError("a probability that is no number")
            if label not in named and label != UNSURE:
                raise ValueError(f"{task} has no label {label!r:.40}")
            if number is not None:
                float(told)
        return StoredReading(told, sure, named, corrected is not None)

    def _where(self, connection: sqlite3.Connection, wanted: PhotographFilter) -> Where:
        """The conditions, without that on folders where no file lies elsewhere: it takes the most time."""
        if wanted.folders and not _is_any_elsewhere(connection, wanted.folders):
            wanted = replace(wanted, folders=())
        return where(wanted, self._edition)

    def _in_order(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {task: found[task] for task in self.tasks if task in found}


def _is_any_elsewhere(connection: sqlite3.Connection, folders: Sequence[Path]) -> bool:
    """Whether a file lies in none of some folders; by the index, from one end of a folder to the next."""
    last = b""
    for first, end in sorted(spans(folders)):
        if first > last and connection.execute(BETWEEN, (last, first)).fetchone():
            return True
        last = max(last, end)
    return connection.execute("SELECT 1 FROM files WHERE folder >= ? LIMIT 1", (last,)).fetchone() is not None


def read_edition(tasks: str) -> dict[str, tuple[str, ...]]:
    """The tasks of an edition, as the table has them."""
    with content_of("tasks"):
        found = {name: tuple(labels) for name, labels in from_json(tasks)}
        if not all(isinstance(each, str) for name, labels in found.items() for each in (name, *labels)):
            raise ValueError("a label that is no text")
        return found


def write_edition(edition: Edition) -> str:
    """The tasks of an edition for the table."""
    return json.dumps([[name, labels] for name, labels in edition.tasks.items()])


def _row(values: Sequence[Any], readings: Mapping[str, tuple[str, float]]) -> PhotographRow:
    (row, path), between, (mark, stack, place, size, failed) = values[:2], values[2:11], values[11:]
    position, content, width, height, taken, dated, faces, smile, doubt = between
    return PhotographRow(
        id=row,
        path=path_of(path),
        position=position,
        hash=content,
        width=width,
        height=height,
        taken=taken,
        dated=dated,
        face_count=faces,
        readings=readings,
        smile=smile,
        doubt=doubt,
        mark=mark,
        stack=stack,
        place=place,
        stack_size=size or 1,
        failed=failed,
    )


def _face(values: Sequence[Any], readings: Mapping[str, StoredReading]) -> StoredFace:
    face, _, number, *box = values[:7]
    score, *pose = values[7:11]
    if min(box[2:]) <= 0:
        raise DamagedError(f"width and height hold {box[2]:g} and {box[3]:g}")
    if None in pose and any(each is not None for each in pose):
        raise DamagedError("yaw, pitch or roll holds nothing")
    placed = None if pose[0] is None else HeadPose(*pose)
    return StoredFace(face, number, Box(*box), score, readings, placed, *values[11:])


def path_of(stored: bytes) -> Path:
    """A file's path, as the table has it."""
    if b"\0" in stored:
        raise DamagedError(f"path holds {stored!r:.40}")
    return Path(os.fsdecode(stored))


def _reasons(stored: str, photograph: int) -> tuple[str, ...]:
    """What speaks for and against a photograph of a stack."""
    with content_of("reasons"):
        found = from_json(stored).get(str(photograph), [])
        if not (isinstance(found, list) and all(isinstance(each, str) for each in found)):
            raise ValueError("no list of words")
        return tuple(found)


def _seconds(taken: str | None) -> float | None:
    with content_of("taken"):
        return None if taken is None else datetime.fromisoformat(taken).timestamp()
