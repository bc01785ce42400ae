"""The sink that keeps sessions and sums of a run in a store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
from typing_extensions import override

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, FaceReading, Frame, Image
from smiledet.sessions.sessions import Seen, Session, Sessions
from smiledet.sessions.store import WIDTHS, Run, SessionStore, StoreSettings, Sum, period
from smiledet.sinks.base import Sink
from smiledet.stage_count import StageCount
from smiledet.system.redaction import shown_source
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)

WRITE_EVERY = 10.0
"""Seconds of the source that are held in memory: what a killed run loses at most."""

THIN_EVERY = 3600.0
"""Seconds of the source after which what is old is deleted."""

BUSY_FOR = 1.0
"""Seconds to wait for another program that writes; what is not written then is written later."""

SIDE = 160
"""Pixels of a picture that is kept of a face."""

STRONGER = 0.05
"""By how much more intense a smile must be for another picture to be taken."""


class StoreSink(Sink):
    """Follows every face and writes what becomes of it, every ten seconds and at the end.

    What cannot be written meanwhile, on a full disk or while another program has the file, is held and written later.

    Args:
        settings: The file, and what is kept.
        source: What is watched; written without its secrets.
        tasks: What is read.
        wall: Seconds since 1970; tests bring their own.
        name: The name of the source whose frames it takes, in a run of several; None for all.
        private: Whether nobody else may read the file.
    """

    def __init__(
        self,
        settings: StoreSettings,
        source: str,
        tasks: Sequence[Task],
        wall: Callable[[], float] = time.time,
        name: str | None = None,
        private: bool = False,
    ) -> None:
        self.of_source = name
        self.uses_drawing = False
        self._private = private
        self._settings = settings
        self._path = Path(settings.file).expanduser()
        self.description = f"store {self._path}"
        self._source = shown_source(source)
        self._numbers = [task.name for task in tasks if task.numbers is not None]
        self._wall = wall
        self._store: SessionStore | None = None
        self._sessions = Sessions(self._credit)
        self._sums: dict[tuple[int, int, str, str, str], float] = {}
        self._keys: dict[int, int] = {}  # of the sessions that go on, by identity
        self._ended: list[Session] = []  # not written yet
        self._strongest: dict[int, tuple[float, bytes]] = {}
        self._problem = ""  # what kept it from writing the last time
        self._began: float | None = None
        self._ahead = 0.0  # of the source's time line, from seconds since 1970
        self._now = self._written = self._thinned = 0.0
        self._run = 0
        self._counts: Callable[[], tuple[int, Mapping[str, StageCount]]] | None = None

    def count_drops(self, counts: Callable[[], tuple[int, Mapping[str, StageCount]]]) -> None:
        """Say where to ask for frames taken and what became of them; before the run begins."""
        self._counts = counts

    @override
    def open(self) -> None:
        self._store = SessionStore(self._path, self._private)
        with self._store.reading() as connection:
            connection.execute("PRAGMA secure_delete = ON")
        self._store.thin(self._wall(), self._settings.keep_days)
        with self._store.reading() as connection:
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_FOR)}")

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if self._began is None:
            self._begin(frame)
        self._now = frame.timestamp + self._ahead
        seen = [Seen.of(face, self._numbers) for face in annotation.readings]
        if self._settings.pictures:
            self._look(frame, annotation.readings)
        ended = self._sessions.take(self._source, self._now, seen)
        self._ended += ended
        late = self._now - self._written >= WRITE_EVERY
        if late or (ended and not self._problem):
            self._try_to_write()

    @override
    def close(self) -> None:
        store, self._store = self._store, None
        if store is None:
            return
        try:
            if self._began is not None:
                self._ended += self._sessions.finish()
                self._write(store)
                self.wrote = self._path
        finally:
            store.close()

    def _begin(self, frame: Frame) -> None:
        """A clip's first picture counts as seen when it is read, and the others by its time line."""
        captured = self._wall() - (time.monotonic_ns() - frame.captured_ns) / 1e9
        self._ahead = captured - frame.timestamp
        self._began = self._written = self._thinned = captured

    def _credit(self, source: str, at: float, task: str, label: str, amount: float) -> None:
        for width in WIDTHS:
            key = (width, period(width, at), source, task, label)
            self._sums[key] = self._sums.get(key, 0.0) + amount

    def _look(self, frame: Frame, faces: Sequence[FaceReading]) -> None:
        """Keep the face at its strongest smile."""
        for face in faces:
            intensity = face.smile_intensity or 0.0
            if face.track not in self._strongest or intensity > self._strongest[face.track][0] + STRONGER:
                left, top, right, bottom = face.box.scaled(1.3).clipped(frame.image.shape[1], frame.image.shape[0])
                if right > left and bottom > top:
                    self._strongest[face.track] = (intensity, jpeg(_shrunk(frame.image[top:bottom, left:right])))

    def _try_to_write(self) -> None:
        """Write what has come, and thin what is old; where that fails, say so once and hold it until the next time."""
        assert self._store is not None
        self._written = self._now
        try:
            self._write(self._store)
            if self._now - self._thinned >= THIN_EVERY:
                self._store.thin(self._now, self._settings.keep_days)
                self._thinned = self._now
        except SmiledetError as problem:
            if str(problem) != self._problem:
                log.warning("%s; what is read is held until it can be written", problem)
            self._problem = str(problem)
            return
        if self._problem:
            log.info("%s is written again", self.description)
        self._problem = ""

    def _write(self, store: SessionStore) -> None:
        assert self._began is not None
        frames, counts = self._counts() if self._counts else (0, {})
        drops = {
            stage: {cause.value: number for cause, number in count.dropped.items() if number}
            for stage, count in counts.items()
        }
        told = Run(self._source, self._began, self._now, frames, {stage: each for stage, each in drops.items() if each})
        self._run = store.put_run(told, self._run or None)
        store.add(Sum(*key, amount) for key, amount in self._sums.items())
        self._sums.clear()
        for session in [*self._ended, *self._sessions.going_on]:
            session.picture = self._strongest.get(session.track, (0.0, None))[1]
            self._keys[id(session)] = store.put_session(session, self._keys.get(id(session)))
        for session in self._ended:
            self._keys.pop(id(session))
            self._strongest.pop(session.track, None)
        self._ended = []


def _shrunk(image: Image) -> Image:
    """The same with sides of `SIDE` pixels at most."""
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
    shrunk: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return shrunk
