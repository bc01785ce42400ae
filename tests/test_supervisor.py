"""What hangs, what comes in the middle of it, and that the figures add up all the same."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

import pytest

from smiledet.config import load_config
from smiledet.errors import SmiledetError, UsageError
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import DemoSource, scene
from smiledet.sources.pacing import Paced
from smiledet.stage_count import Drop
from smiledet.supervisor import Stop, Supervisor
from smiledet.system.cancel import CancelToken
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.locator import LocatorWorker

LIMIT = 30.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""


@pytest.fixture
def config():
    return load_config("desktop-cpu", None, {"tasks": ["smile"]}).config


@pytest.fixture
def hang():
    """A wait as in native code that nothing ends; but the end of the test."""
    gate = threading.Event()
    yield lambda *_: gate.wait(LIMIT)
    gate.set()


@pytest.fixture(autouse=True)
def little_time(monkeypatch):
    monkeypatch.setattr("smiledet.supervisor.STOP_WITHIN", 0.3)


class Notes(Sink):
    """Which thread called what."""

    description = "notes"

    def __init__(self, on_write=lambda: None):
        self.calls, self.threads = [], set()
        self.on_write = on_write

    def _note(self, call):
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def open(self):
        self._note("open")

    def write(self, frame, annotation):
        self._note("write")
        self.on_write()

    def close(self):
        self._note("close")


def demo(seconds=100.0, live=False):
    source = Paced(DemoSource(seconds)) if live else DemoSource(seconds)
    source.open()
    return source


def test_a_sink_is_opened_written_and_closed_by_one_thread_of_its_own(config):
    notes, others = Notes(), Notes()
    Pipeline(config, demo(5 / 30), [notes, others]).run()
    assert notes.calls == ["open", *["write"] * 5, "close"]
    assert len(notes.threads) == len(others.threads) == 1
    assert len({*notes.threads, *others.threads, threading.get_ident()}) == 3


def test_a_sink_that_cannot_be_opened_ends_the_run_before_a_picture_is_taken(config):
    class Refused(Notes):
        def open(self):
            raise UsageError("cannot write out.xyz")

    class Counted(DemoSource):
        reads = 0

        def read(self):
            self.reads += 1
            return super().read()

    source, other = Counted(), Notes()
    source.open()
    with pytest.raises(UsageError, match=r"^cannot write out\.xyz$"):
        Pipeline(config, source, [Refused(), other]).run()
    assert source.reads == 0
    assert "write" not in other.calls
    assert other.calls in ([], ["open", "close"])  # whichever came first
    assert source.read() is None  # it is closed


def test_a_stop_while_a_stage_is_set_up_is_heard_at_once(config, monkeypatch, hang, caplog):
    """Building an engine may take minutes."""
    entered = threading.Event()
    monkeypatch.setattr(ClassifierWorker, "setup", lambda self: (entered.set(), hang()))
    notes = Notes()
    pipeline = Pipeline(config, demo(), [notes])
    threading.Thread(target=lambda: (entered.wait(LIMIT), pipeline.stop())).start()
    why, report = pipeline.run()
    assert why is Stop.SIGNAL and report.published == 0
    assert notes.calls[-1:] in ([], ["close"])
    assert "stage smile 1 did not stop in time; it is left behind" in caplog.text


@pytest.mark.parametrize("live", [True, False])
def test_what_was_published_is_processed_failed_or_dropped_whatever_hangs(config, monkeypatch, hang, live):
    """At each stage, after a stop in the middle with a worker that never comes back."""
    entered = threading.Event()
    monkeypatch.setattr(ClassifierWorker, "process", lambda self, frame: (entered.set(), hang()))
    pipeline = Pipeline(config, demo(live=live), [Notes()])
    threading.Thread(target=lambda: (entered.wait(LIMIT), pipeline.stop())).start()
    why, report = pipeline.run()
    assert why is Stop.SIGNAL and report.published > 0
    sums = {name: each.processed + each.failed + each.total_dropped for name, each in report.stages.items()}
    assert sums == dict.fromkeys(sums, report.published)
    assert report.stages["smile"].dropped[Drop.CLOSED] > 0
    assert pipeline.buffer.counts() == report.stages


def test_a_read_and_a_close_that_hang_are_left(config, hang, caplog):
    class Hanging(Source):
        description, live, fps = "hanging", True, 30.0

        def open(self):
            pass

        def read(self):
            notes.on_write = pipeline.stop
            self.index = getattr(self, "index", -1) + 1
            return Picture(scene(self.index), self.index / 30) if self.index < 5 else hang()

        def close(self):
            hang()

    notes = Notes()
    pipeline = Pipeline(config, Hanging(), [notes])
    why, _ = pipeline.run()
    assert why is Stop.SIGNAL
    assert notes.calls[-1] == "close"
    assert "stage grab did not stop in time; it is left behind" in caplog.text


def test_a_source_that_falls_silent_does_not_outlast_the_duration(config, hang, caplog):
    class Silent(DemoSource):
        live = True

        def read(self):
            picture = super().read()
            return picture if picture.timestamp < 0.1 else hang()

    source, notes = Silent(), Notes()
    source.open()
    pipeline = Pipeline(config, source, [notes], limits=Limits(duration=0.3))
    why, report = pipeline.run()
    assert why is Stop.END and report.published == 3
    assert notes.calls[-1] == "close" and not caplog.messages


def test_a_write_that_hangs_does_not_keep_the_other_outputs_from_being_finished(config, hang, caplog):
    entered = threading.Event()
    hanging, other = Notes(lambda: entered.set() or hang()), Notes()
    pipeline = Pipeline(config, demo(), [hanging, other])
    other.on_write = lambda: entered.wait(LIMIT) and pipeline.stop()
    why, _ = pipeline.run()
    assert why is Stop.SIGNAL
    assert other.calls[-1] == "close"
    assert hanging.calls == ["open", "write"]  # nobody else closes it while its thread writes
    assert "stage sink 1: notes did not stop in time; it is left behind" in caplog.text


def test_a_stage_that_fails_while_another_hangs_ends_the_run(config, monkeypatch, hang):
    def fail(self, frame):
        raise SmiledetError("the model is gone")

    monkeypatch.setattr(LocatorWorker, "process", fail)
    monkeypatch.setattr(ClassifierWorker, "setup", lambda self: None)
    notes = Notes()
    notes.interrupt = hang
    with pytest.raises(SmiledetError, match=r"^the model is gone$"):
        Pipeline(config, demo(), [notes]).run()
    # The frame on which it failed may have been written, without faces.
    assert [each for each in notes.calls if each != "write"] == ["open", "close"] and notes.calls[-1] == "close"


class Noting(CancelToken):
    """Tells each time that it is looked at."""

    def __init__(self):
        super().__init__()
        self.looks = threading.Semaphore(0)

    def is_set(self):
        self.looks.release()
        return super().is_set()


class TestAsking:
    @pytest.fixture
    def asked(self, monkeypatch):
        """A supervisor of which another thread asks something, and what it is told."""
        monkeypatch.setattr("smiledet.supervisor.HEARD_WITHIN", 0.001)
        supervisor, done, told = Supervisor(), [], []
        supervisor.cancel = Noting()
        thread = threading.Thread(target=lambda: told.append(supervisor.ask(lambda: done.append(1))))
        thread.start()
        message = None
        while message is None:
            message = supervisor.next_message(0.01)
        assert all(supervisor.cancel.looks.acquire(timeout=LIMIT) for _ in range(3))  # it waits on
        assert told == []
        yield supervisor, message, done, lambda: (thread.join(LIMIT), told)[1]
        supervisor.cancel.set()

    def test_it_waits_until_it_is_done(self, asked):
        _, message, done, told = asked
        message.action()
        message.done.set()
        assert told() == [True] and done == [1]

    def test_where_the_run_ends_before_that_it_is_told_so(self, asked):
        supervisor, _, done, told = asked
        supervisor.cancel.set()
        assert told() == [False] and done == []


def test_a_stop_is_a_message_and_wakes_everybody():
    supervisor = Supervisor()
    assert supervisor.next_message(0) is None and not supervisor.cancel.is_set()
    supervisor.stop()
    assert supervisor.cancel.is_set()
    assert supervisor.next_message(0) is Stop.SIGNAL and supervisor.next_message(0.001) is None


def test_nothing_is_heard_any_more_of_a_thread_that_was_given_up(monkeypatch):
    class Thread:
        def __init__(self, name):
            self.name, self.alive, self.joins, self.interrupts = name, True, [], threading.Event()

        def start(self):
            pass

        def interrupt(self):
            self.interrupts.set()

        def join(self, timeout):
            self.joins.append(timeout)
            return True

    supervisor, lost, other, late = Supervisor(), Thread("lost"), Thread("other"), Thread("late")
    supervisor.start([lost, other])
    supervisor.give_up(lost)
    ended = supervisor.common["on_end"]
    ended(lost, SmiledetError("of the lost"))
    ended(other, None)
    message = supervisor.next_message(0)
    assert (message.thread, message.problem) == (other, None) and supervisor.next_message(0) is None
    supervisor.common["on_ready"](other)
    assert supervisor.next_message(0).thread is other
    ended(lost, SmiledetError("of the lost"))
    ended(other, SmiledetError("of the other"))
    ended(late, None)
    problems = supervisor.end([other, late])
    assert [str(each) for each in problems] == ["of the other"]
    assert (lost.joins, len(other.joins), len(late.joins)) == ([], 1, 1)
    assert all(each.interrupts.wait(LIMIT) for each in (lost, other, late)) and supervisor.cancel.is_set()


def test_a_call_hands_on_what_comes_of_it_and_resources_end_the_last_first(monkeypatch):
    monkeypatch.setattr("smiledet.supervisor.HEARD_WITHIN", 0.001)
    order, go = [], threading.Event()

    @contextmanager
    def resource(name):
        yield name
        order.append(name)

    with Supervisor() as supervisor:
        assert [supervisor.enter(resource(name)) for name in "ab"] == ["a", "b"]
        threading.Timer(0.01, go.set).start()
        assert supervisor.call(lambda: (go.wait(LIMIT), 7)[1], "sum") == 7
        with pytest.raises(ZeroDivisionError):
            supervisor.call(lambda: 1 // 0, "fails")
        assert not supervisor.cancel.is_set()
    assert order == ["b", "a"] and supervisor.cancel.is_set()


class TestSource:
    class Slow(DemoSource):
        """One whose opening takes until it is let through."""

        def __init__(self):
            super().__init__()
            self.opening, self.may_open, self.closed = threading.Event(), threading.Event(), threading.Event()

        def open(self):
            self.opening.set()
            assert self.may_open.wait(LIMIT)
            super().open()

        def close(self):
            super().close()
            self.closed.set()

    def test_an_interrupt_while_it_opens_is_heard_and_it_is_closed_when_it_is_open(self):
        source, supervisor = self.Slow(), Supervisor()
        main = threading.main_thread().ident
        interrupter = threading.Thread(
            target=lambda: (source.opening.wait(LIMIT), signal.pthread_kill(main, signal.SIGINT)), daemon=True
        )
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            interrupter.start()
            with pytest.raises(KeyboardInterrupt), supervisor.opened(source):
                raise AssertionError("it was never open")
        finally:
            signal.signal(signal.SIGINT, before)
        assert supervisor.cancel.is_set() and source.cancel is supervisor.cancel
        assert not source.closed.is_set()  # not while another thread is inside it
        source.may_open.set()
        assert source.closed.wait(LIMIT)

    def test_what_goes_wrong_is_told_where_it_was_asked_for(self):
        source, supervisor = self.Slow(), Supervisor()
        source.open = lambda: (_ for _ in ()).throw(UsageError("no such camera"))
        with pytest.raises(UsageError, match="no such camera"), supervisor.opened(source):
            pass
        assert source.closed.wait(LIMIT)

    def test_a_close_that_hangs_is_left(self, hang):
        source = DemoSource()
        source.close = hang
        with Supervisor().opened(source):
            assert source.read() is not None


class TestToken:
    def test_it_wakes_everybody_and_stays_set(self):
        cancel, results = CancelToken(), []
        threads = [threading.Thread(target=lambda: results.append(cancel.wait())) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            cancel.set()
        for thread in threads:
            thread.join(LIMIT)
        assert results == [True] * 5
        assert cancel.wait() and cancel.wait(0) and cancel.is_set()

    def test_it_may_be_set_by_a_signal_in_the_middle_of_anything(self):
        """With a lock that the interrupted thread may hold, one in some hundreds of these would never return."""
        before = signal.getsignal(signal.SIGUSR1)
        try:
            for _ in range(300):
                cancel = CancelToken()
                signal.signal(signal.SIGUSR1, lambda *_, cancel=cancel: cancel.set())
                sender = threading.Thread(target=signal.raise_signal, args=(signal.SIGUSR1,))
                sender.start()
                while not cancel.wait(1e-6):
                    cancel.is_set()
                sender.join(LIMIT)
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_all_threads_together_get_the_time_to_stop(monkeypatch):
    """Not each of them: six that hang would take nine seconds, and the promise is two."""
    now = [100.0]

    class Hanging:
        alive, name = True, "hanging"

        def start(self):
            pass

        def interrupt(self):
            pass

        def join(self, timeout):
            now[0] += timeout
            return False

    monkeypatch.setattr("smiledet.supervisor.time.monotonic", lambda: now[0])
    supervisor = Supervisor()
    supervisor.start([Hanging() for _ in range(6)])
    supervisor.end()
    assert now[0] == pytest.approx(100.3)
