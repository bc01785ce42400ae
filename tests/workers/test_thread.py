"""What every thread of the pipeline does at its start and its end."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.workers.thread import StageThread, WorkerSettings

LIMIT = 20.0


class Recorder(StageThread):
    """Notes what is called; fails where it is told to."""

    def __init__(self, fails: dict[str, BaseException] | None = None, **common: Any) -> None:
        super().__init__("stage", **common)
        self.calls: list[str] = []
        self.idents: set[int] = set()
        self.looping, self.may_end = threading.Event(), threading.Event()
        self._fails = fails or {}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.idents.add(threading.get_ident())
        if name in self._fails:
            raise self._fails[name]

    def setup(self) -> None:
        self._call("setup")

    def loop(self) -> None:
        self.looping.set()
        self._call("loop")
        assert self.may_end.wait(LIMIT)

    def teardown(self) -> None:
        self._call("teardown")


def test_one_that_hangs_keeps_no_process_alive() -> None:
    thread = Recorder(name="hanging")
    thread.start()
    assert thread.looping.wait(LIMIT)
    assert [each.daemon for each in threading.enumerate() if each.name == "hanging"] == [True]
    thread.may_end.set()
    assert thread.join(LIMIT)


def run(thread: Recorder) -> None:
    thread.may_end.set()
    thread.start()
    assert thread.join(LIMIT)


def test_everything_runs_in_the_thread_itself(ends: Any) -> None:
    thread = Recorder(on_end=ends)
    run(thread)
    assert thread.calls == ["setup", "loop", "teardown"]
    assert thread.idents == {thread._thread.ident}
    assert ends.problems == [None]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_system_knows_the_thread_by_its_name(ends: Any) -> None:
    thread = Recorder(name="a name that is too long for Linux", on_end=ends)
    thread.start()
    assert thread.looping.wait(LIMIT)
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    thread.may_end.set()
    assert thread.join(LIMIT)
    assert "a name that is" in names
    assert ends.problems == [None]


def test_alive_from_start_to_end() -> None:
    thread = Recorder(name="stage 2")
    assert thread.join(0)  # one that was never started has ended
    thread.start()
    assert thread.looping.wait(LIMIT)
    assert thread.alive
    assert not thread.join(0)
    assert (thread.stage, thread.name) == ("stage", "stage 2")
    thread.may_end.set()
    assert thread.join(LIMIT)
    assert not thread.alive


def test_ready_once_set_up() -> None:
    go_on = threading.Event()

    class Slow(Recorder):
        def setup(self) -> None:
            assert go_on.wait(LIMIT)

    ready = threading.Semaphore(0)
    thread = Slow(on_ready=lambda _: ready.release())
    thread.start()
    assert not ready.acquire(blocking=False)
    go_on.set()
    assert ready.acquire(timeout=LIMIT)
    thread.may_end.set()
    assert thread.join(LIMIT)


@pytest.mark.parametrize(
    ("fails", "calls", "message"),
    [
        ({"setup": UsageError("no such model")}, ["setup", "teardown"], "no such model"),
        ({"setup": KeyError("x")}, ["setup", "teardown"], "stage 'stage' failed: KeyError('x')"),
        ({"loop": SmiledetError("camera lost")}, ["setup", "loop", "teardown"], "camera lost"),
        ({"loop": ValueError("a\nb")}, ["setup", "loop", "teardown"], r"stage 'stage' failed: ValueError('a\nb')"),
        ({"loop": SystemExit(3)}, ["setup", "loop", "teardown"], "stage 'stage' failed: SystemExit(3)"),
        (
            {"teardown": KeyboardInterrupt()},
            ["setup", "loop", "teardown"],
            "stage 'stage' cannot close: KeyboardInterrupt()",
        ),
        ({"teardown": OSError("full")}, ["setup", "loop", "teardown"], "stage 'stage' cannot close: OSError('full')"),
        # What went wrong first explains the rest.
        (
            {"loop": SmiledetError("disk full"), "teardown": SmiledetError("cannot finish")},
            ["setup", "loop", "teardown"],
            "disk full",
        ),
    ],
)
def test_a_fault_ends_the_thread_with_one_line(
    fails: dict[str, BaseException], calls: list[str], message: str, ends: Any
) -> None:
    thread = Recorder(fails, on_end=ends)
    run(thread)
    assert thread.calls == calls
    assert ends.message == message


def test_bad_input_keeps_its_exit_code(ends: Any) -> None:
    run(Recorder({"setup": UsageError("no such model")}, on_end=ends))
    assert ends.problems[0].exit_code == 2


def test_stop_ends_a_pause() -> None:
    class Pausing(Recorder):
        def loop(self) -> None:
            self.looping.set()
            while not self.stopping:
                self.pause(1e6)

    thread = Pausing()
    thread.start()
    assert thread.looping.wait(LIMIT)
    thread.cancel.set()
    assert thread.join(LIMIT)


def test_where_the_run_is_over_before_it_begins_a_thread_only_closes(ends: Any) -> None:
    thread = Recorder(on_end=ends)
    thread.cancel.set()
    run(thread)
    assert thread.calls == ["teardown"]
    assert ends.problems == [None]


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_pause_is_no_pause(seconds: float) -> None:
    Recorder().pause(seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have nice values of their own on Linux alone")
class TestPriority:
    def test_it_is_that_of_this_thread_alone(self, ends: Any) -> None:
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        nice = min(19, usual + 5) or 1  # 0 is no wish at all
        found: list[int] = []

        class Nice(Recorder):
            def setup(self) -> None:
                found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

        for settings in (WorkerSettings(nice=nice), WorkerSettings()):
            run(Nice(settings=settings, on_end=ends))
        assert found == [nice, usual]
        assert os.getpriority(os.PRIO_PROCESS, 0) == usual
        assert ends.problems == [None, None]

    def test_without_the_privilege_the_thread_says_so_and_goes_on(
        self, ends: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(*arguments: int) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "setpriority", refuse)
        thread = Recorder(settings=WorkerSettings(nice=-5), on_end=ends)
        run(thread)
        assert "stage stage keeps its usual priority: Permission denied" in caplog.text
        assert thread.calls == ["setup", "loop", "teardown"]
        assert ends.problems == [None]
