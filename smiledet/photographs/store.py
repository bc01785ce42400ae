"""The store of photographs: what was read from each, and what a person said of it, in one SQLite file.

One content is read once, however many files hold it and wherever they are moved: files point at the hash of what they
hold. A photograph belongs to an edition, that is to the tasks, models and settings that it was read with; marks and
corrections belong to the content, and outlive another edition.

Any number of threads and processes may read while one writes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.photographs.filtering import in_folders
from smiledet.photographs.migrations import TABLES
from smiledet.photographs.queries import BOX, Queries, path_of, read_edition, write_edition
from smiledet.photographs.records import STILL, Edition, Mark, NewPhotograph, Stack, StoredFile, StoredPhotograph
from smiledet.photographs.stored_objects import StoredObject
from smiledet.photographs.storing import SAME_FACE, classify, corrections_of, now, put_file, put_photograph
from smiledet.system.cells import BYTES, NOTHING, NUMBER, TEXT, WHOLE, content_of, rows
from smiledet.system.resources import data_folder


def default_store() -> Path:
    """The user's own store."""
    return data_folder() / "photographs.sqlite"


@dataclass(frozen=True, slots=True)
class Pending:
    """What a store says of files.

    Attributes:
        unread: New or changed: their content has to be looked at.
        known: As they were when they were read; why each could not be read, or None if it could.
    """

    unread: tuple[Path, ...]
    known: Mapping[Path, str | None]


