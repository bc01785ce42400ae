"""From the source into the buffer: limits, the end, and faults."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from smiledet.buffer import FrameBuffer
from smiledet.errors import SmiledetError
from smiledet.frame import Frame
from smiledet.sources.base import Picture, Source
from smiledet.stage_spec import Policy, StageSpec
from smiledet.workers.grabber import Grabber
from smiledet.workers.thread import WorkerSettings

LIMIT = 20.0


def picture(number: int, independent: bool = False) -> Picture:
    return Picture(np.full((4, 6, 3), number, np.uint8), 100 + number / 10, independent)


class Pictures(Source):
    """Hands over pictures, or raises what stands in their place; then it ends."""

    live = False
    description = "pictures"

    def __init__(self, pictures: Iterable[Picture | Exception]) -> None:
        self._pictures: Iterator[Picture | Exception] = iter(pictures)
        self.reads = self.closings = 0

    @override
    def open(self) -> None: ...

    @override
    def read(self) -> Picture | None:
        self.reads += 1
        found = next(self._pictures, None)
        if isinstance(found, Exception):
            raise found
        return found

    @override
    def close(self) -> None:
        self.closings += 1


class Silent(Pictures):
    """A camera that sends nothing: only closing it ends a read."""

    def __init__(self) -> None:
        super().__init__(())
        self.reading, self.closed = threading.Event(), threading.Event()

    @override
    def read(self) -> Picture | None:
        self.reading.set()
        assert self.closed.wait(LIMIT)
        return None

    @override
    def close(self) -> None:
        super().close()
        self.closed.set()


@pytest.fixture
def buffer() -> FrameBuffer:
    return FrameBuffer([StageSpec("a")], Policy.EVERY_FRAME, capacity=100)


def run(grabber: Grabber) -> None:
    grabber.start()
    assert grabber.join(LIMIT)


def grabbed(buffer: FrameBuffer) -> list[Frame]:
    frames = []
    while (frame := buffer.newest("a", timeout=0)) is not None:
        frames.append(frame)
        buffer.done(frame, "a", None)
    assert buffer.finished("a")
    return frames


def test_every_picture_becomes_a_frame(buffer: FrameBuffer, ends: Any) -> None:
    ticks = iter(range(1000, 2000, 7))
    source = Pictures([picture(0), picture(1, independent=True), picture(2)])
    run(Grabber(source, buffer, clock=lambda: next(ticks), on_end=ends))
    frames = grabbed(buffer)
    assert [frame.id for frame in frames] == [0, 1, 2]
    assert [frame.captured_ns for frame in frames] == [1007, 1021, 1035]
    assert [frame.timestamp for frame in frames] == [100.0, 100.1, 100.2]
    assert [frame.independent for frame in frames] == [False, True, False]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2]
    assert source.closings >= 1
    assert ends.problems == [None]


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (3, 3), (5, 5), (9, 5), (None, 5)])
def test_max_frames(limit: int | None, count: int, buffer: FrameBuffer, ends: Any) -> None:
    source = Pictures(map(picture, range(5)))
    run(Grabber(source, buffer, max_frames=limit, on_end=ends))
    assert len(grabbed(buffer)) == count
    assert source.reads == (count if limit is not None and limit <= 5 else 6)  # none is read for nothing
    assert ends.problems == [None]


def test_a_source_whose_time_restarts_or_is_missing(buffer: FrameBuffer, ends: Any) -> None:
    times = (3.0, 3.5, float("nan"), 0.0, 0.5, 0.5)
    source = Pictures([Picture(picture(0).image, time) for time in times])
    source.fps = 10.0
    run(Grabber(source, buffer, duration=1.25, on_end=ends))
    assert [frame.timestamp for frame in grabbed(buffer)] == pytest.approx([3.0, 3.5, 3.6, 3.7, 4.2])


@pytest.mark.parametrize(("duration", "count"), [(0.0, 0), (0.6, 3), (0.75, 3), (0.76, 4), (60.0, 10), (None, 10)])
def test_duration_is_measured_on_the_sources_line(
    duration: float | None, count: int, buffer: FrameBuffer, ends: Any
) -> None:
    pictures = [Picture(picture(number).image, 5000 + number / 4) for number in range(10)]
    run(Grabber(Pictures(pictures), buffer, duration=duration, on_end=ends))
    assert len(grabbed(buffer)) == count
    assert ends.problems == [None]


def test_a_rate_is_kept_to_by_pauses(buffer: FrameBuffer, ends: Any) -> None:
    """Each as long as is left of a fourth of a second after the picture has come, a tenth of it ago."""
    now = [0]

    def clock() -> int:
        now[0] += 50_000_000
        return now[0]

    pauses: list[float] = []
    source = Pictures([picture(0), picture(1)])
    grabber = Grabber(source, buffer, settings=WorkerSettings(max_rate=4.0), clock=clock, on_end=ends)
    grabber.pause = pauses.append  # type: ignore[method-assign, assignment]
    run(grabber)
    assert pauses == pytest.approx([0.2, 0.2]) and len(grabbed(buffer)) == 2


def test_a_source_without_pictures(buffer: FrameBuffer, ends: Any) -> None:
    run(Grabber(Pictures([]), buffer, on_end=ends))
    assert grabbed(buffer) == []
    assert ends.problems == [None]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (SmiledetError("camera /dev/video0 was lost"), "camera /dev/video0 was lost"),
        (RuntimeError("driver\nbug"), r"stage 'grab' failed: RuntimeError('driver\nbug')"),
    ],
)
def test_a_source_that_breaks_ends_the_run_but_not_the_frames_before(
    fault: Exception, message: str, buffer: FrameBuffer, ends: Any
) -> None:
    source = Pictures([picture(0), picture(1), fault, picture(3)])
    run(Grabber(source, buffer, on_end=ends))
    assert [frame.id for frame in grabbed(buffer)] == [0, 1]
    assert ends.message == message
    assert source.closings >= 1


def test_an_interrupt_closes_a_source_that_knows_no_better_and_so_ends_a_read(buffer: FrameBuffer, ends: Any) -> None:
    source = Silent()
    grabber = Grabber(source, buffer, on_end=ends)
    grabber.start()
    assert source.reading.wait(LIMIT)
    grabber.cancel.set()
    grabber.interrupt()
    assert grabber.join(LIMIT)
    assert source.closings >= 1
    assert buffer.finished("a")
    assert ends.problems == [None]


def test_closing_the_buffer_ends_a_grabber_that_waits_for_room(ends: Any) -> None:
    buffer = FrameBuffer([StageSpec("a")], Policy.EVERY_FRAME, capacity=2)
    full = threading.Event()

    class Endless(Pictures):
        @override
        def read(self) -> Picture | None:
            if self.reads == 2:
                full.set()
            return super().read()

    grabber = Grabber(Endless(picture(n % 200) for n in range(10**6)), buffer, on_end=ends)
    grabber.start()
    assert full.wait(LIMIT)
    assert grabber.alive
    buffer.close()
    assert grabber.join(LIMIT)
    assert buffer.published == 2
    assert ends.problems == [None]


def test_a_slow_stage_never_slows_a_live_grabber(ends: Any) -> None:
    buffer = FrameBuffer([StageSpec("a")], Policy.LIVE, capacity=2)
    run(Grabber(Pictures(picture(n % 200) for n in range(500)), buffer, on_end=ends))
    assert buffer.published == 500
    assert [frame.id for frame in grabbed(buffer)] == [499]
