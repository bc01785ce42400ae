"""A file played as if it were live: `--realtime`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from typing_extensions import override

from smiledet.sources.base import Picture, Source
from smiledet.system.cancel import CancelToken


class Paced(Source):
    """Hands out each picture of another source when it is due, never early; when late, catches up without waiting.

    Time runs from the first `read`, so that start-up costs nothing.

    Args:
        source: What is played; opened and closed with this.
        clock: Monotonic seconds; tests bring their own.
        wait: Waits so many seconds unless the run is over; True if it is.
        rate: Pictures a second, as if a camera of that rate had taken them; 0 for the source's own.
    """

    live = True

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
        rate: float = 0.0,
    ) -> None:
        self._source = source
        self._clock = clock
        self._wait = wait or (lambda seconds: self.cancel.wait(seconds))
        self._start: float | None = None
        self._rate = rate
        self._stretch = 1.0  # of the time line
        self.description = source.description
        self.still = source.still

    @override
    def open(self) -> None:
        self._start = None
        self._source.open()
        self.description = f"{self._source.description}, in real time"
        self.fps, self.size, self.length = self._source.fps, self._source.size, self._source.length
        if self._rate > 0 and self.fps > 0:
            self._stretch, self.fps = self.fps / self._rate, self._rate
            self.description += f" as if at {self._rate:g} FPS"

    @override
    def read(self) -> Picture | None:
        picture = self._source.read()
        if picture is None or self.cancel.is_set():
            return None
        if self._stretch != 1:
            picture = replace(picture, timestamp=picture.timestamp * self._stretch)
        if self._start is None:
            self._start = self._clock() - picture.timestamp
        early = self._start + picture.timestamp - self._clock()
        if early > 0 and self._wait(early):
            return None
        return picture

    @override
    def close(self) -> None:
        self._source.close()

    @override
    def heed(self, cancel: CancelToken) -> None:
        super().heed(cancel)
        self._source.heed(cancel)

    @override
    def interrupt(self) -> None:
        self._source.interrupt()
