"""The whole pipeline in this process: what ends it, what it loses and what it does not."""

import json
import logging
import threading
from dataclasses import replace

import av
import numpy as np
import pytest

from smiledet.config import BufferSettings, TaskSettings, load_config
from smiledet.detection.detectors.haar import HaarDetector
from smiledet.engines.base import load_engine
from smiledet.errors import SmiledetError, UsageError
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.base import Sink
from smiledet.sinks.events import EventsSink
from smiledet.sinks.video import VideoSink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import DemoSource, scene
from smiledet.sources.pacing import Paced
from smiledet.supervisor import Stop
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import FaultPolicy
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.locator import LocatorWorker
from smiledet.workers.thread import WorkerSettings

LIMIT = 30.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""

FRAMES = 12


class Collector(Sink):
    """Keeps what it is given, and knows whether it was closed."""

    description = "collector"

    def __init__(self, on_frame=lambda number: None):
        self.readings = {}
        self.images = []
        self.order = []
        self.closed = 0
        self.on_frame = on_frame

    def open(self):
        pass

    def write(self, frame, annotation):
        self.order.append(frame.id)
        self.readings[frame.id] = annotation.readings
        self.images.append(annotation.image)
        self.on_frame(frame.id)

    def close(self):
        self.closed += 1


class ScriptedSource(Source):
    """The demo's pictures, then, as soon as it may break, a fault.

    Args:
        count: Pictures before the fault.
        live: Whether it is a camera.
    """

    description = "scripted"
    fps = 30.0
    size = (640, 480)

    def __init__(self, count, live):
        self.live = live
        self.left = count
        self.index = 0
        self.may_break = threading.Event()
        self.closed = 0

    def open(self):
        pass

    def read(self):
        if self.index == self.left:
            assert self.may_break.wait(LIMIT)
            raise SmiledetError("the camera was unplugged")
        self.index += 1
        return Picture(scene(self.index), self.index / 30)

    def close(self):
        self.closed += 1


@pytest.fixture
def config():
    return load_config("desktop-cpu").config


def demo(frames=FRAMES):
    source = DemoSource(frames / 30)
    source.open()
    return source


def no_threads_left(before):
    return not [thread for thread in threading.enumerate() if thread not in before]


def test_every_frame_arrives_in_order(config):
    before = threading.enumerate()
    collector = Collector()
    pipeline = Pipeline(config, demo(), [collector])
    why, report = pipeline.run()
    assert why is Stop.END
    assert collector.order == list(range(FRAMES))
    assert collector.closed == 1
    for name, count in report.stages.items():
        assert (count.processed, count.failed, count.total_dropped) == (FRAMES, 0, 0), name
    assert no_threads_left(before)
    assert "litert" in pipeline.device


def test_more_workers_read_the_same(config):
    """Two threads that align and two that read smiles finish in any order; what is shown does not depend on it."""
    seen = []
    for workers in (1, 2):
        more = replace(config, worker={stage: WorkerSettings(workers=workers) for stage in ("align", "smile")})
        collector = Collector()
        Pipeline(more, demo(20), [collector]).run()
        seen.append(collector)
    assert seen[0].readings == seen[1].readings
    assert any(seen[0].readings.values())
    assert all(np.array_equal(one, two) for one, two in zip(seen[0].images, seen[1].images, strict=True))


def test_live_frames_are_drawn_or_dropped_and_never_go_back(config):
    source = Paced(DemoSource(1.5))
    source.open()
    collector = Collector()
    pipeline = Pipeline(config, source, [collector])
    why, report = pipeline.run()
    assert why is Stop.END
    assert report.published == 45
    assert collector.order and collector.order == sorted(set(collector.order))
    for name, count in pipeline.buffer.counts().items():
        assert count.processed + count.failed + count.total_dropped == 45, name


