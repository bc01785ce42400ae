"""The shared latest-frame buffer that every thread polls.

The main thread owns it. The grabber publishes frames; each stage asks for **the newest frame whose prerequisites are
met and that the stage has not had**, attaches its result and asks again (seed thesis, section 3.3). Nobody sleeps to
poll: who waits is woken when there is a frame for it, or never will be.

Two policies run through the same code:

* `Policy.LIVE`: the newest frame wins. `publish` never waits; what a stage does not get to is dropped and counted.
* `Policy.EVERY_FRAME`: nothing is dropped. `publish` waits while the ring is full, stages are handed the oldest frame
  that they have not had, and a frame leaves the ring when every stage is done with it.

A thread that wakes only to find that it must wait costs as much as one that has work, so whoever changes something
looks first whether that makes a frame ready for a stage on which a worker waits, and claims it for that worker. Only
then, and with the lock let go of, is it woken: it has its frame, and need not come back for the lock.

Where `Turns` says how many workers may have a frame at once, one that is done goes on as long as there is another
frame for it, and only then is it the next worker's turn. More workers than processors do not get more done: they take
the processors, and Python's lock, from each other some forty times a frame.

A run of several sources has a buffer each, with one lock (`smiledet.turns`). A stage that serves all of them asks a
`BufferGroup`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from smiledet.frame import Frame
from smiledet.frame_ring import FrameRing, Slot
from smiledet.stage_count import AGES_KEPT, Drop, Dropped, StageCount
from smiledet.stage_spec import Policy, StageSpec
from smiledet.turns import Turns, Waiter, claim_newest, wake


class FrameBuffer:
    """A small ring of frames between one publisher and many stages.

    Args:
        stages: Every stage that will ask, and what it needs.
        policy: See `Policy`.
        capacity: Frames held at most; raise it where stages take turns of very different length. Large ones are fewer:
            two, or as many as come to `MOST_BYTES`.
        byte_budget: Where nothing is dropped, up to twice as many frames are held while their pictures come to no more
            than so many bytes: the longer the ring, the longer the turns of who works, and the fewer of them.
        clock: Monotonic nanoseconds; tests bring their own.
        on_drop: Told of every frame that a stage never gets. Called with the lock held: it must be quick, and must not
            call back.
        turns: What it shares with the other buffers of a run; its own by default.

    Raises:
        ValueError: `capacity` is below 2, two stages share a name, or a need names no stage.
    """

    def __init__(
        self,
        stages: Iterable[StageSpec],
        policy: Policy,
        capacity: int = 6,
        clock: Callable[[], int] = time.monotonic_ns,
        on_drop: Dropped | None = None,
        byte_budget: int = 0,
        turns: Turns | None = None,
    ) -> None:
        specs = list(stages)
        by_name = {stage.name: stage for stage in specs}
        if len(by_name) != len(specs):
            raise ValueError(f"two stages share a name among {[stage.name for stage in specs]}")
        for stage in specs:
            if unknown := stage.needs - by_name.keys():
                raise ValueError(f"stage {stage.name!r} needs {sorted(unknown)}, which is no stage")
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}, expected at least 2")
        self.policy = policy
        self.capacity = capacity
        self._clock = clock
        self._on_drop = on_drop
        self._ring = FrameRing(by_name, policy, capacity, byte_budget)
        self._counts = {name: StageCount() for name in by_name}
        # The frames that a stage has claimed and not handed back, by number.
        self._in_hand: dict[str, dict[int, Frame]] = {name: {} for name in by_name}
        self._published = 0
        self._ended = False
        self._closed = False
        self.turns = turns or Turns()
        self.turns.buffers.append(self)
        self._lock = self.turns.lock
        self._room = threading.Condition(self._lock)
        # The workers that wait now, by stage, those first that have waited longest.
        self._waiting: dict[str, list[Waiter]] = {name: [] for name in by_name}
        # The number of the latest claim, and that of each stage: see `Turns`.
        self.claimed = 0
        self._claimed = dict.fromkeys(by_name, 0)
        self._stages_changed()

    def publish(self, frame: Frame, timeout: float | None = None) -> bool:
        """Put a frame into the ring.

        Live, the oldest frame makes room. Every frame: waits until one has left.

        Args:
            frame: Ids must increase.
            timeout: Longest wait in seconds; None waits for ever.

        Returns:
            True if the frame is in; False if the buffer was closed or the time ran out.
        """
        with self._lock:
            if self.policy is Policy.LIVE:
                while (slot := self._ring.in_the_way(frame)) is not None:
                    self._let_go(slot)
            elif not self._room.wait_for(lambda: self._closed or self._ring.has_room(frame), timeout):
                return False
            if self._closed:
                return False
            self._ring.slots[frame.id] = Slot(frame)
            self._published += 1
            for name in self._starters:
                self._tell(name)
            chosen = self.turns.take_chosen()
        wake(chosen)
        return True

    def newest(self, by: str, timeout: float | None = None) -> Frame | None:
        """Claim the frame that a stage should work on next, waiting for it.

        The claim is atomic: of several workers of one stage, each gets another frame.

        Args:
            by: The stage that asks.
            timeout: Longest wait in seconds; None waits for ever.

        Returns:
            The frame, to be handed back through `done` or `failed`; None when the stage has nothing more to come (input
            ended, or the buffer closed) or the time ran out; `finished` tells the two apart.
        """
        return claim_newest((self,), by, timeout)

    def batch(self, by: str) -> list[Frame]:
        """As `newest`, for a stage that takes one frame of each source at a time: one here, none at the end."""
        frame = self.newest(by)
        return [] if frame is None else [frame]

    def done(self, frame: Frame, by: str, result: Any) -> None:
        """Attach a stage's result to a frame that it had claimed, and wake whoever waits for it."""
        self._finish(frame, by, result, failed=False)

    def failed(self, frame: Frame, by: str) -> None:
        """Say that a stage could not process a frame that it had claimed.

        The frame goes on with None as the stage's result, so that what needs it is not starved.
        """
        self._finish(frame, by, None, failed=True)

    def step_back(self) -> None:
        """Say that the calling worker does something else before it asks for its next frame."""
        with self._lock:
            self.turns.give_up(threading.get_ident())
            chosen = self.turns.take_chosen()
        wake(chosen)

    def end(self) -> None:
        """No more frames will be published; the stages finish those that there are."""
        with self._lock:
            self._ended = True
            self._tell_everybody()
            chosen = self.turns.take_chosen()
        wake(chosen)

    def close(self) -> None:
        """Stop at once: everybody wakes, and every later `newest` returns None. Closing twice does no harm."""
        with self._lock:
            if not self._closed:
                self._closed = self._ended = True
                for slot in self._ring.slots.values():
                    self._count_unclaimed(slot, Drop.CLOSED)
                self._ring.slots.clear()
            self._tell_everybody()
            chosen = self.turns.take_chosen()
        wake(chosen)

    def settle(self) -> None:
        """Count what was claimed and will not be handed back, since its worker was left behind, as dropped.

        To be called after `close`, once nobody waits for the workers any more. At each stage the frames published are
        then those processed, failed and dropped, and what a worker hands back later changes nothing.
        """
        with self._lock:
            for name, frames in self._in_hand.items():
                for frame in frames.values():
                    self._drop(frame, name, Drop.CLOSED)
                frames.clear()
            with suppress(ValueError):  # settled before
                self.turns.buffers.remove(self)  # what leads back here is freed late

    def add_stage(self, stage: StageSpec, before: str, needed: bool) -> None:
        """Have a further stage ask from the next frame on, while a run goes on.

        Args:
            stage: It, and what it needs; its name may be that of a stage that was removed.
            before: The stage that it stands before.
            needed: Whether that stage needs its result.
        """
        with self._lock:
            self._ring.add_stage(stage, before, needed)
            self._counts.setdefault(stage.name, StageCount())
            self._in_hand[stage.name], self._claimed[stage.name] = {}, 0
            self._stages_changed()

    def remove_stage(self, name: str) -> None:
        """Let a stage ask no more, and the others go on without its results; what it has in hand is not waited for."""
        with self._lock:
            self._ring.remove_stage(name)
            self._stages_changed()
            for frame in self._in_hand.pop(name).values():
                self._drop(frame, name, Drop.CLOSED)
            for slot in list(self._ring.slots.values()):
                self._retire(slot)
            self._tell(name)  # those who wait for its frames end
            self._tell_everybody()
            del self._waiting[name]
            chosen = self.turns.take_chosen()
        wake(chosen)

    def finished(self, by: str) -> bool:
        """Whether a stage will never be handed another frame."""
        with self._lock:
            return self.ended_for(by)

    @property
    def published(self) -> int:
        """Frames published so far."""
        with self._lock:
            return self._published

    @property
    def held(self) -> int:
        """Frames in the ring now."""
        return len(self._ring.slots)

    def count(self, stage: str, ages: int = AGES_KEPT) -> StageCount:
        """What became of the frames at one stage, with its latest ages; a copy, cheaper than all `counts`."""
        with self._lock:
            return _copied(self._counts[stage], ages)

    def totals(self) -> tuple[int, dict[str, StageCount]]:
        """Frames published so far, and `counts`."""
        return self.published, self.counts()

    def counts(self, ages: int = AGES_KEPT) -> dict[str, StageCount]:
        """A copy of what became of the frames, by stage, with so many of the latest ages."""
        with self._lock:
            return {name: _copied(count, ages) for name, count in self._counts.items()}

    def has(self, stage: str) -> bool:
        """Whether it has a stage of that name."""
        return stage in self._ring.stages

    # The rest runs with the lock held.

    def _stages_changed(self) -> None:
        stages = self._ring.stages
        # Whom a result wakes, and whom a new frame.
        self._followers = {name: [stage.name for stage in stages.values() if name in stage.needs] for name in stages}
        self._starters = [stage.name for stage in stages.values() if not stage.needs]
        # The last stages come last, see `tell_backwards`.
        self._waiting = {name: self._waiting.get(name, []) for name in [*stages, *self._waiting]}

    def tell_backwards(self) -> None:
        """Hand the workers that wait what there is for them, the last stages first."""
        for name in reversed(self._waiting):
            self._tell(name)

    def claimed_by(self, stage: str) -> int:
        """The number of a stage's latest claim here; 0 before the first."""
        return self._claimed.get(stage, 0)

    def try_to_claim(self, by: str, thread: int) -> Slot | None:
        """Claim what there is now for a stage; None where there is nothing, or it is not its turn."""
        stage = self._ring.stages.get(by)
        if stage is None:
            return None
        slot = self._ring.choose(stage) if self._may_work(stage, thread) else None
        if slot is not None:
            self._claim(stage, slot, thread)
        return slot

    def await_frame(self, by: str, waiter: Waiter) -> None:
        """Have a worker woken when there is a frame for it."""
        self._waiting[by].append(waiter)

    def forget(self, by: str, waiter: Waiter) -> None:
        """Hand nothing more to a worker that has stopped waiting."""
        with suppress(ValueError):  # it may have been handed something just now
            self._waiting[by].remove(waiter)

    def ended_for(self, by: str) -> bool:
        """As `finished`."""
        stage = self._ring.stages.get(by)
        return stage is None or self._closed or (self._ended and not self._ring.has_more_for(stage))

    def _counts_turns(self, stage: StageSpec) -> bool:
        """Whether those that work on a stage count among those that work at once."""
        return self.turns.at_once is not None and self.policy is Policy.EVERY_FRAME and not stage.uncounted

    def _may_work(self, stage: StageSpec, thread: int) -> bool:
        turns = self.turns
        if not self._counts_turns(stage) or turns.at_once is None:
            return True
        return thread in turns.working or len(turns.working) < turns.at_once

    def _claim(self, stage: StageSpec, slot: Slot, thread: int) -> None:
        if self._counts_turns(stage):
            self.turns.working.add(thread)
        self.claimed = self._claimed[stage.name] = next(self.turns.claims)
        self._ring.claim(stage, slot)
        self._in_hand[stage.name][slot.frame.id] = slot.frame

    def _tell(self, name: str) -> None:
        """Hand the workers of a stage that wait what there is for them."""
        waiting = self._waiting[name]
        passed = 0
        while passed < len(waiting):
            waiter = waiting[passed]
            waiter.slot = self.try_to_claim(name, waiter.thread)
            if waiter.slot is not None:
                for buffer in waiter.buffers:
                    buffer.forget(name, waiter)
                self.turns.choose(waiter)
            elif self.ended_for(name):
                self.forget(name, waiter)
                waiter.buffers.remove(self)
                if not waiter.buffers:
                    self.turns.choose(waiter)
            else:
                passed += 1

    def _tell_everybody(self) -> None:
        self._room.notify_all()
        for name in self._waiting:
            self._tell(name)

    def _finish(self, frame: Frame, by: str, result: Any, failed: bool) -> None:
        with self._lock:
            if self._in_hand.get(by, {}).pop(frame.id, None) is None:
                return  # given up meanwhile: see `settle` and `remove_stage`
            frame.results[by] = result
            count = self._counts[by]
            if failed:
                count.failed += 1
            else:
                count.processed += 1
                count.last_ns = self._clock()
                count.first_ns = count.first_ns or count.last_ns
                count.ages_ns.append(count.last_ns - frame.captured_ns)
            slot = self._ring.slots.get(frame.id)
            if slot is None:
                return  # closed meanwhile
            slot.done.add(by)
            self._retire(slot)
            # After the end a stage may have nothing more to come because another is done.
            for name in self._waiting if self._ended else self._followers[by]:
                self._tell(name)
            chosen = self.turns.take_chosen()
        wake(chosen)

    def _retire(self, latest: Slot) -> None:
        """Let go of the frames that no stage is working on or will ever take; see `FrameRing.leaving`."""
        for slot in self._ring.leaving(latest):
            self._let_go(slot)
            self._room.notify()

    def _let_go(self, slot: Slot) -> None:
        self._count_unclaimed(slot, Drop.EVICTED)
        del self._ring.slots[slot.frame.id]

    def _count_unclaimed(self, slot: Slot, cause: Drop) -> None:
        """Count a leaving frame as dropped at every stage that has not had it."""
        for name, stage in self._ring.stages.items():
            if name not in slot.claimed:
                self._counts[name].missed += cause is Drop.EVICTED and stage.needs <= slot.done
                self._drop(slot.frame, name, Drop.OVERTAKEN if self._ring.is_overtaken(stage, slot) else cause)

    def _drop(self, frame: Frame, stage: str, cause: Drop) -> None:
        self._counts[stage].dropped[cause] += 1
        if self._on_drop is not None:
            self._on_drop(frame, stage, cause)


def _copied(count: StageCount, ages: int) -> StageCount:
    latest = deque(islice(reversed(count.ages_ns), ages))
    latest.reverse()
    return replace(count, dropped=Counter(count.dropped), ages_ns=latest)
