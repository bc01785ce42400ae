"""The indexer: from files to the store of photographs. The command line and the gallery share it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from typing_extensions import Self

from smiledet.config import Config
from smiledet.detection.photographs import PhotographLocator
from smiledet.model_plan import plan_models
from smiledet.photographs.discover import absolute, is_video
from smiledet.photographs.examine import Examined, Examiner, edition_of
from smiledet.photographs.memory_budget import MemoryBudget, usual_memory, workers_within
from smiledet.photographs.reading import StagePool, usual_workers
from smiledet.photographs.records import NewPhotograph
from smiledet.photographs.stacks import restack
from smiledet.photographs.store import Store
from smiledet.tasks.base import Task

EVERY = 1.0
"""Seconds between the frames of a video where nobody says another number."""

BATCH = 64
"""Files that are stored at once at most."""

LONGEST = 1.0
"""Seconds after which what has been read is stored, however little it is."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A file that was dealt with.

    Attributes:
        path: As it was given.
        known: Whether it had been read before.
        photographs: What is in the store of it: 1, or the frames of a video; 0 where it could not be opened.
        faces: Faces that were read in it just now.
        unread: Why it could not be read; None if it could.
    """

    path: Path
    known: bool = False
    photographs: int = 1
    faces: int = 0
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far indexing is.

    Attributes:
        total: Files that were asked for.
        done: Files dealt with, of either kind below as well.
        known: Files that had been read before.
        unread: Files that could not be read.
        faces: Faces that were read.
        seconds: Since it began.
    """

    total: int
    done: int = 0
    known: int = 0
    unread: int = 0
    faces: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Files a second that had not been read before; 0 at the beginning."""
        return (self.done - self.known) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None while there is none."""
        return (self.total - self.done) / self.rate if self.rate else None

    def plus(self, file: Indexed, seconds: float) -> Progress:
        """With one file more."""
        return replace(
            self,
            done=self.done + 1,
            known=self.known + file.known,
            unread=self.unread + (file.unread is not None),
            faces=self.faces + file.faces,
            seconds=seconds,
        )


class Cluster(Protocol):
    """Other machines that examine files; see `smiledet.photographs.ray_cluster`."""

    def examine(self, files: Sequence[Path], cancelled: Callable[[], bool]) -> Iterator[tuple[Path, Examined]]:
        """Examine each file once, in any order."""


