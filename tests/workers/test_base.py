"""Claiming, failing, restarting, giving up, and working no faster than asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from smiledet.buffer import FrameBuffer
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Frame
from smiledet.stage_spec import Policy, StageSpec
from smiledet.turns import Turns
from smiledet.workers.base import FaultPolicy, Worker
from smiledet.workers.thread import WorkerSettings

LIMIT = 20.0

STAGES = [StageSpec("stage"), StageSpec("after", frozenset({"stage"}))]

Frames = Callable[..., Frame]


class Trial(Worker):
    """Fails on the given frames; waits in no time at all, and notes for how long it would have."""

    def __init__(self, buffer: FrameBuffer, failing: set[int] | None = None, **common: Any) -> None:
        super().__init__("stage", buffer, **common)
        self.failing = failing or set()
        self.processed: list[int] = []
        self.pauses: list[float] = []
        self.openings = self.closings = 0

    def setup(self) -> None:
        self.openings += 1

    def teardown(self) -> None:
        self.closings += 1

    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self.pauses.append(seconds)

    def process(self, frame: Frame) -> str:
        if frame.id in self.failing:
            raise ValueError(f"bad luck with {frame.id}")
        self.processed.append(frame.id)
        return f"result {frame.id}"


@pytest.fixture
def buffer_of(frame_of: Frames) -> Callable[..., FrameBuffer]:
    """A buffer with so many frames in it and none to come."""

    def make(count: int) -> FrameBuffer:
        buffer = FrameBuffer(STAGES, Policy.EVERY_FRAME, capacity=max(2, count))
        for number in range(count):
            buffer.publish(frame_of(number))
        buffer.end()
        return buffer

    return make


def run(worker: Worker) -> None:
    worker.start()
    assert worker.join(LIMIT)


def results(buffer: FrameBuffer) -> list[Any]:
    """What the stage after is handed."""
    found = []
    while (frame := buffer.newest("after", timeout=0)) is not None:
        found.append(frame.results["stage"])
        buffer.done(frame, "after", None)
    return found


class TestFaults:
    def test_without_any_the_worker_ends_with_the_input(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        buffer = buffer_of(3)
        worker = Trial(buffer, on_end=ends)
        run(worker)
        assert worker.processed == [0, 1, 2]
        assert (worker.openings, worker.closings) == (1, 1)
        assert ends.problems == [None]
        assert results(buffer) == ["result 0", "result 1", "result 2"]

    def test_a_frame_that_fails_goes_on_without_a_result(
        self, buffer_of: Callable[..., FrameBuffer], ends: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        buffer = buffer_of(5)
        worker = Trial(buffer, {1, 3}, on_end=ends)
        run(worker)
        assert results(buffer) == ["result 0", None, "result 2", None, "result 4"]
        count = buffer.counts()["stage"]
        assert (count.processed, count.failed) == (3, 2)
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == [f"stage stage failed on frame {n}: ValueError('bad luck with {n}')" for n in (1, 3)]
        assert (worker.openings, worker.pauses) == (1, [])
        assert ends.problems == [None]

    def test_a_fault_that_is_fatal_ends_the_run_at_once(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        class Fatal(Trial):
            def process(self, frame: Frame) -> str:
                if frame.id == 1:
                    raise SmiledetError("the disk is full")
                return super().process(frame)

        buffer = buffer_of(4)
        worker = Fatal(buffer, on_end=ends)
        run(worker)
        assert ends.message == "the disk is full"
        assert worker.processed == [0]
        assert results(buffer) == ["result 0", None]  # the frame was handed back all the same


class TestSeveralSources:
    """A stage that takes a frame of each source, and works on them together."""

    class Together(Trial):
        def __init__(self, buffer: FrameBuffer, claims: list[list[Frame]], **common: Any) -> None:
            super().__init__(buffer, **common)
            self.claims, self.batches = claims, []

        def claim(self) -> list[Frame]:
            return self.claims.pop(0) if self.claims else []

        def process_batch(self, frames: list[Frame]) -> list[str]:  # type: ignore[override]
            self.batches.append([frame.id for frame in frames])
            if any(frame.id in self.failing for frame in frames):
                raise ValueError("bad luck")
            return [f"together {frame.id}" for frame in frames]

    def held(self, buffer: FrameBuffer, count: int) -> list[Frame]:
        found = [buffer.newest("stage", timeout=0) for _ in range(count)]
        assert all(found)
        return [frame for frame in found if frame is not None]

    def test_frames_of_several_are_worked_on_together_and_one_alone_by_itself(
        self, buffer_of: Callable[..., FrameBuffer]
    ) -> None:
        buffer = buffer_of(3)
        first, second, third = self.held(buffer, 3)
        worker = self.Together(buffer, [[first, second], [third]])
        worker.loop()
        assert (worker.batches, worker.processed) == ([[0, 1]], [2])
        assert results(buffer) == ["together 0", "together 1", "result 2"]

    def test_a_fault_of_one_source_is_not_the_others(self, buffer_of: Callable[..., FrameBuffer]) -> None:
        buffer = buffer_of(4)
        first, second, third, fourth = self.held(buffer, 4)
        worker = self.Together(
            buffer, [[first, second], [third, fourth]], failing={1}, faults=FaultPolicy(failures=1, back_off=0.5)
        )
        worker.loop()
        assert worker.processed == [0], "each was tried alone"
        assert worker.pauses == [0.5], "a frame that fails alone counts once; then all is well again"
        assert results(buffer) == ["result 0", None, "together 2", "together 3"]

    def test_frames_that_are_well_alone_count_as_no_failure(self, buffer_of: Callable[..., FrameBuffer]) -> None:
        class Moody(self.Together):  # type: ignore[name-defined, misc]
            def process_batch(self, frames: list[Frame]) -> list[str]:
                raise ValueError("not together")

        buffer = buffer_of(2)
        worker = Moody(buffer, [self.held(buffer, 2)], faults=FaultPolicy(failures=1, back_off=0.5))
        worker.loop()
        assert (worker.processed, worker.pauses, worker.openings) == ([0, 1], [], 0)


def test_what_is_renewed_is_set_up_anew_once(buffer_of: Callable[..., FrameBuffer]) -> None:
    worker = Trial(buffer_of(3))
    worker.renew(lambda: None)
    worker.loop()
    assert (worker.openings, worker.closings, worker.processed) == (1, 1, [0, 1, 2])


class TestRestart:
    def test_too_many_failures_in_a_row_open_the_stage_again(
        self, buffer_of: Callable[..., FrameBuffer], ends: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        worker = Trial(buffer_of(9), {2, 3, 4}, faults=FaultPolicy(failures=3, restarts=1, back_off=0.25), on_end=ends)
        run(worker)
        assert worker.pauses == [0.25]
        assert (worker.openings, worker.closings) == (2, 2)
        assert worker.processed == [0, 1, 5, 6, 7, 8]
        assert "stage stage is restarted (1 of 1)" in caplog.text
        assert ends.problems == [None]

    def test_failures_that_are_not_in_a_row_do_not(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        worker = Trial(buffer_of(12), {0, 1, 3, 4, 6, 7, 9, 10}, faults=FaultPolicy(failures=3), on_end=ends)
        run(worker)
        assert worker.openings == 1
        assert ends.problems == [None]

    def test_the_wait_doubles_until_the_worker_gives_up(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        buffer = buffer_of(20)
        worker = Trial(buffer, set(range(20)), faults=FaultPolicy(failures=2, restarts=3, back_off=0.1), on_end=ends)
        run(worker)
        assert worker.pauses == pytest.approx([0.1, 0.2, 0.4])
        assert (worker.openings, worker.closings) == (4, 4)
        assert buffer.counts()["stage"].failed == 8
        assert ends.message == "stage 'stage' keeps failing: 2 frames in a row after 3 restarts; see the log above"
        assert ends.problems[0].exit_code == 1

    def test_one_success_gives_the_full_patience_back(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        good = {4, 9, 14}
        worker = Trial(
            buffer_of(20), set(range(20)) - good, faults=FaultPolicy(failures=2, restarts=2, back_off=0.1), on_end=ends
        )
        run(worker)
        # Two restarts after each success, waiting as at first; the last four frames are one too many for no more.
        assert worker.pauses == pytest.approx([0.1, 0.2] * 4)
        assert worker.processed == sorted(good)
        assert ends.problems == [None]

    @pytest.mark.parametrize("restarts", [0, 1])
    def test_the_count_is_in_good_english(
        self, restarts: int, buffer_of: Callable[..., FrameBuffer], ends: Any
    ) -> None:
        run(Trial(buffer_of(9), set(range(9)), faults=FaultPolicy(failures=1, restarts=restarts), on_end=ends))
        assert f"after {restarts} restart{'s' if restarts == 0 else ''};" in ends.message

    def test_a_stage_that_cannot_be_opened_again_ends_the_run(
        self, buffer_of: Callable[..., FrameBuffer], ends: Any
    ) -> None:
        class Once(Trial):
            def setup(self) -> None:
                super().setup()
                if self.openings == 2:
                    raise UsageError("the model is gone")

        worker = Once(buffer_of(3), {0}, faults=FaultPolicy(failures=1), on_end=ends)
        run(worker)
        assert ends.message == "the model is gone"
        assert worker.processed == []

    def test_stop_ends_the_wait(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        waiting = threading.Event()

        class Waiting(Trial):
            def pause(self, seconds: float) -> None:
                waiting.set()
                super(Trial, self).pause(seconds)

        worker = Waiting(buffer_of(3), {0}, faults=FaultPolicy(failures=1, back_off=60), on_end=ends)
        worker.start()
        assert waiting.wait(LIMIT)
        worker.cancel.set()
        assert worker.join(LIMIT)
        assert worker.processed == []
        assert worker.openings == 1  # nothing is loaded again only to be thrown away
        assert ends.problems == [None]


class TestEnding:
    def test_closing_the_buffer_ends_a_worker_that_waits(self, frame_of: Frames, ends: Any) -> None:
        buffer = FrameBuffer(STAGES, Policy.LIVE)
        asked = threading.Event()
        newest = buffer.newest

        def ask(*arguments: Any, **named: Any) -> Frame | None:
            asked.set()
            return newest(*arguments, **named)

        buffer.newest = ask  # type: ignore[method-assign]
        worker = Trial(buffer, on_end=ends)
        worker.start()
        assert asked.wait(LIMIT)
        buffer.close()
        assert worker.join(LIMIT)
        assert ends.problems == [None]

    def test_stop_ends_after_the_frame_at_hand(self, buffer_of: Callable[..., FrameBuffer], ends: Any) -> None:
        at_work, go_on = threading.Event(), threading.Event()

        class Slow(Trial):
            def process(self, frame: Frame) -> str:
                at_work.set()
                assert go_on.wait(LIMIT)
                return super().process(frame)

        buffer = buffer_of(3)
        worker = Slow(buffer, on_end=ends)
        worker.start()
        assert at_work.wait(LIMIT)
        worker.cancel.set()
        go_on.set()
        assert worker.join(LIMIT)
        assert worker.processed == [0]
        assert results(buffer) == ["result 0"]


class Clock:
    """Seconds that pass only when somebody works, waits or is late."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Timed(Trial):
    """Takes so many seconds a frame, by the fake clock."""

    def __init__(self, buffer: FrameBuffer, rate: float, takes: float, time: Clock) -> None:
        super().__init__(buffer, settings=WorkerSettings(max_rate=rate), clock=time)
        self.time, self.takes = time, takes
        self.began: list[float] = []

    def pause(self, seconds: float) -> None:
        super().pause(seconds)
        self.time.now += max(0.0, seconds)

    def process(self, frame: Frame) -> str:
        self.began.append(self.time.now - 50.0)
        self.time.now += self.takes
        return super().process(frame)


