"""Settings reach the stages: what is shown with and without each, in whole runs on the demo."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from smiledet.config import AlignerSettings, BufferSettings, Config, TaskSettings, load_config
from smiledet.drawing.stats import StatsLine
from smiledet.frame import Annotation, Frame
from smiledet.pipeline import Pipeline
from smiledet.sinks.base import Sink
from smiledet.sinks.tally import Tally
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import DemoSource, scene
from smiledet.workers.base import FaultPolicy
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.locator import Located, LocatorWorker

LIMIT = 20.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""


class Frames(Sink):
    """Keeps the frames with all that the stages attached to them."""

    description = "frames"

    def __init__(self) -> None:
        self.frames: list[tuple[Frame, Annotation]] = []

    @override
    def open(self) -> None: ...

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self.frames.append((frame, annotation))

    @override
    def close(self) -> None: ...


@pytest.fixture
def config() -> Config:
    return replace(load_config("desktop-cpu").config, tasks=("smile",))


def demo(frames: int) -> Source:
    source = DemoSource(frames / 30)
    source.open()
    return source


def frames_of(config: Config, count: int = 12) -> list[tuple[Frame, Annotation]]:
    sink = Frames()
    Pipeline(config, demo(count), [sink]).run()
    return sink.frames


def test_without_smoothing_the_shown_score_is_what_was_read_from_this_frame(config: Config) -> None:
    settings = TaskSettings(smoothing=0.0, hysteresis=0.0)
    compared = 0
    for frame, annotation in frames_of(replace(config, task={"smile": settings})):
        read = {
            face.track: predictions["smile"]
            for (face, _), predictions in zip(frame.results["align"], frame.results["smile"], strict=True)
        }
        for reading in annotation.readings:
            assert reading.smile.scores == read[reading.track].scores
            compared += 1
    assert compared > 10


def test_with_smoothing_it_is_not(config: Config) -> None:
    settings = TaskSettings(smoothing=5.0)
    shown, read = [], []
    for frame, annotation in frames_of(replace(config, task={"smile": settings})):
        shown += [reading.smile.scores["smiling"] for reading in annotation.readings]
        read += [predictions["smile"].scores["smiling"] for predictions in frame.results["smile"]]
    # The second face: the first one's smile is certain in each frame.
    assert np.ptp(np.diff(shown[1::2])) < np.ptp(np.diff(read[1::2]))


@pytest.mark.parametrize(("limit", "expected"), [(1.0, False), (2.0, True)])
def test_the_limit_of_distortion_decides_who_is_aligned(config: Config, limit: float, expected: bool) -> None:
    found = frames_of(replace(config, aligner=AlignerSettings(max_distortion=limit)), 6)
    aligned = [aligned.aligned for frame, _ in found for _, aligned in frame.results["align"]]
    assert aligned and set(aligned) == {expected}


class Counted(Source):
    """The demo's pictures, counted as they are taken."""

    description = "counted"
    fps = 30.0
    size = (640, 480)

    def __init__(self, length: int, wanted: int = 0, live: bool = False) -> None:
        self.live = live  # type: ignore[misc]
        self.left, self.wanted, self.taken = length, wanted, 0
        self.enough = threading.Event()

    @override
    def open(self) -> None: ...

    @override
    def read(self) -> Picture | None:
        if self.taken == self.left:
            return None
        self.taken += 1
        if self.taken == self.wanted:
            self.enough.set()
        return Picture(scene(self.taken), self.taken / 30)

    @override
    def close(self) -> None: ...


@pytest.mark.parametrize(("megabytes", "held"), [(7.5, 8), (0.0, 6), (20.0, 12)])
def test_the_ring_holds_more_of_small_pictures(config: Config, megabytes: float, held: int) -> None:
    """A picture of 640x480 has 0.92 MB: eight of them come to 7.4, and twice the usual six is the most."""
    source = Counted(20, wanted=held + 1)  # the last one waits for room
    seen = []

    class Blocking(Frames):
        @override
        def write(self, frame: Frame, annotation: Annotation) -> None:
            if frame.id == 0:
                assert source.enough.wait(LIMIT)
                seen.append(pipeline.buffer.of(frame).held)

    settings = BufferSettings(capacity=6, megabytes=megabytes)
    pipeline = Pipeline(replace(config, buffer=settings), source, [Blocking()])
    pipeline.run()
    assert seen == [held]


def test_the_stats_line_tells_the_latency_in_milliseconds(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[StatsLine] = []

    def annotate(image: Any, _readings: Any, _tasks: Any, stats: StatsLine, *_: Any) -> Any:
        lines.append(stats)
        return image

    monkeypatch.setattr("smiledet.workers.drawer.annotate", annotate)
    watching = Tally()
    watching.uses_drawing = True
    _, report = Pipeline(replace(config, stats=True), demo(12), [watching]).run()
    ages = report.stages["draw"].ages_ns
    assert min(ages) / 1e6 <= lines[-1].latency_ms <= max(ages) / 1e6
    assert min(ages) / 1e6 <= report.latency_ms() <= max(ages) / 1e6


def test_a_restarted_locator_gives_no_number_twice(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    process = LocatorWorker.process

    def failing(self: LocatorWorker, frame: Frame) -> Located:
        if 6 <= frame.id < 9:
            raise RuntimeError("the detector fails")
        return process(self, frame)

    monkeypatch.setattr(LocatorWorker, "process", failing)
    found = frames_of(replace(config, faults=FaultPolicy(failures=3, restarts=1, back_off=0.0)), 14)
    before, after = _tracks(found[:6]), _tracks(found[9:])
    assert before and after and max(before) < min(after)


def _tracks(found: list[tuple[Frame, Annotation]]) -> set[int]:
    return {reading.track for _, annotation in found for reading in annotation.readings}


def test_live_the_drawer_does_not_wait_for_the_classifiers(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first promise of all: a frame is drawn while a network has not yet read any."""
    drawn = threading.Event()
    process = ClassifierWorker.process

    def waiting(self: ClassifierWorker, frame: Frame) -> Any:
        assert drawn.wait(LIMIT)
        return process(self, frame)

    class Told(Frames):
        @override
        def write(self, frame: Frame, annotation: Annotation) -> None:
            super().write(frame, annotation)
            drawn.set()

    monkeypatch.setattr(ClassifierWorker, "process", waiting)
    source, sink = Counted(8, live=True), Told()
    _, report = Pipeline(config, source, [sink]).run()
    assert sink.frames
    assert report.stages["smile"].failed == 0


class Awaited(Counted):
    """Each picture comes when the one before it has been written, so that none is dropped however slow the machine."""

    def __init__(self, length: int, live: bool) -> None:
        super().__init__(length, live=live)
        self.written = threading.Semaphore(1)

    @override
    def read(self) -> Picture | None:
        assert self.written.acquire(timeout=LIMIT)
        return super().read()


@pytest.mark.parametrize("live", [False, True])
def test_a_whole_scan_is_made_where_no_frame_is_dropped_for_it(
    live: bool, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[int] = []
    monkeypatch.setattr("smiledet.detection.scheduling.sweep.scan", lambda *_: scanned.append(1) or [])
    source = Awaited(12, live)

    class Told(Frames):
        @override
        def write(self, frame: Frame, annotation: Annotation) -> None:
            super().write(frame, annotation)
            source.written.release()

    sink = Told()
    Pipeline(config, source, [sink]).run()
    assert bool(scanned) == (not live)
    assert any(annotation.readings for _, annotation in sink.frames), "the network proposes them"
