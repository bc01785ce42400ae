"""Recordings that somebody begins and ends while a run goes on."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Annotation, Frame
from smiledet.sinks.base import Sink
from smiledet.sinks.video import VideoSink
from smiledet.sources.base import Source
from smiledet.system.output_files import free_path


@dataclass(slots=True)
class _Recording:
    """One file: wanted from now on, written by the sink's thread."""

    path: Path
    since: float
    video: VideoSink | None = None
    ended: bool = False


log = logging.getLogger(__name__)


class Recorder(Sink):
    """Writes the annotated video of the sources that somebody records; does nothing for the others.

    What cannot be written ends the recording, not the run.

    Args:
        folder: Where the files go; made when the first one is begun.
        sources: What is watched, by name, open.
        clock: Seconds since 1970; tests bring their own.
    """

    description = "recordings"

    @property
    def uses_drawing(self) -> bool:  # type: ignore[override]
        """While something is recorded."""
        return bool(self._now)

    def __init__(self, folder: Path, sources: Mapping[str, Source], clock: Callable[[], float] = time.time) -> None:
        self._folder, self._sources, self._clock = folder, sources, clock
        self._lock = threading.Lock()
        self._now: dict[str, _Recording] = {}
        self._ended: list[tuple[str, _Recording]] = []
        """Those in whose place another was begun before the next frame came."""
        self._problems: dict[str, str] = {}

    def start(self, source: str) -> Path:
        """Record a source from its next frame on; the file that is written, also where it was begun before.

        Raises:
            UsageError: The folder cannot be made.
        """
        with self._lock:
            now = self._now.get(source)
            if now is None or now.ended:
                if now is not None:
                    self._ended.append((source, now))
                now = self._now[source] = _Recording(self._new_path(source), self._clock())
                self._problems.pop(source, None)
            return now.path

    def stop(self, source: str) -> Path | None:
        """End a recording with the source's next frame; the file, None where there was none."""
        with self._lock:
            now = self._now.get(source)
            if now is None:
                return None
            now.ended = True
            return now.path

    def state(self) -> dict[str, dict[str, float | str | None]]:
        """What is recorded: file, seconds, and why the last one ended early, by source."""
        with self._lock:
            running = {name: each for name, each in self._now.items() if not each.ended}
            return {
                name: {
                    "file": str(running[name].path) if name in running else None,
                    "seconds": round(self._clock() - running[name].since, 1) if name in running else None,
                    "problem": self._problems.get(name),
                }
                for name in running.keys() | self._problems.keys()
            }

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self._finish_ended()
        now = self._now.get(frame.source)
        if now is None or not (annotation.drawn or now.ended):  # a frame of before it was begun
            return
        try:
            if now.ended:
                self._finish(frame.source, now)
                return
            if now.video is None:
                source = self._sources[frame.source]
                now.video = VideoSink(now.path, source.fps, timed=not source.still, new=True)
                now.video.open()
            now.video.write(frame, annotation)
        except SmiledetError as problem:
            log.warning("recording %s ended: %s", now.path, problem)
            self._problems[frame.source] = str(problem)
            self._finish(frame.source, now)

    @override
    def close(self) -> None:
        self._finish_ended()
        for source, now in list(self._now.items()):
            self._finish(source, now)

    def _finish_ended(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for source, each in ended:
            self._finish(source, each)

    def _finish(self, source: str, recording: _Recording) -> None:
        with self._lock:
            if self._now.get(source) is recording:
                del self._now[source]
        try:
            if recording.video is not None:
                recording.video.close()
        except SmiledetError as problem:
            log.warning("recording %s: %s", recording.path, problem)

    def _paths(self) -> list[Path]:
        return [each.path for each in (*self._now.values(), *(ended for _, ended in self._ended))]

    def _new_path(self, source: str) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise UsageError(f"cannot write to {self._folder}: {problem.strerror}") from problem
        day = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(self._clock()))
        name = "-".join(filter(None, ("smiledet", re.sub(r"[^\w.-]+", "_", source), day)))
        number, path = 1, free_path(self._folder / f"{name}.mp4")
        while path in self._paths():
            number += 1
            path = free_path(self._folder / f"{name}-{number}.mp4")
        return path
