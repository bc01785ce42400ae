"""A gallery's photographs: those in the store, those still to be read, and reading them in the background."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smiledet.errors import SmiledetError, SourceError, UsageError
from smiledet.photographs.discover import absolute, discover
from smiledet.photographs.index import Indexer, Progress
from smiledet.photographs.records import EVERYTHING, Order, PhotographFilter, PhotographRow
from smiledet.system.resources import cache_folder
from smiledet.system.text import valid_text
from smiledet.web.gallery.pictures import Thumbnails, is_inside

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Photographs that are still to be read.

    Attributes:
        files: The photographs.
        places: While they are read, the place of each among the files that are gone through.
    """

    files: tuple[Path, ...] = ()
    places: tuple[int, ...] = ()


class Library:
    """The photographs of some folders.

    Args:
        indexer: Reads them into its store.
        folders: Absolute, with symbolic links followed.
    """

    def __init__(self, indexer: Indexer, folders: Sequence[Path]) -> None:
        self.store, self.tasks, self.folders = indexer.store, indexer.tasks, tuple(folders)
        self.thumbnails = Thumbnails(cache_folder() / "thumbnails")
        self._indexer = indexer
        self._everything = replace(EVERYTHING, folders=self.folders, best_only=True)
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._progress = Progress(0)
        self._running = False
        self._problem = ""
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    def progress(self) -> dict[str, Any]:
        """How far reading is, as the page takes it; `problem` says why it ended before its end."""
        found = self._progress
        return {
            "running": self._running,
            "done": found.done,
            "total": found.total,
            "failed": found.unread,
            "rate": round(found.rate, 2),
            "seconds_left": found.seconds_left,
            "problem": self._problem,
        }

    def look(self) -> None:
        """Find out which photographs are still to be read."""
        self._waiting = Waiting(tuple(self.store.pending(self._discover()).unread))

    def start(self) -> None:
        """Read what is still to be read, in the background; nothing new starts while it goes on."""
        with self._lock:
            if not self._running:
                self._cancelled.clear()
                self._running, self._problem, self._progress = True, "", Progress(0)
                self._thread = threading.Thread(target=self._run, name="smiledet-index", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """End it; what was read is kept."""
        self._cancelled.set()

    def close(self, patience: float = 10.0) -> None:
        """End reading and wait for it for some seconds."""
        self._cancelled.set()
        self.thumbnails.close()
        if self._thread is not None:
            self._thread.join(patience)

    def read_one(self, photograph: int) -> int:
        """Read one photograph now.

        Returns:
            Its id in the store.

        Raises:
            UsageError: There is none of that id, or it cannot be read.
        """
        path = self.path(photograph)
        with self._lock:
            if self._running:
                raise UsageError("photographs are being read: wait for the end, or cancel it")
            (told,) = self._indexer.each((path,))
            self._indexer.restack()
        self.look()
        for failed in (False, True):
            found = self.store.ids(replace(EVERYTHING, folders=(path.parent,), text=path.name, failed=failed))
            for row in self.store.rows(found):
                if row.path == path:
                    return row.id
        raise UsageError(f"{path.name} was not read: {told.unread}")

    def path(self, photograph: int) -> Path:
        """A photograph's file. Ids below zero are those of photographs that are still to be read.

        Raises:
            UsageError: There is none of that id.
        """
        if photograph < 0:
            pending = self._waiting.files
            if -photograph > len(pending):
                raise UsageError(f"no photograph {photograph}")
            return pending[-photograph - 1]
        return self.row(photograph).path

    def row(self, photograph: int) -> PhotographRow:
        """A photograph of the store.

        Raises:
            UsageError: There is none of that id in the folders.
        """
        rows = self.store.rows([photograph])
        if not rows or not any(folder in rows[0].path.parents for folder in self.folders):
            raise UsageError(f"no photograph {photograph}")
        return rows[0]

    def page(self, wanted: PhotographFilter, order: Order, offset: int, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """Some photographs, and how many there are in all.

        Those still to be read follow the others where nothing is filtered.
        """
        stored = self.store.count(wanted)
        found = [shown(row) for row in self.store.photographs(wanted, order, limit, offset)] if offset < stored else []
        if wanted != self._everything:
            return stored, found
        waiting = self._waiting
        read = bisect_left(waiting.places, self._progress.done)
        first = read + max(0, offset - stored)
        more = waiting.files[first : first + limit - len(found)]
        found += [unread(-first - number, path) for number, path in enumerate(more, start=1)]
        return stored + len(waiting.files) - read, found

    def counts(self, wanted: PhotographFilter) -> dict[str, Any]:
        """In how many photographs each label is seen, and how many cannot be read."""
        failed = self.store.count(replace(self._everything, failed=True))
        return {"labels": self.store.counts(wanted), "failed": failed}

    def _discover(self) -> list[Path]:
        """The photographs in the folders; none that a link leads to outside them."""
        try:
            files = discover(self.folders).files
        except SourceError:  # none at all
            return []
        return [path for path in map(absolute, files) if is_inside(path, self.folders)]

    def _run(self) -> None:
        problem = ""
        try:
            files = self._discover()
            places = {path: place for place, path in enumerate(files)}
            pending = self.store.pending(files).unread
            self._waiting = Waiting(tuple(pending), tuple(places[path] for path in pending))
            self._indexer.run(files, self._tell, self._cancelled.is_set, self.folders)
        except SmiledetError as found:
            problem = str(found)
        except Exception as found:
            problem = f"reading ended: {type(found).__name__}: {found}"
            log.debug("reading ended", exc_info=True)
        finally:
            self.look()
            with self._lock:
                self._running, self._problem = False, problem

    def _tell(self, progress: Progress) -> None:
        self._progress = progress


def shown(row: PhotographRow) -> dict[str, Any]:
    """A photograph of the store as the page takes it."""
    return {
        "id": row.id,
        "name": valid_text(row.path.name),
        "pending": False,
        "failed": row.failed,
        "faces": row.face_count,
        "labels": row.readings,
        "mark": row.mark,
        "stack": None if row.stack is None else {"id": row.stack, "size": row.stack_size},
    }


def unread(number: int, path: Path) -> dict[str, Any]:
    """A photograph that is still to be read as the page takes it."""
    empty: dict[str, Any] = {"failed": None, "faces": 0, "labels": {}, "mark": None, "stack": None}
    return {"id": number, "name": valid_text(path.name), "pending": True, **empty}