class Indexer:
    """Reads photographs into a store. One run at a time.

    Each worker is a thread with models of its own; what takes the time, decoding and the networks, leaves Python's lock
    alone. Originals are only ever read.

    Args:
        config: What is read, and with what.
        store: The store's file; None for `smiledet.photographs.store.default_store`.
        workers: Photographs that are read at once at most; None for one a processor.
        memory: Megabytes that the process is to stay under: fewer photographs are then read at once, and one that
            takes more by itself is not read. None for 400 MB with two workers, 112 more with each further one.
        every: Seconds between the frames of a video.
        cluster: Examines the files instead of this process; what comes of them is stored here.
        nice: By how much its threads give way to others, 0 to 19; see `smiledet.system.processes.give_way`.
        clock: Seconds; tests bring their own.

    Raises:
        UsageError: A model, engine or detector cannot be had, or the store cannot be opened.
    """

    def __init__(
        self,
        config: Config,
        store: Path | None = None,
        *,
        workers: int | None = None,
        memory: float | None = None,
        every: float = EVERY,
        cluster: Cluster | None = None,
        nice: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        plan = plan_models(config)
        PhotographLocator(config.photographs)  # a detector that is not installed, or its file missing, is said now
        self.tasks: tuple[Task, ...] = plan.tasks
        self.models = plan.models
        self.store = Store(store, edition_of(plan, config))
        self._every = every
        self._cluster = cluster
        self._weights = config.best_shot
        self._clock = clock
        self._cancelled: Callable[[], bool] = lambda: False
        faces, workers = config.photographs.faces, workers or usual_workers()
        total = usual_memory(faces, workers) if memory is None else round(memory * 1e6)
        workers = workers if memory is None else workers_within(total, faces, workers)
        self._pool = StagePool(plan, config, workers, nice)
        budget = MemoryBudget(total, faces, self._pool.workers, self._pool.hand_back)
        self._examiner = Examiner(self.store, plan.tasks, budget, every, lambda: self._cancelled())

    def run(
        self,
        files: Sequence[Path],
        on_progress: Callable[[Progress], object] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
        folders: Iterable[Path] = (),
    ) -> Progress:
        """Index files, see `each`, and find the stacks anew.

        Args:
            files: What `discover` found.
            on_progress: Called in the calling thread after each file.
            cancelled: See `each`.
            folders: Searched whole: files in them that were indexed once and are gone are dropped from the store.

        Returns:
            How far it got.
        """
        progress = Progress(len(files))
        started = self._clock()
        on_progress(progress)
        for file in self.each(files, cancelled):
            progress = progress.plus(file, self._clock() - started)
            on_progress(progress)
        forgotten = self.forget_missing(folders, files) if progress.done == progress.total else 0
        if forgotten or progress.known < progress.done:
            self.restack()
        return progress

    def each(self, files: Sequence[Path], cancelled: Callable[[], bool] = lambda: False) -> Iterator[Indexed]:
        """Index files, and hand each out once it is in the store; in order, unless a cluster reads them.

        What has been read is kept, whatever ends it: an interrupt, the caller's going away, or a fault.

        Args:
            files: Those that have not changed since they were read are not opened.
            cancelled: Asked before each file; True ends it.
        """
        self._cancelled = cancelled
        batch: list[tuple[Path, Examined | Indexed]] = []
        stored = self._clock()
        examined = self._examined(files)
        try:
            for path, each in examined:
                batch.append((path, each))
                if len(batch) >= BATCH or self._clock() - stored > LONGEST:
                    yield from self._store(batch)
                    stored = self._clock()
            yield from self._store(batch)
        finally:
            examined.close()
            for _ in self._store(batch):
                pass
            self._cancelled = lambda: True  # what is left of a video

    def restack(self) -> int:
        """Find the stacks of the whole store anew; see `smiledet.photographs.stacks.restack`."""
        return restack(self.store, self._weights)

    def forget_missing(self, folders: Iterable[Path], files: Iterable[Path]) -> int:
        """Drop from the store what was found in folders once and is there no more.

        Args:
            folders: Folders that are there.
            files: What is in them now.

        Returns:
            How many files were dropped.
        """
        forgotten = 0
        there = set(map(absolute, files))
        for folder in folders:
            if folder.is_dir():
                below = self.store.paths_below(absolute(folder))
                missing = [path for path in below if path not in there and not path.exists()]
                self.store.forget(missing)
                forgotten += len(missing)
        return forgotten

    def close(self) -> None:
        """Free the models and close the store; closing twice does no harm."""
        self._pool.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def _examined(self, files: Sequence[Path]) -> Generator[tuple[Path, Examined | Indexed], None, None]:
        """What comes of each file, in order; few are ahead of what is taken."""
        known = self.store.pending([absolute(path) for path in files if not is_video(path)]).known
        if self._cluster is not None:
            yield from self._examined_elsewhere(self._cluster, files, known)
            return
        ahead: deque[tuple[Path, Future[Examined] | Indexed]] = deque()
        waiting = iter(files)
        try:
            while not self._cancelled():
                for path in islice(waiting, 2 * self._pool.workers + 1 - len(ahead)):
                    place = absolute(path)
                    ahead.append((path, _known(path, known) if place in known else self._submit(place)))
                if not ahead:
                    return
                path, each = ahead.popleft()
                yield path, each if isinstance(each, Indexed) else each.result()
        finally:
            for _, each in ahead:
                if not isinstance(each, Indexed):
                    each.cancel()

    def _examined_elsewhere(
        self, cluster: Cluster, files: Sequence[Path], known: Mapping[Path, str | None]
    ) -> Iterator[tuple[Path, Examined | Indexed]]:
        """The same by other machines, in the order in which they are done."""
        given = {absolute(path): path for path in files}
        for place, path in given.items():
            if place in known:
                yield path, _known(path, known)
        for place, examined in cluster.examine([place for place in given if place not in known], self._cancelled):
            yield given[place], examined

    def _submit(self, path: Path) -> Future[Examined]:
        return self._pool.submit(lambda stages: self._examiner.examine(stages, path))

    def _store(self, batch: list[tuple[Path, Examined | Indexed]]) -> Iterator[Indexed]:
        """Store a batch, emptying it, and tell of each of its files."""
        done, batch[:] = list(batch), []
        read = [each for _, each in done if isinstance(each, Examined) and each.file is None]
        if read:
            self.store.add(photograph for each in read for photograph in each.photographs)
        for path, each in done:
            yield self._told(path, each) if isinstance(each, Examined) else each

    def _told(self, path: Path, examined: Examined) -> Indexed:
        """What is told of a file, once what is left to store of it is stored, too."""
        photographs, file = examined.photographs, examined.file
        if examined.unread is not None:
            return Indexed(path, photographs=0, unread=examined.unread)
        if file is None:
            return Indexed(path, faces=_faces(photographs), unread=photographs[0].failed)
        if not photographs and is_video(path):
            return Indexed(path, known=True)
        if not photographs:
            self.store.adopt(file)
            return Indexed(path, known=True, unread=self.store.problem_of(file.hash))
        self.store.add_video(file, self._every, photographs)
        return Indexed(path, photographs=len(photographs), faces=_faces(photographs))


def _known(path: Path, known: Mapping[Path, str | None]) -> Indexed:
    return Indexed(path, known=True, unread=known[absolute(path)])


def _faces(photographs: Sequence[NewPhotograph]) -> int:
    return sum(len(photograph.faces) for photograph in photographs)