class TestMaxRate:
    @pytest.mark.parametrize(
        ("rate", "takes", "began"),
        [
            (10.0, 0.01, [0.0, 0.1, 0.2, 0.3]),
            (10.0, 0.1, [0.0, 0.1, 0.2, 0.3]),
            (10.0, 0.25, [0.0, 0.25, 0.5, 0.75]),  # too slow to be held back
            (0.0, 0.01, [0.0, 0.01, 0.02, 0.03]),  # no limit
        ],
    )
    def test_frames_begin_no_closer_than_asked(
        self, rate: float, takes: float, began: list[float], buffer_of: Callable[..., FrameBuffer]
    ) -> None:
        worker = Timed(buffer_of(4), rate, takes, Clock())
        worker.loop()
        assert worker.began == pytest.approx(began)

    def test_time_spent_waiting_for_a_frame_earns_no_second_one(self, buffer_of: Callable[..., FrameBuffer]) -> None:
        time, buffer = Clock(), buffer_of(4)
        newest = buffer.newest

        def late(*arguments: Any, **named: Any) -> Frame | None:
            frame = newest(*arguments, **named)
            if frame is not None and frame.id == 0:
                time.now += 0.09  # it came just before a tenth of a second was over
            return frame

        buffer.newest = late  # type: ignore[method-assign]
        worker = Timed(buffer, 10.0, 0.001, time)
        worker.loop()
        assert worker.began == pytest.approx([0.09, 0.19, 0.29, 0.39])

    def test_a_frame_that_fails_counts_as_well(self, buffer_of: Callable[..., FrameBuffer]) -> None:
        worker = Timed(buffer_of(4), 10.0, 0.01, Clock())
        worker.failing = {1, 2}
        worker.loop()
        assert worker.began == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_several_workers_share_a_stage(frame_of: Frames, ends: Any) -> None:
    """All are at work at once, on a frame each, and no frame is worked on twice."""
    workers = 4
    together = threading.Barrier(workers)
    seen: list[int] = []

    class Meeting(Worker):
        def process(self, frame: Frame) -> int:
            together.wait(LIMIT)
            seen.append(frame.id)
            return frame.id

    buffer = FrameBuffer(STAGES, Policy.EVERY_FRAME, capacity=10 * workers)
    for number in range(10 * workers):
        buffer.publish(frame_of(number))
    buffer.end()
    threads = [Meeting("stage", buffer, on_end=ends, name=f"stage {number}") for number in range(workers)]
    for thread in threads:
        thread.start()
    assert all(thread.join(LIMIT) for thread in threads)
    assert ends.problems == [None] * workers
    assert sorted(seen) == list(range(10 * workers))
    assert results(buffer) == list(range(10 * workers))


