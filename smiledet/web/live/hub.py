"""What a run shows its viewers: always the newest frame. A viewer that is slow misses frames and delays nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from smiledet.drawing.annotate import annotate
from smiledet.drawing.jpeg import jpeg
from smiledet.drawing.layout import Seat
from smiledet.drawing.mosaic import Mosaic
from smiledet.drawing.sprite_cache import SpriteCache
from smiledet.frame import FaceReading, Image
from smiledet.tasks.base import Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame, as the page gets it.

    Attributes:
        number: Of the frame, from 0.
        picture: BGR uint8 (height, width, 3), with boxes and labels where there is no `artist`.
        clean: The same without.
        rows: What was read, a row a face, as in the events.
        captured_ns: `time.monotonic_ns()` at capture.
        readings: The faces.
        tasks: What is said of each.
        artist: Draws them when somebody looks; None where the drawer did.
    """

    number: int
    picture: Image = field(repr=False)
    clean: Image = field(repr=False)
    rows: Sequence[Mapping[str, Any]]
    captured_ns: int
    readings: Sequence[FaceReading] = ()
    tasks: Sequence[Task] = ()
    artist: Artist | None = None

    @property
    def annotated(self) -> Image:
        """The picture with boxes and labels."""
        return self.picture if self.artist is None else self.artist.drawn(self)


class Artist:
    """Draws a source's frames for the page, in the threads that encode them: each once, and only while somebody looks.

    So viewers cost the pipeline nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats: dict[int, Seat] = {}
        self._sprites = SpriteCache()
        self._last: tuple[Shown | None, Image] = None, np.zeros((0, 0, 3), np.uint8)

    def drawn(self, shown: Shown) -> Image:
        """A frame's picture with boxes and labels."""
        with self._lock:
            last, drawn = self._last
            if last is not shown:
                width = shown.clean.shape[1]  # what is explained stands beside it
                bare = shown.picture[:, :width]
                drawn = annotate(bare, shown.readings, shown.tasks, None, self._seats, self._sprites)
                drawn = np.concatenate([drawn, shown.picture[:, width:]], axis=1)
                self._last = shown, drawn
            return drawn


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
        most: Pictures a second at most; None for no limit.
    """

    def __init__(self, picture: Callable[[Shown], Image], most: float | None = None) -> None:
        self._picture = picture
        self._pause = 0.0 if most is None else 1 / most
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
        began = float("-inf")
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._next is not None)
                self._condition.wait_for(lambda: self._closed, max(0.0, began + self._pause - time.monotonic()))
                if self._closed:
                    return
                shown, self._next = self._next, None
            assert shown is not None
            began = time.monotonic()
            self._newest.put(jpeg(self._picture(shown)))


class Hub:
    """What the page shows of a source.

    Args:
        pictures: What its annotated and its clean video show of a frame.
        most: Pictures a second of either at most; None for no limit.
    """

    def __init__(
        self, pictures: Mapping[str, Callable[[Shown], Image]] | None = None, most: float | None = None
    ) -> None:
        self.frames: Newest[Shown] = Newest()
        self.pictures = pictures or {"annotated": lambda shown: shown.annotated, "clean": lambda shown: shown.clean}
        self.videos = {kind: Video(picture, most) for kind, picture in self.pictures.items()}

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


ALL = ""
"""The name under which all sources are shown together; that of the only source, too."""

MOST = 15.0
"""Pictures a second of all sources together."""

GONE = 3.0
"""Seconds after which the faces of a source of which no frame comes are not there any more: it ended, or was lost."""


class Hubs:
    """What the page shows of each source, and of all together, side by side.

    Args:
        names: Of the sources; the only one is known as `ALL`, too.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.by_name = {name: Hub() for name in names}
        self.several = len(names) > 1
        if not self.several:
            self.by_name[ALL] = self.by_name[names[0]]
        if self.several:
            self._lock = threading.Lock()
            whole = {"annotated": self._side_by_side("annotated"), "clean": self._side_by_side("clean")}
            self.by_name[ALL] = Hub(whole, MOST)

    def put(self, source: str, shown: Shown) -> None:
        """Show a frame of a source; never waits for a viewer."""
        self.by_name[source].put(shown)
        if self.several:
            self.by_name[ALL].put(replace(shown, rows=self._rows(shown.captured_ns)))

    def close(self) -> None:
        """The run is over."""
        for hub in self.by_name.values():
            hub.close()

    def _rows(self, now_ns: int) -> list[Mapping[str, Any]]:
        """The newest faces of all sources of which frames come."""
        newest = [(name, hub.frames.value) for name, hub in self.by_name.items() if name != ALL]
        return [
            {"source": name, **row}
            for name, shown in newest
            if shown is not None and now_ns - shown.captured_ns < 1e9 * GONE
            for row in shown.rows
        ]

    def _side_by_side(self, kind: str) -> Callable[[Shown], Image]:
        names = list(self.by_name)
        mosaic = Mosaic(names)

        def compose(shown: Shown) -> Image:
            whole = shown.clean
            with self._lock:
                for name in names:
                    newest = self.by_name[name].frames.value
                    if newest is not None:
                        whole = mosaic.put(name, newest.annotated if kind == "annotated" else newest.clean)
                copied: Image = whole.copy()
            return copied

        return compose
