"""Every order in which the threads of a small run can take turns, on the buffer's own code.

The locks of the buffer are replaced by ones that stop at each step and ask who goes on. Threads are greenlets, so an
order can be played again. All orders are tried that differ in few places from the one in which whoever can go on does
(M. Emmi, S. Qadeer, Z. Rakamaric: Delay-bounded scheduling, POPL 2011), and some that are drawn. `SMILEDET_DELAYS=2`
tries more.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.frame import Annotation, Frame
from smiledet.stage_count import StageCount
from smiledet.stage_spec import Policy, StageSpec
from smiledet.system.cancel import CancelToken
from smiledet.turns import Turns
from smiledet.watching import _Handover

greenlet = pytest.importorskip("greenlet")

DELAYS = int(os.environ.get("SMILEDET_DELAYS", "1"))
"""How often another thread than the first that can goes on, in the orders of which all are tried."""

DRAWN = 100
"""Orders drawn beside those."""

IMAGE = np.zeros((2, 2, 3), np.uint8)


class Task:
    """A thread of the explored program."""

    def __init__(self, name: str, work: Callable[[], None], hub: Any) -> None:
        self.name = name
        self.let = greenlet.greenlet(work, hub)
        self.until: Callable[[], bool] = lambda: True
        self.may_time_out = False
        self.timed_out = False


class Machine:
    """Runs the tasks, one step of one of them at a time.

    Args:
        choose: Told how many can go on, the one that ran last first if it is among them; says which does.
    """

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._hub = greenlet.getcurrent()
        self.tasks: list[Task] = []
        self.running: Task | None = None

    def start(self, name: str, work: Callable[[], None]) -> None:
        self.tasks.append(Task(name, work, self._hub))

    def run(self) -> None:
        """Until all have ended; a deadlock fails."""
        while self.tasks:
            able = [task for task in self.tasks if task.until() or task.may_time_out]
            assert able, f"deadlock: {', '.join(task.name for task in self.tasks)} wait for ever"
            # Whoever has to wait for its time to be over comes last.
            able.sort(key=lambda task: (not task.until(), task is not self.running))
            task = able[self._choose(len(able))]
            task.timed_out = not task.until()
            self.running = task
            task.let.switch()
            if task.let.dead:
                self.tasks.remove(task)

    def step(self, until: Callable[[], bool] = lambda: True, may_time_out: bool = False) -> bool:
        """Let another go on, and come back when something holds; whether it does, or the time was over."""
        task = self.running
        if task is None or greenlet.getcurrent() is self._hub:
            assert until(), "nobody else runs"
            return True
        task.until, task.may_time_out = until, may_time_out
        self._hub.switch()
        task.until, task.may_time_out = lambda: True, False
        return not task.timed_out

    @property
    def threading(self) -> SimpleNamespace:
        """What takes the place of `threading`."""
        return SimpleNamespace(
            Lock=lambda: Lock(self),
            Condition=lambda lock=None: Condition(self, lock or Lock(self)),
            get_ident=lambda: id(self.running),
            TIMEOUT_MAX=1e9,
        )


class Lock:
    def __init__(self, machine: Machine) -> None:
        self._machine, self._held = machine, False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        assert blocking
        if not self._machine.step(lambda: not self._held, timeout >= 0):
            return False
        self._held = True
        return True

    def release(self) -> None:
        assert self._held
        self._held = False
        self._machine.step()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_problem: object) -> None:
        self.release()


class Condition:
    def __init__(self, machine: Machine, lock: Lock) -> None:
        self._machine, self._lock = machine, lock
        self._waiting: list[list[bool]] = []

    def wait_for(self, holds: Callable[[], bool], timeout: float | None = None) -> bool:
        while not holds():
            woken = [False]
            self._waiting.append(woken)
            self._lock.release()
            in_time = self._machine.step(lambda woken=woken: woken[0], timeout is not None)  # type: ignore[misc]
            self._lock.acquire()
            if not in_time:
                return holds()
        return True

    def notify(self) -> None:
        if self._waiting:
            self._waiting.pop(0)[0] = True

    def notify_all(self) -> None:
        while self._waiting:
            self.notify()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_problem: object) -> None:
        self._lock.release()


@dataclass
class Order:
    """The choices of one run: those that are given, then always the first."""

    given: list[int]
    taken: list[tuple[int, int]] = field(default_factory=list)

    def choose(self, count: int) -> int:
        place = len(self.taken)
        choice = self.given[place] if place < len(self.given) else 0
        self.taken.append((choice, count))
        return choice


def bounded(delays: int) -> Iterator[Order]:
    """Every order in which so many are passed over at most; the caller plays each before it asks for the next."""
    given: list[int] | None = []
    while given is not None:
        order = Order(given)
        yield order
        given = _next(order.taken, delays)


def _next(taken: list[tuple[int, int]], delays: int) -> list[int] | None:
    """The choices after those in a depth-first search."""
    spent = sum(choice for choice, _ in taken)
    while taken:
        choice, count = taken.pop()
        if choice + 1 < count and spent + 1 <= delays:
            return [*(each for each, _ in taken), choice + 1]
        spent -= choice
    return None


Program = Callable[[Machine], Callable[[], None]]
"""Starts the tasks; what it returns checks what they left."""


@pytest.fixture
def explore(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def play(program: Program, choose: Callable[[int], int]) -> None:
        machine = Machine(choose)
        for module in ("buffer", "turns", "buffer_group", "watching", "system.cancel"):
            monkeypatch.setattr(f"smiledet.{module}.threading", machine.threading)
        check = program(machine)
        machine.run()
        check()

    def explore(program: Program) -> int:
        tried = 0
        for order in bounded(DELAYS):
            play(program, order.choose)
            tried += 1
        for seed in range(DRAWN):
            drawn = random.Random(seed)
            play(program, drawn.randrange)
        return tried + DRAWN

    return explore


def frame_of(number: int, source: str = "") -> Frame:
    return Frame(number, 0, 0.0, IMAGE, source=source)


class Run:
    """A small run: frames are published, stages work on them, and everybody notes what they were handed."""

    def __init__(self, machine: Machine, policy: Policy, sources: int = 1, at_once: int | None = 2) -> None:
        self._machine = machine
        specs = [StageSpec("locate"), StageSpec("draw", frozenset({"locate"}))]
        self.turns = Turns(at_once)
        self.buffers = {
            f"source {number}": FrameBuffer(specs, policy, 2, lambda: 1, turns=self.turns) for number in range(sources)
        }
        self.group = BufferGroup(self.buffers)
        self.had: dict[str, list[tuple[str, int]]] = {"locate": [], "draw": []}
        self.ended = 0
        self.working = 0

    def publisher(self, count: int) -> None:
        for name, buffer in self.buffers.items():
            self._machine.start(
                f"publisher of {name}", lambda name=name, buffer=buffer: self._publish(name, buffer, count)
            )

    def _publish(self, name: str, buffer: FrameBuffer, count: int) -> None:
        for number in range(count):
            if not buffer.publish(frame_of(number, name)):
                break
        buffer.end()

    def worker(self, stage: str, timeout: float | None = None) -> None:
        self._machine.start(stage, lambda: self._work(stage, timeout))

    def _work(self, stage: str, timeout: float | None) -> None:
        out_of_time = 0
        while out_of_time < 3:
            frame = self.group.newest(stage, timeout)
            if frame is not None:
                self.working += 1
                assert self.turns.at_once is None or self.working <= self.turns.at_once
                self.had[stage].append((frame.source, frame.id))
                self._machine.step()
                self.working -= 1
                self.group.done(frame, stage, None)
            elif self.group.finished(stage):
                break
            else:
                assert timeout is not None, "a worker that waits for ever is told of the end alone"
                out_of_time += 1
                timeout = None if out_of_time == 2 else timeout
        self.group.step_back()
        self.ended += 1

    def closer(self) -> None:
        self._machine.start("closer", self.group.close)

    def check_claims(self) -> None:
        for stage, had in self.had.items():
            assert not [frame for frame, times in Counter(had).items() if times > 1], f"{stage} was handed {had}"

    def check_counts(self) -> None:
        self.group.settle()
        for buffer in self.buffers.values():
            for count in buffer.counts().values():
                assert isinstance(count, StageCount)
                assert buffer.published == count.processed + count.failed + count.total_dropped


def test_every_frame_is_handed_once_and_everybody_ends(explore: Callable[..., int]) -> None:
    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, Policy.EVERY_FRAME)
        run.publisher(3)
        run.worker("locate")
        run.worker("locate")
        run.worker("draw")

        def check() -> None:
            assert run.ended == 3
            run.check_claims()
            assert sorted(run.had["locate"]) == sorted(run.had["draw"]) == [("source 0", each) for each in range(3)]
            assert run.had["draw"] == sorted(run.had["draw"]), "in order"

        return check

    assert explore(program) > DRAWN + 30


def test_live_no_frame_is_handed_twice_nor_an_older_one_after(explore: Callable[..., int]) -> None:
    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, Policy.LIVE, at_once=None)
        run.publisher(4)
        run.worker("locate")
        run.worker("locate")
        run.worker("draw")

        def check() -> None:
            assert run.ended == 3
            run.check_claims()
            assert run.had["draw"] == sorted(run.had["draw"])  # of two workers one may be slow to look at its frame
            run.check_counts()

        return check

    explore(program)


@pytest.mark.parametrize("policy", Policy)
def test_whenever_it_is_closed_everybody_ends_and_every_frame_is_counted(
    explore: Callable[..., int], policy: Policy
) -> None:
    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, policy)
        run.publisher(3)
        run.worker("locate")
        run.worker("draw")
        run.closer()

        def check() -> None:
            assert run.ended == 2
            run.check_claims()
            run.check_counts()

        return check

    explore(program)


def test_a_frame_that_comes_as_the_time_is_over_is_not_lost(explore: Callable[..., int]) -> None:
    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, Policy.EVERY_FRAME)
        run.publisher(2)
        run.worker("locate", timeout=1)
        run.worker("draw")

        def check() -> None:
            assert run.had["locate"] == run.had["draw"] == [("source 0", 0), ("source 0", 1)]

        return check

    explore(program)


def test_sources_take_turns_and_none_starves(explore: Callable[..., int]) -> None:
    """A stage that serves two takes of either no second frame while the other has waited with one all along."""

    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, Policy.EVERY_FRAME, sources=2)
        for name, buffer in run.buffers.items():
            for number in range(2):
                assert buffer.publish(frame_of(number, name))
            buffer.end()
        run.worker("locate")
        run.worker("draw")

        def check() -> None:
            sources = [source for source, _ in run.had["locate"]]
            assert sources in (["source 0", "source 1"] * 2, ["source 1", "source 0"] * 2)
            assert len(run.had["draw"]) == 4
            run.check_claims()

        return check

    explore(program)


def test_whoever_waits_for_the_end_of_a_run_hears_of_it(explore: Callable[..., int]) -> None:
    def program(machine: Machine) -> Callable[[], None]:
        cancel, heard = CancelToken(), []
        for seconds in (None, None, 5):
            machine.start("waits", lambda seconds=seconds: heard.append(cancel.wait(seconds)))
        for _ in range(2):
            machine.start("sets", cancel.set)

        def check() -> None:
            assert heard.count(True) >= 2 and len(heard) == 3 and cancel.is_set()

        return check

    explore(program)


@pytest.mark.parametrize("waits", [True, False])
def test_a_loop_of_ones_own_and_its_run_never_wait_for_each_other_for_ever(
    explore: Callable[..., int], waits: bool
) -> None:
    """`watch` hands frames over to a loop that may end at any moment."""

    def program(machine: Machine) -> Callable[[], None]:
        handover, taken = _Handover(1, waits), []

        def write() -> None:
            for number in range(3):
                handover.write(frame_of(number), Annotation(IMAGE, ()))
            handover.end(None)

        def take() -> None:
            while (found := handover.take()) is not None:
                taken.append(found[0].id)

        machine.start("the run", write)
        machine.start("the loop", take)

        def check() -> None:
            assert taken == sorted(set(taken)) and taken[-1] == 2
            assert not waits or taken == [0, 1, 2]

        return check

    explore(program)


def test_a_bug_is_found(explore: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is chosen while a worker stops waiting is never woken: seen in some order."""
    monkeypatch.setattr("smiledet.buffer.FrameBuffer._tell_everybody", lambda _: None)

    def program(machine: Machine) -> Callable[[], None]:
        run = Run(machine, Policy.EVERY_FRAME)
        run.publisher(1)
        run.worker("locate")
        return run.check_claims

    with pytest.raises(AssertionError, match="deadlock: locate wait for ever"):
        explore(program)
