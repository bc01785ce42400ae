"""Whose turn it is: what the buffers of a run share, and how a worker claims a frame of one of them.

A worker that serves several sources is handed a frame of the one from which its stage has not claimed any for longest,
so none starves, however quick the others are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from smiledet.frame import Frame

if TYPE_CHECKING:
    from smiledet.buffer import FrameBuffer


class Waiter:
    """A worker that waits: for what, where, and where it is woken.

    Attributes:
        stage: Its stage.
        thread: Its thread.
        buffers: Those that may hand it a frame.
        gate: Locked until it is woken.
        slot: What it was handed, claimed already; None where there is nothing more to come.
    """

    __slots__ = ("buffers", "gate", "slot", "stage", "thread")

    def __init__(self, stage: str, thread: int, buffers: list[FrameBuffer]) -> None:
        self.stage = stage
        self.thread = thread
        self.buffers = buffers
        self.gate = threading.Lock()
        self.gate.acquire()
        self.slot: Any = None

    def wait_for(self, timeout: float | None) -> None:
        """Wait to be woken, or until the time is over."""
        self.gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout))


class Turns:
    """What the buffers of a run share: the lock, and how many workers have a frame at once.

    Args:
        at_once: Workers that may have a frame at once where every frame is read, at least 2; None for all of them. A
            worker counts from its claim until it asks in vain, or says `step_back`: asking again is what tells that it
            is ready to go on. Live, whoever has a frame works at once.

    Raises:
        ValueError: `at_once` is below 2.
    """

    def __init__(self, at_once: int | None = None) -> None:
        if at_once is not None and at_once < 2:
            raise ValueError(f"at_once is {at_once}, expected at least 2")
        self.lock = threading.Lock()
        self.at_once = at_once
        self.working: set[int] = set()
        """Threads of the workers that count as working; none where it does not matter how many do."""
        self.buffers: list[FrameBuffer] = []
        self.claims = count(1)
        """Numbers the claims, of all stages and buffers."""
        self._chosen: list[Waiter] = []

    # The rest runs with the lock held.

    def give_up(self, thread: int) -> None:
        """Let others work in the place of a worker that does not; whoever comes later in the chain goes first."""
        if thread in self.working:
            self.working.remove(thread)
            for buffer in sorted(self.buffers, key=lambda each: each.claimed) if self.buffers[1:] else self.buffers:
                buffer.tell_backwards()

    def choose(self, waiter: Waiter) -> None:
        """Have a worker woken as soon as the lock is free."""
        self._chosen.append(waiter)

    def take_chosen(self) -> list[Waiter]:
        """Who is to be woken, once the lock is free."""
        chosen, self._chosen = self._chosen, []
        return chosen


def longest_ago(buffers: Sequence[FrameBuffer], by: str) -> Sequence[FrameBuffer]:
    """The buffers, that first from which a stage has not claimed a frame for longest."""
    return sorted(buffers, key=lambda buffer: buffer.claimed_by(by)) if buffers[1:] else buffers


def claim_newest(buffers: Sequence[FrameBuffer], by: str, timeout: float | None) -> Frame | None:
    """Claim the frame that a stage should work on next, of one of some buffers; see `FrameBuffer.newest`."""
    turns = buffers[0].turns
    thread = threading.get_ident()
    with turns.lock:
        for buffer in longest_ago(buffers, by):
            slot = buffer.try_to_claim(by, thread)
            if slot is not None:
                return slot.frame
        waiter = Waiter(by, thread, [buffer for buffer in buffers if not buffer.ended_for(by)])
        finished = not waiter.buffers
        for buffer in waiter.buffers:
            buffer.await_frame(by, waiter)
        turns.give_up(thread)
        chosen = turns.take_chosen()
    wake(chosen)
    if finished:
        return None
    try:
        waiter.wait_for(timeout)
    finally:
        if waiter.slot is None:
            with turns.lock:
                for buffer in waiter.buffers:
                    buffer.forget(by, waiter)
    return waiter.slot.frame if waiter.slot is not None else None


def wake(chosen: list[Waiter]) -> None:
    """Let workers go; without the lock, which they might want at once."""
    for waiter in chosen:
        waiter.gate.release()
