"""A stage that hangs is named and ends the run; a network that answers no numbers costs the frame."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import numpy as np
import pytest

from smiledet.config import load_config
from smiledet.engines.litert import LiteRTEngine
from smiledet.errors import FrameError, SmiledetError
from smiledet.frame import Frame
from smiledet.pipeline import Limits, Pipeline
from smiledet.reader import FaceReader
from smiledet.sinks.base import Sink
from smiledet.sources.demo import DemoSource, scene
from smiledet.sources.pacing import Paced
from smiledet.supervisor import Stop
from smiledet.watchdog import NOTICED_AFTER, Watchdog
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import FaultPolicy
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.locator import LocatorWorker

LIMIT = 30.0

CLASSIFIES = 17
"""Outputs of the network that reads smile and emotion; the landmarks' has others."""


def frame_of(number):
    return Frame(number, 0, 0.0, np.zeros((2, 2, 3), np.uint8))


class Fake:
    """A worker, as far as the watchdog looks."""

    name = "smile 1"

    def __init__(self):
        self.working_on = None

    def __hash__(self):
        return id(self)


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def watchdog(now):
    return Watchdog(10.0, lambda: now[0])


def pass_by(watchdog, now, worker, seconds, step=0.2):
    for _ in range(round(seconds / step)):
        now[0] += step
        watchdog.look([worker])


class TestWatchdog:
    def test_it_names_a_stage_within_two_seconds(self, watchdog, now, caplog):
        worker = Fake()
        worker.working_on = frame_of(12)
        watchdog.look([worker])
        pass_by(watchdog, now, worker, NOTICED_AFTER - 0.2)
        assert not caplog.messages
        pass_by(watchdog, now, worker, 0.4)
        assert caplog.messages == ["stage smile 1 has been at frame 12 for 1.6 s"]
        pass_by(watchdog, now, worker, 5)
        assert len(caplog.messages) == 1, "said once"

    def test_it_ends_the_run_after_the_limit(self, watchdog, now):
        worker = Fake()
        worker.working_on = frame_of(12)
        pass_by(watchdog, now, worker, 9.8)
        with pytest.raises(SmiledetError, match="stage 'smile 1' hangs: it has been at frame 12 for 10 s") as caught:
            pass_by(watchdog, now, worker, 1)
        assert caught.value.exit_code == 1

    def test_both_limits_are_met_exactly(self, watchdog, now, caplog):
        """In steps of a quarter of a second, which add up without error."""
        worker = Fake()
        worker.working_on = frame_of(12)
        watchdog.look([worker])
        pass_by(watchdog, now, worker, 1.25, step=0.25)
        assert not caplog.messages
        pass_by(watchdog, now, worker, 0.25, step=0.25)
        assert caplog.messages == ["stage smile 1 has been at frame 12 for 1.5 s"]
        pass_by(watchdog, now, worker, 8.25, step=0.25)
        with pytest.raises(SmiledetError, match="for 10 s"):
            pass_by(watchdog, now, worker, 0.25, step=0.25)

    def test_a_slow_stage_is_not_one_that_hangs(self, watchdog, now):
        worker = Fake()
        for frame in range(20):
            worker.working_on = frame_of(frame)
            pass_by(watchdog, now, worker, 9)
            worker.working_on = None
            pass_by(watchdog, now, worker, 1)

    def test_one_that_waits_for_a_frame_may_wait_for_ever(self, watchdog, now):
        pass_by(watchdog, now, Fake(), 1000)

    def test_a_process_that_stood_still_blames_nobody(self, watchdog, now, caplog):
        """SIGSTOP for a minute, a laptop's lid, a debugger: the clock goes on, nobody has looked."""
        worker = Fake()
        worker.working_on = frame_of(12)
        watchdog.look([worker])
        pass_by(watchdog, now, worker, 60, step=60)
        assert not caplog.messages

    def test_without_a_limit_it_only_says_so(self, now, caplog):
        worker, watchdog = Fake(), Watchdog(0.0, lambda: now[0])
        worker.working_on = frame_of(1)
        pass_by(watchdog, now, worker, 1000)
        assert len(caplog.messages) == 1


@pytest.fixture
def config():
    loaded = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    return replace(loaded, faults=FaultPolicy(hang=2.0))


@pytest.fixture
def hang():
    """A wait as in native code that nothing ends; but the end of the test."""
    gate = threading.Event()
    yield lambda *_: gate.wait(LIMIT)
    gate.set()


