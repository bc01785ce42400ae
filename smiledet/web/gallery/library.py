"""A gallery's photographs: those in the store, those still to be read, and reading them in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from smiledet.errors import SmiledetError, UsageError
from smiledet.photographs.records import EVERYTHING, Order, PhotographFilter, PhotographRow
from smiledet.photographs.store import Store


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading in the background is.

    Attributes:
        running: Whether it goes on.
        done: Photographs read.
        total: Photographs to read.
        failed: How many could not be read.
        rate: Photographs a second.
        seconds_left: None where it is not known yet.
        problem: Why it ended before its end; empty if it did not.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    failed: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    problem: str = ""


class ReadsPhotographs(Protocol):
    """What reads photographs into the store; `smiledet.photographs.index` makes one."""

    def __call__(
        self, paths: Sequence[Path], on_progress: Callable[[Progress], None], cancelled: threading.Event
    ) -> None:
        """Read some photographs.

        Args:
            paths: Which.
            on_progress: Called now and then.
            cancelled: Set by whoever wants no more; what was read is kept.
        """


class Library:
    """The photographs of some folders.

    Args:
        store: Where they are read into.
        folders: Absolute, with symbolic links followed.
        discover: The photographs that there are in the folders.
        read: Reads photographs into the store.
    """

    def __init__(
        self, store: Store, folders: Sequence[Path], discover: Callable[[], Sequence[Path]], read: ReadsPhotographs
    ) -> None:
        self.store, self.folders = store, tuple(folders)
        self._discover, self._read = discover, read
        self._everything = replace(EVERYTHING, folders=self.folders, best_only=True)
        self._lock = threading.Lock()
        self._pending: tuple[Path, ...] = ()
        self._progress = Progress()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def progress(self) -> Progress:
        """How far reading is."""
        return self._progress

    def look(self) -> None:
        """Find out which photographs are still to be read."""
        self._pending = self.store.pending(self._discover()).unread

    def start(self) -> Progress:
        """Read what is still to be read, in the background; nothing new starts while it goes on."""
        with self._lock:
            if not self._progress.running:
                self._cancelled.clear()
                self._progress = Progress(running=True)
                self._thread = threading.Thread(target=self._run, name="smiledet-index", daemon=True)
                self._thread.start()
            return self._progress

    def cancel(self) -> Progress:
        """End it; what was read is kept."""
        self._cancelled.set()
        return self._progress

    def close(self, patience: float = 10.0) -> None:
        """End reading and wait for it for some seconds."""
        self._cancelled.set()
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
        self._read((path,), lambda _: None, threading.Event())
        self.look()
        for failed in (False, True):
            found = self.store.ids(replace(EVERYTHING, folders=(path.parent,), text=path.name, failed=failed))
            for row in self.store.rows(found):
                if row.path == path:
                    return row.id
        raise UsageError(f"{path.name} was not read")

    def path(self, photograph: int) -> Path:
        """A photograph's file. Ids below zero are those of photographs that are still to be read.

        Raises:
            UsageError: There is none of that id.
        """
        if photograph < 0:
            pending = self._pending
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
        pending = self._pending
        first = max(0, offset - stored)
        more = pending[first : first + limit - len(found)]
        found += [unread(-first - number, path) for number, path in enumerate(more, start=1)]
        return stored + len(pending), found

    def counts(self, wanted: PhotographFilter) -> dict[str, Any]:
        """In how many photographs each label is seen, and how many cannot be read."""
        failed = self.store.count(replace(self._everything, failed=True))
        return {"labels": self.store.counts(wanted), "failed": failed}

    def _run(self) -> None:
        problem = ""
        try:
            self.look()
            self._read(self._pending, self._tell, self._cancelled)
        except SmiledetError as found:
            problem = str(found)
        except Exception as found:
            problem = f"reading ended: {type(found).__name__}: {found}"
            raise
        finally:
            self.look()
            self._progress = replace(self._progress, running=False, problem=problem)

    def _tell(self, progress: Progress) -> None:
        self._progress = replace(progress, running=True)


def shown(row: PhotographRow) -> dict[str, Any]:
    """A photograph of the store as the page takes it."""
    return {
        "id": row.id,
        "name": row.path.name,
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
    return {"id": number, "name": path.name, "pending": True, **empty}


def told(progress: Progress) -> dict[str, Any]:
    """The progress as the page takes it."""
    return asdict(progress)