class Store(Queries):
    """A store, seen through one edition.

    Args:
        path: The file; None for `default_store`. It is made where it is not there.
        edition: What is read and written; None for the one that was last used, to look at what is there.

    Raises:
        OutputError: It cannot be opened or made.
        UsageError: A newer smiledet wrote it.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with Store(Path(folder, "mine.sqlite"), Edition({"smile": ("not smiling", "smiling")})) as store:
    ...         file = StoredFile(Path("/a/1.jpg"), "12ab", mtime_ns=0, bytes=0)
    ...         store.add([NewPhotograph(file, 640, 480)])
    ...         store.counts(), [row.path.name for row in store.photographs()]
    ({'faces': {'no face': 1}, 'smile': {}}, ['1.jpg'])
    """

    def __init__(self, path: Path | None = None, edition: Edition | None = None) -> None:
        super().__init__(path or default_store(), TABLES)
        self._edition, self.tasks = self._use(edition)

    def pending(self, paths: Iterable[Path]) -> Pending:
        """Which files have to be looked at: new ones, and those whose size or time of change is another by now.

        Args:
            paths: Absolute. One that is not there is unread: whoever opens it says why.
        """
        query = (
            "SELECT f.path, f.mtime_ns, f.bytes, p.failed FROM files f JOIN photographs p ON p.content = f.content "
            "WHERE p.edition = ? AND f.position = ?"
        )
        with self.reading() as connection:
            found = rows(connection, query, [self._edition, STILL], BYTES, WHOLE, WHOLE, TEXT | NOTHING)
            stored = {path: ((mtime_ns, size), failed) for path, mtime_ns, size, failed in found}
        unread: list[Path] = []
        known: dict[Path, str | None] = {}
        for path in paths:
            before = stored.get(os.fsencode(path))
            if before is not None and before[0] == _state(path):
                known[path] = before[1]
            else:
                unread.append(path)
        return Pending(tuple(unread), known)

    def adopt(self, file: StoredFile) -> bool:
        """Take a file up whose content has been read already: a copy, or one that was moved, renamed or touched.

        Returns:
            False if its content has not been read; nothing is done then.
        """
        with self.writing() as connection:
            if not self._has(connection, file.hash):
                return False
            put_file(connection, file)
        return True

    def has(self, content: str) -> bool:
        """Whether a content has been read.

        Args:
            content: Its hash.
        """
        with self.reading() as connection:
            return self._has(connection, content)

    def problem_of(self, content: str) -> str | None:
        """Why a content could not be read; None if it could, or has not been read.

        Args:
            content: Its hash.
        """
        with self.reading() as connection:
            found = self._read(connection, content)
        return None if found is None else found[0]

    def add(self, photographs: Iterable[NewPhotograph]) -> None:
        """Store photographs, all of them or none; what was stored of the same content is replaced."""
        with self.writing() as connection:
            for photograph in photographs:
                content = put_file(connection, photograph.file)
                put_photograph(connection, self._edition, content, photograph)

    def add_video(self, video: StoredFile, every: float, frames: Sequence[NewPhotograph]) -> None:
        """Store the frames of a video, in the place of those that were stored of it.

        Args:
            video: The file.
            every: Seconds between the frames.
            frames: Each with its position in `file`.
        """
        with self.writing() as connection:
            connection.execute("DELETE FROM files WHERE path = ?", [os.fsencode(video.path)])
            for frame in frames:
                put_photograph(connection, self._edition, put_file(connection, frame.file), frame)
            columns = "path, bytes, mtime_ns, edition, every"
            values = [os.fsencode(video.path), video.bytes, video.mtime_ns, self._edition, every]
            connection.execute(f"INSERT OR REPLACE INTO videos ({columns}) VALUES (?, ?, ?, ?, ?)", values)

    def has_video(self, video: StoredFile, every: float) -> bool:
        """Whether a video's frames have been read, that many seconds apart, and the file has not changed since."""
        query = "SELECT 1 FROM videos WHERE path = ? AND bytes = ? AND mtime_ns = ? AND edition = ? AND every = ?"
        values = [os.fsencode(video.path), video.bytes, video.mtime_ns, self._edition, every]
        with self.reading() as connection:
            return connection.execute(query, values).fetchone() is not None

    def ids_of(self, path: Path) -> list[int]:
        """What was read of a file: a photograph, or a video's frames in order; empty where it has not been read.

        Args:
            path: Absolute.
        """
        query = (
            "SELECT p.id FROM files f JOIN photographs p ON p.content = f.content "
            "WHERE f.path = ? AND p.edition = ? ORDER BY f.position"
        )
        with self.reading() as connection:
            return [row for (row,) in rows(connection, query, [os.fsencode(path), self._edition], WHOLE)]

    def recall(self, path: Path) -> tuple[StoredPhotograph, ...]:
        """The same with all that is known of each."""
        return tuple(map(self.photograph, self.ids_of(path)))

    def forget(self, paths: Iterable[Path]) -> None:
        """Drop files; photographs without a file go with them, marks and corrections stay."""
        with self.writing() as connection:
            connection.executemany("DELETE FROM files WHERE path = ?", [(os.fsencode(path),) for path in paths])

    def paths_below(self, folder: Path) -> list[Path]:
        """The files that were found in a folder and the folders in it."""
        inside, values = in_folders([folder])
        with self.reading() as connection:
            found = rows(connection, f"SELECT DISTINCT path FROM files WHERE {inside}", values, BYTES)
            return [path_of(path) for (path,) in found]

    def correct(self, face: int, task: str, label: str | None) -> None:
        """Give a face another label, or with None take that back.

        Raises:
            UsageError: There is no such face, task or label.
        """
        self._check(task, label)
        with self.writing() as connection:
            query = (
                "SELECT p.id, p.content, r.number, r.label, f.x, f.y, f.width, f.height FROM faces f "
                "JOIN photographs p ON p.id = f.photograph JOIN readings r ON r.face = f.id "
                "WHERE r.task = ? AND f.id = ?"
            )
            kinds = (WHOLE, WHOLE, NUMBER | NOTHING, TEXT, *BOX)
            found = next(rows(connection, query, [task, face], *kinds), None)
            if found is None:
                raise UsageError(f"no face {face} in the store {self.path} of which {task} was read")
            photograph, content, number, answer, *box = found
            for row, place, corrected, _ in corrections_of(connection, content):
                if corrected == task and place.iou(Box(*box)) > SAME_FACE:
                    connection.execute("DELETE FROM corrections WHERE id = ?", [row])
            if label is not None:
                columns = "content, x, y, width, height, task, label, at"
                values = [content, *box, task, label, now()]
                connection.execute(f"INSERT INTO corrections ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            if number is not None:
                with content_of("label"):
                    number = float(answer if label is None else label)
            query = "UPDATE readings SET corrected = ?, number = ? WHERE face = ? AND task = ?"
            connection.execute(query, [label, number, face, task])
            query = "UPDATE stacks SET weights = '' WHERE id = (SELECT stack FROM photographs WHERE id = ?)"
            connection.execute(query, [photograph])
            classify(connection, self._edition, photograph)

    def mark(self, photograph: int, mark: Mark | None) -> None:
        """Keep or reject a photograph, or with None take that back.

        Raises:
            UsageError: There is no such photograph or mark.
        """
        if mark not in ("keep", "reject", None):
            raise UsageError(f"mark {mark!r}: expected keep, reject or None")
        with self.writing() as connection:
            found = connection.execute("SELECT content FROM photographs WHERE id = ?", [photograph]).fetchone()
            if found is None:
                raise UsageError(f"no photograph {photograph} in the store {self.path}")
            connection.execute("DELETE FROM marks WHERE content = ?", found)
            if mark is not None:
                connection.execute("INSERT INTO marks (content, mark, at) VALUES (?, ?, ?)", [*found, mark, now()])

    def put_stacks(self, stacks: Sequence[Stack], weights: str = "", gone: Iterable[int] | None = None) -> None:
        """Store stacks in the place of others.

        Args:
            stacks: New ones.
            weights: What the best of each was chosen by, see `StackState`.
            gone: Ids of stacks that are dissolved first; None for all.
        """
        with self.writing() as connection:
            for stack in self._stacks(connection) if gone is None else gone:
                connection.execute("UPDATE photographs SET stack = NULL, place = 0 WHERE stack = ?", [stack])
                connection.execute("DELETE FROM stacks WHERE id = ?", [stack])
            for each in stacks:
                told = dict(zip(map(str, each.photographs), each.reasons, strict=True))
                number = connection.execute(
                    "INSERT INTO stacks (edition, best, reasons, weights) VALUES (?, ?, ?, ?)",
                    [self._edition, each.photographs[0], json.dumps(told), weights],
                ).lastrowid
                members = [(number, place, member) for place, member in enumerate(each.photographs)]
                connection.executemany("UPDATE photographs SET stack = ?, place = ? WHERE id = ?", members)

    def _use(self, edition: Edition | None) -> tuple[int, Mapping[str, tuple[str, ...]]]:
        """The number of an edition, and its tasks."""
        if edition is None:
            with self.reading() as connection:
                query = "SELECT id, tasks FROM editions ORDER BY used DESC, id DESC"
                last = next(rows(connection, query, [], WHOLE, TEXT), None)
                return (last[0], read_edition(last[1])) if last else (0, {})
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO editions (key, tasks) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                [edition.key, write_edition(edition)],
            )
            query = "UPDATE editions SET used = (SELECT MAX(used) + 1 FROM editions) WHERE key = ?"
            connection.execute(query, [edition.key])
            (number,) = connection.execute("SELECT id FROM editions WHERE key = ?", [edition.key]).fetchone()
        return number, dict(edition.tasks)

    def _has(self, connection: sqlite3.Connection, content: str) -> bool:
        return self._read(connection, content) is not None

    def _read(self, connection: sqlite3.Connection, content: str) -> Any:
        """Why a content could not be read, as a row; None where it has not been read."""
        query = "SELECT failed FROM photographs JOIN contents c ON c.id = content WHERE edition = ? AND c.hash = ?"
        return next(rows(connection, query, [self._edition, content], TEXT | NOTHING), None)

    def _check(self, task: str, label: str | None) -> None:
        labels = self.tasks.get(task)
        if labels is None:
            raise UsageError(f"no task {task!r} in the store; there are {', '.join(self.tasks)}")
        if label is not None and label not in labels:
            raise UsageError(f"task {task!r} has no label {label!r}; there are {', '.join(labels)}")


def _state(path: Path) -> tuple[int, int] | None:
    try:
        # os.stat is twice as fast as Path's, for ten thousand files.
        found = path.stat() if isinstance(path, StoredObject) else os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size
