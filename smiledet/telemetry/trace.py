"""What every thread did and when, as a file for Perfetto or chrome://tracing.

The format is Chrome's trace events in its array form ("Trace Event Format", Google, 2016): a JSON array, written event
by event, that viewers also read when the end is missing. One track a thread; a bar for each frame that a stage works
on, arrows from stage to stage along a frame, a bar from capture to drawn a frame, a mark a dropped frame, and the
number of frames held.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from typing_extensions import Self

from smiledet.errors import SmiledetError
from smiledet.frame import Frame
from smiledet.system.output_files import OutputFile
from smiledet.system.redaction import redact

READ = "read"
"""The bar of a picture that the grabber takes from its source."""

LATENCY = "capture to drawn"
"""The bar of a frame."""

DROPS, DROPS_NUMBER = "dropped frames", 999
"""The track of the marks, and its number: below every thread's."""

MARKS_KEPT = 4096
"""Dropped frames that wait to be written, at most: they are noted while the buffer is locked, and written later."""

ROOM = 1 << 16
"""Characters gathered before the file is written to."""


class Trace:
    """A trace file that threads write to; a context manager, whose end finishes the file.

    Writing never fails a frame: where the disk is full, the trace ends there, and leaving says so.

    Args:
        path: The file; what it holds is lost once a frame was taken.
        faces: How many faces a frame shows, as far as is known.
        last: The stage with whose end a frame's bar ends.
        private: Whether nobody else may read it.

    Raises:
        OutputError: The file cannot be opened.
        SmiledetError: At the end: it could not be written whole.
    """

    def __init__(self, path: Path, faces: Callable[[Frame], int], last: str, private: bool = False) -> None:
        self.path = path
        self.wrote: Path | None = None
        """The file, once it is there and whole or cut short; known at the end."""
        self._faces = faces
        self._last = last
        self._process = os.getpid()
        self._origin = time.monotonic_ns()
        self._lock = threading.Lock()
        self._own = threading.local()
        self._places: dict[str, int] = {}
        self._numbers = count(1)
        self._marks: deque[tuple[int, dict[str, Any], str, str]] = deque(maxlen=MARKS_KEPT)
        self._waiting: list[str] = []
        self._length = 0
        self._problem: SmiledetError | None = None
        self._begun = False  # whether a frame was taken
        self._file: OutputFile | None = OutputFile(path, private)
        self._file.open()
        about = {"name": "smiledet"}
        self._waiting.append("[\n" + json.dumps(self._event("M", "process_name", 0, 0, args=about)))
        self._waiting += [",\n" + json.dumps(event) for event in self._introduce(DROPS_NUMBER, DROPS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_problem: object) -> None:
        if kind is not None and not self._begun:  # the run never was one
            with self._lock:
                self._let_go()
        self.close()
        if self._problem is not None:
            raise SmiledetError(f"{self._problem}; the trace is cut short")

    def close(self) -> None:
        """Finish the file; whatever threads write later is left out. Closing twice does no harm."""
        with self._lock:
            if self._file is None:
                return
            self._take_marks()
            self._waiting.append("\n]\n")
            self._flush()
            self._let_go()

    def order_threads(self, names: Sequence[str]) -> None:
        """Say in which order the tracks stand, by thread name; others come last."""
        with self._lock:
            self._places = {name: next(self._numbers) for name in names}

    @contextmanager
    def work(self, stage: str, frame: Frame) -> Iterator[None]:
        """A bar for what the calling thread does on a frame, linked to the frame's other bars."""
        start, busy = time.monotonic_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            self._work(stage, frame, start, time.monotonic_ns(), time.thread_time_ns() - busy)

    @contextmanager
    def span(self, name: str, **about: Any) -> Iterator[None]:
        """A bar for anything else that the calling thread does."""
        start, busy = time.monotonic_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            self._write([self._bar(name, start, time.monotonic_ns(), time.thread_time_ns() - busy, about)])

    def taken(self, frame: Frame, start_ns: int, busy_ns: int, held: int) -> None:
        """A picture was read and is in the ring, where a frame's arrows begin.

        Args:
            frame: The picture, captured at the end of its reading.
            start_ns: When the reading began, `time.monotonic_ns`.
            busy_ns: Processor time of the reading.
            held: Frames in the ring now.
        """
        bar = self._bar(READ, start_ns, frame.captured_ns, busy_ns, _about(frame))
        number = {"frames held": held}
        now = time.monotonic_ns()
        self._begun = True
        self._write([bar, self._arrow("s", frame, start_ns), self._event("C", "ring", 0, now, args=number)])

    def dropped(self, frame: Frame, stage: str, cause: str) -> None:
        """A stage will never get a frame; quick, and safe with locks held."""
        self._marks.append((time.monotonic_ns(), _about(frame), stage, cause))

    def _work(self, stage: str, frame: Frame, start: int, end: int, busy: int) -> None:
        about = _about(frame) | {"faces": self._faces(frame)}
        events = [self._bar(stage, start, end, busy, about), self._arrow("t", frame, start)]
        if stage == self._last:
            for phase, moment in (("b", frame.captured_ns), ("e", end)):
                # An `id2` that is local belongs to this process; a plain `id` would stand among "global" events.
                events.append(
                    self._event(phase, LATENCY, 0, moment, cat="frame", id2={"local": hex(frame.id) + _of(frame)})
                )
        self._write(events)

    def _bar(self, name: str, start: int, end: int, busy: int, about: Mapping[str, Any]) -> dict[str, Any]:
        long = {"dur": (end - start) / 1000, "tdur": busy / 1000}
        return self._event("X", name, self._thread(), start, **long, args=dict(about))

    def _arrow(self, phase: str, frame: Frame, moment: int) -> dict[str, Any]:
        """A flow event; it belongs to the bar that is open on its thread at that moment."""
        return self._event(
            phase,
            "frame",
            self._thread(),
            moment,
            cat="flow",
            id=f"{frame.id}{_of(frame)}" if frame.source else frame.id,
        )

    def _event(self, phase: str, name: str, thread: int, moment: int, **more: Any) -> dict[str, Any]:
        since = max(0, moment - self._origin) / 1000
        return {"ph": phase, "name": name, "pid": self._process, "tid": thread, "ts": since, **more}

    def _thread(self) -> int:
        """The calling thread's number; its track is named when it is first asked for.

        Not the system's number: Perfetto goes by numbers, whatever the sort index says, and threads that start late
        would stand last.
        """
        number: int | None = getattr(self._own, "number", None)
        if number is None:
            name = threading.current_thread().name
            with self._lock:
                number = self._places.pop(name, 0) or next(self._numbers)
            self._own.number = number
            self._write(self._introduce(number, name))
        return number

    def _introduce(self, number: int, name: str) -> list[dict[str, Any]]:
        """Name a track, and say where it stands."""
        named = self._event("M", "thread_name", number, 0, args={"name": redact(name)})
        return [named, self._event("M", "thread_sort_index", number, 0, args={"sort_index": number})]

    def _write(self, events: Sequence[Mapping[str, Any]]) -> None:
        lines = [",\n" + json.dumps(event) for event in events]
        with self._lock:
            if self._file is None:
                return
            self._take_marks()
            self._waiting += lines
            self._length += sum(map(len, lines))
            if self._length >= ROOM:
                self._flush()

    # The rest runs with the lock held.

    def _take_marks(self) -> None:
        while self._marks:
            moment, about, stage, cause = self._marks.popleft()
            told = about | {"stage": stage, "cause": cause}
            mark = self._event("i", f"dropped at {stage}", DROPS_NUMBER, moment, s="t", args=told)
            self._waiting.append(",\n" + json.dumps(mark))

    def _flush(self) -> None:
        text, self._waiting, self._length = "".join(self._waiting), [], 0
        try:
            if self._file is not None:
                self._file.write(text.encode())
                self._file.take_name()
        except SmiledetError as problem:
            self._problem = problem
            self._let_go()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                self.wrote = file.wrote
                file.close()
        except SmiledetError as problem:
            self._problem = self._problem or problem


def _of(frame: Frame) -> str:
    """What tells a frame from that of the same number of another source."""
    return f" {redact(frame.source)}" if frame.source else ""


def _about(frame: Frame) -> dict[str, Any]:
    return {"frame": frame.id, **({"source": redact(frame.source)} if frame.source else {})}