def test_the_stats_line_is_drawn_on_demand(config):
    pictures = []
    for stats in (False, True):
        collector = Collector()
        Pipeline(replace(config, stats=stats), demo(3), [collector]).run()
        pictures.append(collector.images[-1])
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize("limits", [Limits(max_frames=4), Limits(duration=3.5 / 30)])
def test_limits_end_it_early(config, limits):
    collector = Collector()
    why, _ = Pipeline(config, demo(), [collector], limits=limits).run()
    assert (why, collector.order) == (Stop.END, [0, 1, 2, 3])


# What ends a run.


def test_a_stop_from_another_thread(config):
    before = threading.enumerate()
    collector = Collector(on_frame=lambda number: pipeline.stop() if number == 3 else None)
    source = demo(3000)
    pipeline = Pipeline(config, source, [collector])
    why, _ = pipeline.run()
    assert why is Stop.SIGNAL
    assert 4 <= len(collector.order) < 3000
    assert collector.closed == 1
    assert source.read() is None  # it was closed
    assert no_threads_left(before)


class FakeWindow:
    """A window in which somebody presses q after a number of pictures."""

    def __init__(self, pictures):
        self.left = pictures
        self.shown = []
        self.closed = False

    def show(self, image):
        self.shown.append(image)

    def poll(self, wait_ms=1):
        return len(self.shown) >= self.left

    def close(self):
        self.closed = True


def test_a_key_in_the_window(config):
    window, collector = FakeWindow(5), Collector()
    why, _ = Pipeline(config, demo(3000), [collector], window).run()
    assert why is Stop.KEY
    assert window.closed and collector.closed == 1
    assert len(window.shown) == 5


def test_the_window_shows_every_frame_of_a_file(config):
    """Even if it falls so far behind that the threads are done long before."""
    all_written = threading.Event()
    collector = Collector(on_frame=lambda number: all_written.set() if number == 19 else None)

    class SlowWindow(FakeWindow):
        def show(self, image):
            assert all_written.wait(LIMIT)
            super().show(image)

    window = SlowWindow(10**6)
    why, _ = Pipeline(replace(config, buffer=BufferSettings(capacity=32)), demo(20), [collector], window).run()
    assert why is Stop.END
    assert len(window.shown) == 20
    assert all(np.array_equal(one, two) for one, two in zip(window.shown, collector.images, strict=True))


@pytest.mark.parametrize("shown", [True, False])
def test_free_memory_is_handed_back_now_and_then(config, monkeypatch, shown):
    """The sink does not end before it was."""
    handed = threading.Semaphore(0)
    monkeypatch.setattr("smiledet.pipeline.TIDY_EVERY", 0.01)
    monkeypatch.setattr("smiledet.pipeline.hand_back_memory", handed.release)
    collector = Collector(on_frame=lambda number: number < 3 or handed.acquire(timeout=LIMIT) or pytest.fail("never"))
    window = FakeWindow(10**6) if shown else None
    why, _ = Pipeline(config, demo(5), [collector], window).run()
    assert why is Stop.END


def test_which_detectors_run(config):
    """Of photographs their own, of video the other; each once."""

    class Still(DemoSource):
        still = True

    config = replace(config, detector="haar", photographs=replace(config.photographs, detector="hog"))
    for sources, expected in (
        ({"a": DemoSource()}, "haar"),
        ({"a": Still()}, "hog"),
        ({"a": Still(), "b": DemoSource(), "c": Still()}, "hog, haar"),
    ):
        for source in sources.values():
            source.open()
        assert Pipeline(config, sources, []).detector == expected


