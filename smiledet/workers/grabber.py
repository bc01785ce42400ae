"""The thread that takes pictures from the source."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from smiledet.buffer import FrameBuffer
from smiledet.frame import Frame
from smiledet.sources.base import Source
from smiledet.sources.timeline import USUAL_STEP, Timeline
from smiledet.workers.thread import StageThread

STAGE = "grab"

PATIENCE = 0.5
"""Seconds by which a live source may be late with the picture after the last one that is wanted."""


class Grabber(StageThread):
    """Reads an open source and publishes every picture, until it ends or the run does.

    Args:
        source: Open already; closed by the grabber.
        buffer: Where the frames go.
        max_frames: Frames to publish at most; None for no limit.
        duration: Seconds on the source's time line after which to end; None for no limit.
        clock: Monotonic nanoseconds; tests bring their own.
        source_name: What the frames bear as their `source`.
        common: See `StageThread`.
    """

    def __init__(
        self,
        source: Source,
        buffer: FrameBuffer,
        max_frames: int | None = None,
        duration: float | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        source_name: str = "",
        **common: Any,
    ) -> None:
        super().__init__(STAGE, **common)
        self._source = source
        self._buffer = buffer
        self._max_frames = max_frames
        self._duration = duration
        self._clock = clock
        self._source_name = source_name
        self._asked_ns: int | None = None  # since when it waits for a picture
        self._over_ns: int | None = None  # when the duration of a live source is over

    @property
    def overdue(self) -> bool:
        """Whether a live source keeps it waiting though the duration is over: a camera or stream that is silent."""
        asked, over = self._asked_ns, self._over_ns
        return asked is not None and over is not None and self._clock() > max(asked, over) + PATIENCE * 1e9

    def loop(self) -> None:
        """Read and publish."""
        number = 0
        first: float | None = None
        shape: tuple[int, ...] = ()
        timeline = Timeline(1 / self._source.fps if self._source.fps > 0 else USUAL_STEP)
        while not self.stopping and number != self._max_frames:
            started = self._asked_ns = self._clock()
            busy = time.thread_time_ns() if self._trace is not None else 0
            picture = self._source.read()
            self._asked_ns = None
            if picture is None:
                return
            captured = self._clock()
            busy = time.thread_time_ns() - busy if self._trace is not None else 0
            timestamp = timeline.place(picture.timestamp)
            if first is None:
                first = timestamp
                if self._duration is not None:
                    self._source.until = picture.timestamp + self._duration
                    self._over_ns = captured + round(1e9 * self._duration) if self._source.live else None
            if self._duration is not None and timestamp - first >= self._duration:
                return
            # What was followed in pixels of another size cannot be followed on.
            independent = picture.independent or picture.image.shape != shape != ()
            shape = picture.image.shape
            frame = Frame(
                *(number, captured, timestamp, picture.image, independent, picture.file),
                *(picture.scale, picture.full_size),
                source=self._source_name,
            )
            if not self._buffer.publish(frame):
                return
            if self._trace is not None:
                self._trace.taken(frame, started, busy, self._buffer.held)
            number += 1
            if self._settings.max_rate > 0:
                self.pause(1 / self._settings.max_rate - (self._clock() - captured) / 1e9)

    def interrupt(self) -> None:
        """End a read that is under way."""
        self._source.interrupt()

    def teardown(self) -> None:
        """Say that no more frames will come, and let go of the source."""
        self._buffer.end()
        self._source.close()
