"""The sinks' threads: every drawn frame in order, and nothing written twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from smiledet.buffer import FrameBuffer
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Frame
from smiledet.sinks.base import Sink
from smiledet.stage_spec import Policy, StageSpec
from smiledet.workers import drawer
from smiledet.workers.sink import FAULTS, SinkWorker

LIMIT = 20.0

STAGE = "sink 1: memory"


class Memory(Sink):
    """Keeps what it is given; fails on some frames."""

    description = "memory"

    def __init__(self, failing: dict[int, Exception] | None = None, closing: Exception | None = None) -> None:
        self.written: list[tuple[int, Annotation]] = []
        self.openings = self.closings = 0
        self._failing = failing or {}
        self._closing = closing

    @override
    def open(self) -> None:
        self.openings += 1

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if frame.id in self._failing:
            raise self._failing[frame.id]
        self.written.append((frame.id, annotation))

    @override
    def close(self) -> None:
        self.closings += 1
        if self._closing is not None:
            raise self._closing

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.written]


def test_an_interrupt_reaches_the_sink() -> None:
    class Patient(Memory):
        may_wait = True
        interrupts = 0

        @override
        def interrupt(self) -> None:
            self.interrupts += 1

    sink = Patient()
    worker = SinkWorker(STAGE, sink, buffer=FrameBuffer([StageSpec(STAGE)], Policy.LIVE))
    worker.interrupt()
    assert (sink.interrupts, worker.may_wait) == (1, True)
    assert not SinkWorker(STAGE, Memory(), buffer=FrameBuffer([StageSpec(STAGE)], Policy.LIVE)).may_wait


@pytest.fixture
def run(frame_of: Callable[..., Frame], ends: Any) -> Callable[..., FrameBuffer]:
    """Runs a sink over so many frames; the drawer has failed on some of them."""

    def run(sink: Sink, count: int, undrawn: frozenset[int] = frozenset()) -> FrameBuffer:
        buffer = FrameBuffer([StageSpec(STAGE, in_order=True)], Policy.EVERY_FRAME, capacity=max(2, count))
        for number in range(count):
            frame = frame_of(number)
            drawn = Annotation(np.full_like(frame.image, 255), ())
            frame.results[drawer.STAGE] = None if number in undrawn else drawn
            buffer.publish(frame)
        buffer.end()
        worker = SinkWorker(STAGE, sink, buffer=buffer, on_end=ends)
        worker.start()
        assert worker.join(LIMIT)
        return buffer

    return run


def test_every_drawn_frame_is_written_in_order(run: Callable[..., FrameBuffer], ends: Any) -> None:
    sink = Memory()
    run(sink, 20)
    assert sink.numbers == list(range(20))
    assert all((annotation.image == 255).all() for _, annotation in sink.written)
    assert (sink.openings, sink.closings) == (1, 1)
    assert ends.problems == [None]


def test_where_drawing_failed_the_bare_frame_is_written(run: Callable[..., FrameBuffer], ends: Any) -> None:
    sink = Memory()
    run(sink, 4, undrawn=frozenset({2}))
    assert sink.numbers == [0, 1, 2, 3]
    assert [int(annotation.image[0, 0, 0]) for _, annotation in sink.written] == [255, 255, 80, 255]


def test_a_frame_that_cannot_be_written_is_counted_and_the_next_one_tried(
    run: Callable[..., FrameBuffer], ends: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Memory({1: ValueError("odd frame")})
    buffer = run(sink, 4)
    assert sink.numbers == [0, 2, 3]
    assert buffer.counts()[STAGE].failed == 1
    assert "stage sink 1: memory failed on frame 1: ValueError('odd frame')" in caplog.text
    assert ends.problems == [None]


def test_a_sink_is_never_opened_again(run: Callable[..., FrameBuffer], ends: Any) -> None:
    """That would overwrite what it has written."""
    sink = Memory({number: ValueError("no") for number in range(2, 100)})
    run(sink, 20)
    assert sink.numbers == [0, 1]
    assert (sink.openings, sink.closings) == (1, 1)
    assert ends.message == (
        f"stage 'sink 1: memory' keeps failing: {FAULTS.failures} frames in a row after 0 restarts; see the log above"
    )


def test_a_full_disk_ends_the_run_and_the_file_is_closed(run: Callable[..., FrameBuffer], ends: Any) -> None:
    sink = Memory({3: SmiledetError("cannot write out.mp4: No space left on device")})
    run(sink, 9)
    assert sink.numbers == [0, 1, 2]
    assert sink.closings == 1
    assert ends.message == "cannot write out.mp4: No space left on device"


def test_a_sink_that_cannot_be_opened_is_not_closed(run: Callable[..., FrameBuffer], ends: Any) -> None:
    class Shut(Memory):
        @override
        def open(self) -> None:
            raise SmiledetError("cannot write out.mp4")

    sink = Shut()
    run(sink, 2)
    assert ends.message == "cannot write out.mp4"
    assert sink.closings == 0 and sink.numbers == []


def test_an_output_that_cannot_be_finished_is_told(run: Callable[..., FrameBuffer], ends: Any) -> None:
    run(Memory(closing=SmiledetError("out.mp4 is not readable")), 2)
    assert ends.message == "out.mp4 is not readable"