@pytest.mark.parametrize("how", [Stop.KEY, Stop.SIGNAL])
def test_the_last_photograph_stays_until_a_key_or_a_signal(config, how):
    class PatientWindow(FakeWindow):
        """Somebody looks at the photograph for ten polls after the last one came, then presses q or Ctrl-C."""

        looks = 0

        def poll(self, wait_ms=1):
            self.looks += len(self.shown) == 2
            if self.looks == 10 and how is Stop.SIGNAL:
                pipeline.stop()
            return self.looks >= 10 and how is Stop.KEY

    source, window = demo(2), PatientWindow(10**6)
    source.still = True
    pipeline = Pipeline(config, source, window=window)
    why, _ = pipeline.run()
    assert why is how
    assert window.looks >= 10 and window.closed


@pytest.mark.parametrize("live", [True, False])
def test_a_camera_that_is_unplugged(config, tmp_path, count_frames, live):
    class ToldVideo(VideoSink):
        def write(self, frame, annotation):
            super().write(frame, annotation)
            source.may_break.set()

    before = threading.enumerate()
    source = ScriptedSource(10, live)
    video, events = ToldVideo(tmp_path / "out.mp4", 30), EventsSink(tmp_path / "out.jsonl", "fake")
    with pytest.raises(SmiledetError, match=r"^the camera was unplugged$"):
        Pipeline(config, source, [video, events]).run()
    assert count_frames(tmp_path / "out.mp4") == video.written > 0
    for line in (tmp_path / "out.jsonl").read_text().splitlines():
        assert json.loads(line)["source"] == "fake"
    assert source.closed
    assert no_threads_left(before)


def test_a_recorder_slower_than_its_source_loses_frames_but_no_time_and_says_how_many(config, tmp_path, caplog):
    frames, pause = 60, threading.Event()

    def wait_for(drawn):
        while pipeline.buffer.count("draw").processed < drawn and not pipeline._lines[0].grabber.stopping:
            pause.wait(0.001)

    class Drawn(DemoSource):
        """Live; each picture comes when the one before it was drawn, however slow the machine."""

        live = True
        taken = 0

        def read(self):
            wait_for(self.taken)
            self.taken += 1
            return super().read()

    class Slow(VideoSink):
        """Takes as long for a frame as the drawer for three."""

        def write(self, frame, annotation):
            wait_for(min(pipeline.buffer.count("draw").processed + 3, frames))
            super().write(frame, annotation)

    source = Drawn(frames / 30)
    source.open()
    video = Slow(tmp_path / "out.mp4", 30, timed=True)
    small = replace(config, tasks=("smile",), buffer=BufferSettings(capacity=3))
    pipeline = Pipeline(small, source, [video])
    _, report = pipeline.run()
    (stage,) = pipeline._sinks
    missed = report.stages[stage].missed
    assert missed > 0 and video.written + missed <= report.published
    assert (
        f"{video.description} was too slow for {missed} of {report.drawn} annotated frames, which it lacks"
        in caplog.messages
    )
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == video.written  # none is repeated
    assert times[-1] > 1.0 and times == sorted(set(times))


def test_a_sink_that_cannot_be_finished(config):
    class Unfinished(Collector):
        def close(self):
            raise SmiledetError("cannot finish out.xyz")

    unfinished = Unfinished()
    told = threading.Event()

    def hold_the_last(number):  # until the pipeline has been told of the other's failure
        if number == FRAMES - 1:
            assert told.wait(LIMIT)

    other = Collector(hold_the_last)
    pipeline = Pipeline(config, demo(), [unfinished, other])
    note = pipeline._note

    def noted(end):
        if end.problem is not None:
            told.set()
        note(end)

    pipeline._note = noted
    with pytest.raises(SmiledetError, match=r"^cannot finish out\.xyz$"):
        pipeline.run()
    assert other.order == list(range(FRAMES))
    assert other.closed == 1


def test_a_model_that_is_not_there(config):
    task = {**config.task, "smile": TaskSettings(model="huge")}
    with pytest.raises(UsageError, match="no model 'huge'"):
        Pipeline(replace(config, task=task), demo())


# Stages that fail.