class TestTakingTurns:
    """Where only so many workers may have a frame at once, none keeps the others waiting without one."""

    @pytest.mark.parametrize(
        "common",
        [{"settings": WorkerSettings(max_rate=10.0)}, {"faults": FaultPolicy(failures=1)}],
        ids=["rate", "fault"],
    )
    def test_a_worker_that_pauses_lets_others_work(self, frame_of: Frames, common: dict[str, Any]) -> None:
        buffer = FrameBuffer(STAGES, Policy.EVERY_FRAME, capacity=4, turns=Turns(2))
        for number in range(4):
            buffer.publish(frame_of(number))
        buffer.end()
        working: list[set[int]] = []

        class Watched(Trial):
            def pause(self, seconds: float) -> None:
                working.append(set(buffer.turns.working))

        Watched(buffer, failing={1}, **common).loop()
        assert working and not any(working)

    def test_a_worker_that_ends_does_not_count_any_more(self, frame_of: Frames) -> None:
        buffer = FrameBuffer(STAGES, Policy.EVERY_FRAME, capacity=2, turns=Turns(2))
        buffer.publish(frame_of(0))

        class Fatal(Trial):
            def process(self, frame: Frame) -> str:
                raise UsageError("no more of this")

        with pytest.raises(UsageError):
            Fatal(buffer).loop()
        assert not buffer.turns.working
