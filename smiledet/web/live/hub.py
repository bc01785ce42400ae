"""What a run shows its viewers: always the newest frame. A viewer that is slow misses frames and delays nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from smiledet.drawing.jpeg import jpeg
from smiledet.frame import Image

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame, as the page gets it.

    Attributes:
        number: Of the frame, from 0.
        annotated: BGR uint8 (height, width, 3) with boxes and labels.
        clean: The same without.
        rows: What was read, a row a face, as in the events.
        captured_ns: `time.monotonic_ns()` at capture.
    """

    number: int
    annotated: Image = field(repr=False)
    clean: Image = field(repr=False)
    rows: Sequence[Mapping[str, Any]]
    captured_ns: int


class Newest(Generic[T]):
    """One value that is replaced, and any number of coroutines that wait for a newer one.

    `put` is called by any thread and never waits for who reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T | None = None
        self._version = 0
        self._closed = False
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def value(self) -> T | None:
        """The newest; None before the first."""
        return self._value

    @property
    def wanted(self) -> bool:
        """Whether somebody follows."""
        return bool(self._waiting)

    def put(self, value: T) -> None:
        """Replace the value."""
        with self._lock:
            self._value, self._version = value, self._version + 1
            self._wake()

    def close(self) -> None:
        """No more will come: whoever follows ends."""
        with self._lock:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        for loop, event in self._waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def follow(self) -> AsyncIterator[T]:
        """Each newest value, from the one that is there on; those that came while the reader was busy are left out."""
        event = asyncio.Event()
        place = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.add(place)
        seen = 0
        try:
            while True:
                with self._lock:
                    event.clear()
                    value, version, closed = self._value, self._version, self._closed
                if version != seen and value is not None:
                    seen = version
                    yield value
                elif closed:
                    return
                else:
                    await event.wait()
        finally:
            with self._lock:
                self._waiting.discard(place)


class Video:
    """Frames as JPEG, encoded once for all viewers by a thread of its own, and only while somebody looks.

    Args:
        picture: What is encoded of a frame.
    """

    def __init__(self, picture: Callable[[Shown], Image]) -> None:
        self._picture = picture
        self._newest: Newest[bytes] = Newest()
        self._condition = threading.Condition()
        self._next: Shown | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="page-jpeg", daemon=True)
        self._thread.start()

    def put(self, shown: Shown) -> None:
        """Take a frame; it is encoded if somebody looks and no newer one has come by then."""
        if self._newest.wanted:
            with self._condition:
                self._next = shown
                self._condition.notify()

    def close(self) -> None:
        """No more will come."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._newest.close()
        self._thread.join(1.0)

    def follow(self) -> AsyncIterator[bytes]:
        """JPEGs of the newest frames."""
        return self._newest.follow()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._next is not None)
                if self._closed:
                    return
                shown, self._next = self._next, None
            assert shown is not None
            self._newest.put(jpeg(self._picture(shown)))


class Hub:
    """Everything that the page shows of a run."""

    def __init__(self) -> None:
        self.frames: Newest[Shown] = Newest()
        self.videos = {
            "annotated": Video(lambda shown: shown.annotated),
            "clean": Video(lambda shown: shown.clean),
        }

    def put(self, shown: Shown) -> None:
        """Show a frame; never waits for a viewer."""
        self.frames.put(shown)
        for video in self.videos.values():
            video.put(shown)

    def close(self) -> None:
        """The run is over."""
        self.frames.close()
        for video in self.videos.values():
            video.close()