@pytest.mark.parametrize(
    ("worker", "stage"),
    [
        (LocatorWorker, "locate"),
        (AlignerWorker, "align"),
        (ClassifierWorker, "smile"),
        (DrawerWorker, "draw"),
        (Collector, "sink 1: collector"),
    ],
)
def test_a_fault_now_and_then_costs_that_frame_alone(config, monkeypatch, caplog, worker, stage):
    method = "write" if worker is Collector else "process"
    whole = getattr(worker, method)

    def process(self, frame, *others):
        if frame.id % 5 == 4:
            raise RuntimeError("hiccup")
        return whole(self, frame, *others)

    monkeypatch.setattr(worker, method, process)
    collector = Collector()
    with caplog.at_level(logging.WARNING):
        why, report = Pipeline(replace(config, tasks=("smile",)), demo(20), [collector]).run()
    assert why is Stop.END
    assert report.stages[stage].failed == 4
    assert f"stage {stage} failed on frame 4: RuntimeError('hiccup')" in caplog.messages
    unharmed = [number for number in range(20) if number % 5 != 4]
    if worker is Collector:
        assert collector.order == unharmed
    else:
        assert collector.order == list(range(20))  # the picture itself is never lost
    assert all(len(collector.readings[number]) == 2 for number in unharmed if number > 4)


@pytest.mark.parametrize("policy", [FaultPolicy(3, 2, 0.001), FaultPolicy(1, 0, 0.0)])
def test_a_stage_that_keeps_failing_ends_the_run(config, monkeypatch, tmp_path, count_frames, policy):
    def detect(*_):
        raise RuntimeError("no eyes")

    monkeypatch.setattr(HaarDetector, "detect", detect)
    collector = Collector()
    video = VideoSink(tmp_path / "out.mp4", 30)
    pipeline = Pipeline(replace(config, faults=policy), demo(3000), [collector, video])
    with pytest.raises(SmiledetError, match=r"^stage 'locate' keeps failing: .* see the log above$") as caught:
        pipeline.run()
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert pipeline.buffer.counts()["locate"].failed == policy.failures * (policy.restarts + 1)
    assert collector.closed == 1
    assert collector.order == list(range(len(collector.order)))
    assert (count_frames(tmp_path / "out.mp4") if video.written else 0) == video.written


def test_a_stage_that_cannot_start_ends_the_run(config, monkeypatch):
    def fail(*given):
        if threading.current_thread() is threading.main_thread():  # the look at every network before anything starts
            return load_engine(*given)
        raise UsageError("no such network")

    monkeypatch.setattr("smiledet.model_plan.load_engine", fail)
    source, collector = demo(), Collector()
    with pytest.raises(UsageError, match=r"^no such network$"):
        Pipeline(config, source, [collector]).run()
    assert collector.closed == 1
    assert source.read() is None


@pytest.mark.parametrize("worker", [LocatorWorker, AlignerWorker, ClassifierWorker, DrawerWorker, Collector])
@pytest.mark.parametrize("problem", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_stage_that_asks_python_to_end_ends_the_run(config, monkeypatch, worker, problem):
    """What is no `Exception` ends a thread as well, and is a fault of its stage."""

    def process(self, frame, *others):
        raise problem

    monkeypatch.setattr(worker, "write" if worker is Collector else "process", process)
    collector = Collector()
    with pytest.raises(SmiledetError, match=rf"^stage '.*' failed: {type(problem).__name__}") as caught:
        Pipeline(replace(config, tasks=("smile",)), demo(3000), [collector]).run()
    assert caught.value.exit_code == 1
    assert collector.closed == 1


def test_a_sink_that_breaks_leaves_the_others_readable(config):
    class Breaking(Collector):
        def write(self, frame, annotation):
            raise SmiledetError("disk full")

    other = Collector()
    with pytest.raises(SmiledetError, match=r"^disk full$"):
        Pipeline(config, demo(3000), [Breaking(), other]).run()
    assert other.closed == 1