class Notes(Sink):
    description = "notes"

    def __init__(self):
        self.order, self.closed = [], 0

    def open(self):
        pass

    def write(self, frame, annotation):
        self.order.append(frame.id)

    def close(self):
        self.closed += 1


class Window:
    """Counts how often it was asked for keys: a frozen one is not."""

    def __init__(self):
        self.polls = self.closed = 0

    def show(self, image):
        pass

    def poll(self, wait_ms=1):
        self.polls += 1
        return False

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("worker", [LocatorWorker, AlignerWorker, ClassifierWorker, DrawerWorker, Notes])
def test_a_stage_that_hangs_ends_the_run_and_the_outputs_are_finished(
    config, monkeypatch, hang, little_time, worker, live
):
    method = {Notes: "write", ClassifierWorker: "process_batch"}.get(worker, "process")
    whole = getattr(worker, method)

    entered, now = threading.Event(), [0.0]

    def process(self, given, *others):
        frame = given[0] if isinstance(given, list) else given
        if frame.id < 2:
            return whole(self, given, *others)
        entered.set()
        return hang()

    def clock():
        now[0] += 0.5 * entered.is_set()  # between two looks; nothing is slow before
        return now[0]

    monkeypatch.setattr("smiledet.pipeline.Watchdog", lambda limit: Watchdog(limit, clock))

    monkeypatch.setattr(worker, method, process)
    source = Paced(DemoSource(), rate=60) if live else DemoSource()
    source.open()
    notes, window = Notes(), Window()
    with pytest.raises(SmiledetError, match=r"^stage '.*' hangs: it has been at frame \d+ for 2 s"):
        Pipeline(config, source, [notes], window, Limits(max_frames=100_000)).run()
    assert window.polls > 3 and window.closed == 1
    assert worker is Notes or notes.closed == 1


@pytest.fixture
def little_time(monkeypatch):
    monkeypatch.setattr("smiledet.supervisor.STOP_WITHIN", 0.3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_engine_that_answers_no_numbers_costs_those_frames_alone(config, monkeypatch, caplog, value):
    """The labels' means live on: one NaN in them would stay for ever."""
    whole, calls = LiteRTEngine.predict, [0]

    def predict(self, chips):
        reads = self._classes == CLASSIFIES
        calls[0] += reads
        found = whole(self, chips)
        return np.full_like(found, value) if reads and calls[0] in (6, 7, 20) else found

    monkeypatch.setattr(LiteRTEngine, "predict", predict)
    source = DemoSource()
    source.open()
    scores = []

    class Scores(Notes):
        def write(self, frame, annotation):
            scores.extend(reading.smile.score for reading in annotation.readings if "smile" in reading.predictions)

    with caplog.at_level(logging.WARNING):
        why, report = Pipeline(config, source, [Scores()], limits=Limits(max_frames=30)).run()
    assert why is Stop.END
    assert report.stages["smile"].failed == 3
    assert "answers no numbers" in caplog.text
    assert scores and np.isfinite(scores).all()


def test_a_reader_says_so_in_one_line(monkeypatch):
    whole = LiteRTEngine.predict
    monkeypatch.setattr(
        LiteRTEngine, "predict", lambda self, chips: whole(self, chips) * (np.nan if self._classes == CLASSIFIES else 1)
    )
    with (
        FaceReader(("smile",)) as reader,
        pytest.raises(FrameError, match=r"smile/[a-z0-9-]+ answers no numbers"),
    ):
        reader.read(scene(0))


def test_landmarks_that_are_no_numbers_cost_the_frame(config, monkeypatch):
    whole = LiteRTEngine.predict
    monkeypatch.setattr(
        LiteRTEngine, "predict", lambda self, chips: whole(self, chips) * (np.nan if self._classes == 136 else 1)
    )
    source = DemoSource()
    source.open()
    with pytest.raises(SmiledetError, match="stage 'align' keeps failing"):
        Pipeline(replace(config, faults=FaultPolicy(3, 1, 0.001)), source, limits=Limits(max_frames=300)).run()


def test_out_of_memory_now_and_then_costs_those_frames_alone(config, monkeypatch):
    whole = LocatorWorker.process

    def process(self, frame):
        if frame.id % 5 == 4:
            return np.empty(1 << 60, np.uint8)  # raises what every allocation of NumPy does
        return whole(self, frame)

    monkeypatch.setattr(LocatorWorker, "process", process)
    source = DemoSource()
    source.open()
    why, report = Pipeline(config, source, limits=Limits(max_frames=20)).run()
    assert why is Stop.END
    assert report.stages["locate"].failed == 4
