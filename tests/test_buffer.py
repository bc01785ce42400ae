"""The buffer under many threads. Nothing here sleeps: threads meet at barriers, and slow stages wait for events."""

from __future__ import annotations

import heapq
import random
import sys
import threading
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from smiledet import buffer as buffer_module
from smiledet.buffer import FrameBuffer
from smiledet.frame import Frame
from smiledet.stage_count import AGES_KEPT, Drop, StageCount
from smiledet.stage_spec import Policy, StageSpec
from smiledet.turns import Turns

LIMIT = 20.0
"""Seconds after which a thread counts as stuck; no passing test comes near."""

BOTH = pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.name.lower())


def frame(number: int, captured_ns: int = 0) -> Frame:
    return Frame(number, captured_ns, number / 30, np.zeros((2, 2, 3), np.uint8))


def stage(name: str, *needs: str, in_order: bool = False) -> StageSpec:
    return StageSpec(name, frozenset(needs), in_order)


class Threads:
    """Threads that hand back what they raised."""

    def __init__(self, *actions: Callable[[], None]) -> None:
        self._problems: list[BaseException] = []
        self._threads = [threading.Thread(target=self._guard, args=(action,), daemon=True) for action in actions]
        for thread in self._threads:
            thread.start()

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as problem:
            self._problems.append(problem)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a thread is stuck"
        if self._problems:
            raise self._problems[0]

    def until_waiting(self) -> None:
        """Return once every thread waits (or has ended)."""
        deadline = time.monotonic() + LIMIT
        for thread in self._threads:
            while thread.is_alive() and not _waits(thread):
                assert time.monotonic() < deadline, "a thread does not come to wait"


def _waits(thread: threading.Thread) -> bool:
    now = sys._current_frames().get(thread.ident or 0)
    while now is not None:
        if now.f_code.co_name == "wait_for":
            return True
        now = now.f_back
    return False


def claim(buffer: FrameBuffer, by: str) -> Frame:
    """The frame that a stage is handed without waiting."""
    found = buffer.newest(by, timeout=0)
    assert found is not None, f"{by} was handed nothing"
    return found


def total(count: StageCount) -> int:
    return count.processed + count.failed + count.total_dropped


class TestConstruction:
    @pytest.mark.parametrize(
        ("stages", "capacity", "message"),
        [
            ([stage("a"), stage("a")], 6, "share a name"),
            ([stage("a", "b")], 6, r"stage 'a' needs \['b'\], which is no stage"),
            ([stage("a")], 1, "capacity is 1, expected at least 2"),
        ],
    )
    def test_nonsense_is_refused(self, stages: list[StageSpec], capacity: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            FrameBuffer(stages, Policy.LIVE, capacity)

    def test_one_worker_at_once_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at_once is 1, expected at least 2"):
            Turns(1)


class TestWhoIsHandedWhat:
    def test_live_hands_the_newest_and_never_goes_back(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.LIVE)
        for number in range(4):
            buffer.publish(frame(number))
        assert claim(buffer, "a").id == 3
        assert buffer.newest("a", timeout=0) is None
        buffer.publish(frame(4))
        assert claim(buffer, "a").id == 4

    def test_a_live_stage_that_goes_in_order_gets_them_all(self) -> None:
        buffer = FrameBuffer([stage("a", in_order=True)], Policy.LIVE)
        for number in range(4):
            buffer.publish(frame(number))
        assert [claim(buffer, "a").id for _ in range(4)] == [0, 1, 2, 3]

    def test_every_frame_hands_the_oldest(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.EVERY_FRAME)
        for number in range(4):
            buffer.publish(frame(number))
        assert [claim(buffer, "a").id for _ in range(4)] == [0, 1, 2, 3]

    @BOTH
    @pytest.mark.parametrize("fails", [False, True])
    def test_prerequisites_hold(self, policy: Policy, fails: bool) -> None:
        buffer = FrameBuffer([stage("a"), stage("b"), stage("c", "a", "b")], policy)
        buffer.publish(frame(0))
        first, second = claim(buffer, "a"), claim(buffer, "b")
        assert first is second
        buffer.done(first, "a", "of a")
        assert buffer.newest("c", timeout=0) is None
        if fails:
            buffer.failed(second, "b")
        else:
            buffer.done(second, "b", "of b")
        assert claim(buffer, "c").results == {"a": "of a", "b": None if fails else "of b"}

    def test_live_the_newest_ready_frame_wins_over_a_newer_unready_one(self) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.LIVE)
        for number in range(3):
            buffer.publish(frame(number))
            if number < 2:
                buffer.done(claim(buffer, "a"), "a", None)
        assert claim(buffer, "b").id == 1

    def test_workers_that_finish_out_of_order_do_not_disturb_the_order_after_them(self) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.EVERY_FRAME)
        for number in range(3):
            buffer.publish(frame(number))
        claimed = [claim(buffer, "a") for _ in range(3)]
        for late in (2, 1):
            buffer.done(claimed[late], "a", None)
            assert buffer.newest("b", timeout=0) is None
        buffer.done(claimed[0], "a", None)
        assert [claim(buffer, "b").id for _ in range(3)] == [0, 1, 2]

    def test_an_ordered_stage_does_not_wait_for_frames_that_were_overtaken_before_it(self) -> None:
        buffer = FrameBuffer([stage("draw"), stage("record", "draw", in_order=True)], Policy.LIVE)
        for number in range(3):
            buffer.publish(frame(number))
        buffer.done(claim(buffer, "draw"), "draw", None)  # takes 2; 0 and 1 will never be drawn
        assert claim(buffer, "record").id == 2

    def test_nor_does_it_where_somebody_else_still_wants_them(self) -> None:
        specs = [stage("read", in_order=True), stage("draw"), stage("record", "draw", in_order=True)]
        buffer = FrameBuffer(specs, Policy.LIVE)
        for number in range(3):
            buffer.publish(frame(number))
        buffer.done(claim(buffer, "draw"), "draw", None)
        assert claim(buffer, "record").id == 2
        assert [claim(buffer, "read").id for _ in range(3)] == [0, 1, 2]

    def test_a_live_ordered_stage_waits_for_an_earlier_frame_that_is_being_worked_on(self) -> None:
        buffer = FrameBuffer([stage("draw"), stage("record", "draw", in_order=True)], Policy.LIVE)
        buffer.publish(frame(0))
        early = claim(buffer, "draw")
        buffer.publish(frame(1))
        late = claim(buffer, "draw")  # a second worker
        buffer.done(late, "draw", None)
        assert buffer.newest("record", timeout=0) is None
        buffer.done(early, "draw", None)
        assert [claim(buffer, "record").id for _ in range(2)] == [0, 1]

    @pytest.mark.parametrize("seed", range(5))
    def test_live_choices_follow_a_plain_model(self, seed: int) -> None:
        """Random turns against the rule itself: the newest ready frame above the last one had."""
        chance = random.Random(seed)
        specs = [stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c")]
        buffer = FrameBuffer(specs, Policy.LIVE, capacity=1000)
        ready: dict[str, set[int]] = defaultdict(set)
        had = dict.fromkeys("abcd", -1)
        working: list[tuple[str, Frame]] = []
        published = 0
        for _ in range(600):
            turn = chance.choice(("publish", "claim", "claim", "finish", "finish"))
            if turn == "publish":
                buffer.publish(frame(published))
                published += 1
            elif turn == "claim":
                spec = chance.choice(specs)
                candidates = [
                    number
                    for number in range(had[spec.name] + 1, published)
                    if all(number in ready[need] for need in spec.needs)
                ]
                found = buffer.newest(spec.name, timeout=0)
                assert (found.id if found else None) == max(candidates, default=None)
                if found is not None:
                    had[spec.name] = found.id
                    working.append((spec.name, found))
            elif working:
                name, of = working.pop(chance.randrange(len(working)))
                buffer.done(of, name, None)
                ready[name].add(of.id)
        assert min(had.values()) > 0  # every stage had its turns


class TestRoom:
    """In bytes: a hundred million of all pictures, two pictures however large, and twice the capacity where asked."""

    def held(self, policy: Policy, size: int, count: int = 30, **settings: int) -> int:
        buffer = FrameBuffer([stage("a")], policy, **settings)
        image = np.zeros(size, np.uint8)
        for number in range(count):
            if not buffer.publish(Frame(number, 0, 0.0, image), timeout=0):
                break
        return buffer.held

    @BOTH
    @pytest.mark.parametrize(
        ("size", "capacity", "expected"),
        [
            (1, 6, 6), (1, 2, 2), (20_000_000, 6, 5), (20_000_000, 5, 5), (20_000_001, 6, 4), (33_333_334, 6, 2),
            (50_000_000, 6, 2), (50_000_001, 6, 2), (300_000_000, 6, 2),
        ],
    )  # fmt: skip
    def test_how_many_are_held(self, policy: Policy, size: int, capacity: int, expected: int) -> None:
        assert self.held(policy, size, capacity=capacity) == expected

    @pytest.mark.parametrize(
        ("size", "budget", "expected"),
        [(10, 0, 4), (10, 49, 4), (10, 50, 5), (10, 69, 6), (10, 79, 7), (10, 80, 8), (10, 10_000, 8)],
    )
    def test_where_nothing_is_dropped_small_ones_may_be_twice_as_many(
        self, size: int, budget: int, expected: int
    ) -> None:
        assert self.held(Policy.EVERY_FRAME, size, capacity=4, byte_budget=budget) == expected
        assert self.held(Policy.LIVE, size, capacity=4, byte_budget=budget) == 4

    def test_a_stage_is_live_and_counted_and_needs_nothing_unless_it_says_so(self) -> None:
        assert StageSpec("a") == StageSpec("a", frozenset(), in_order=False, uncounted=False)


class TestClaims:
    @BOTH
    @pytest.mark.parametrize("workers", [2, 8])
    def test_one_frame_goes_to_one_of_many_workers(self, policy: Policy, workers: int) -> None:
        rounds = 30
        buffer = FrameBuffer([stage("a")], policy)
        start, over = threading.Barrier(workers + 1), threading.Barrier(workers + 1)
        handed: list[int] = []

        def work() -> None:
            for _ in range(rounds):
                start.wait(LIMIT)
                found = buffer.newest("a", timeout=0)
                if found is not None:
                    handed.append(found.id)
                    buffer.done(found, "a", None)
                over.wait(LIMIT)

        threads = Threads(*[work] * workers)
        for number in range(rounds):
            buffer.publish(frame(number))
            start.wait(LIMIT)
            over.wait(LIMIT)
        threads.join()
        assert handed == list(range(rounds))

    @BOTH
    @pytest.mark.parametrize("workers", [1, 3, 8])
    def test_no_frame_is_handed_twice_to_a_stage(self, policy: Policy, workers: int) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy, capacity=4)
        handed: Counter[tuple[str, int]] = Counter()
        lock, start = threading.Lock(), threading.Barrier(2 * workers + 1)
        count = 300

        def work(name: str) -> None:
            start.wait(LIMIT)
            while (found := buffer.newest(name)) is not None:
                if name == "b":
                    assert found.results["a"] == found.id * 10
                with lock:
                    handed[name, found.id] += 1
                buffer.done(found, name, found.id * 10)

        threads = Threads(*(partial(work, name) for name in "ab" for _ in range(workers)))
        start.wait(LIMIT)
        for number in range(count):
            assert buffer.publish(frame(number), LIMIT)
        buffer.end()
        threads.join()
        assert set(handed.values()) == {1}
        # The last frame can be overtaken by nothing.
        assert handed["a", count - 1] == handed["b", count - 1] == 1
        if policy is Policy.EVERY_FRAME:
            assert set(handed) == {(name, number) for name in "ab" for number in range(count)}
        assert [total(each) for each in buffer.counts().values()] == [count, count]


class TestWaking:
    @BOTH
    def test_a_result_wakes_whoever_needs_it(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy)
        buffer.publish(frame(0))
        of_a = claim(buffer, "a")
        found: list[Frame | None] = []
        threads = Threads(lambda: found.append(buffer.newest("b")))
        threads.until_waiting()
        buffer.done(of_a, "a", None)
        threads.join()
        assert found == [of_a]

    @BOTH
    def test_nobody_is_woken_for_what_it_cannot_take(self, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
        specs = [stage("a"), stage("b"), stage("c", "a", "b"), stage("d", "c")]
        buffer = FrameBuffer(specs, policy)
        woken: list[str] = []
        wake = buffer_module.wake

        def noting(chosen: list[buffer_module.Waiter]) -> None:
            woken.extend(waiter.stage for waiter in chosen)
            wake(chosen)

        threads = Threads(partial(buffer.newest, "c"), partial(buffer.newest, "c"), partial(buffer.newest, "d"))
        threads.until_waiting()
        monkeypatch.setattr(buffer_module, "wake", noting)
        buffer.publish(frame(0))
        buffer.done(claim(buffer, "a"), "a", None)
        assert woken == []  # b's result is missing, and a and b themselves do not wait
        buffer.done(claim(buffer, "b"), "b", None)
        assert woken == ["c"]  # one of its two workers; d has nothing yet
        monkeypatch.undo()
        buffer.close()
        threads.join()

    @BOTH
    def test_who_is_woken_has_its_frame_and_does_without_the_lock(
        self, policy: Policy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        buffer = FrameBuffer([stage("a")], policy)
        found: list[Frame | None] = []
        threads = Threads(lambda: found.append(buffer.newest("a")))
        threads.until_waiting()
        wake = buffer_module.wake

        def holding(chosen: list[buffer_module.Waiter]) -> None:
            with buffer._lock:
                wake(chosen)
                threads.join()

        monkeypatch.setattr(buffer_module, "wake", holding)
        buffer.publish(published := frame(0))
        assert found == [published]

    @BOTH
    @pytest.mark.parametrize("interrupted", [False, True])
    def test_a_frame_handed_out_as_the_time_runs_out_is_not_lost(
        self, policy: Policy, interrupted: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        buffer = FrameBuffer([stage("a")], policy)
        published = frame(0)

        def too_late(waiter: buffer_module.Waiter, timeout: float | None) -> None:
            if interrupted:
                raise KeyboardInterrupt
            buffer.publish(published)

        monkeypatch.setattr(buffer_module.Waiter, "wait_for", too_late)
        if interrupted:  # before there was one: it goes to whoever asks next
            with pytest.raises(KeyboardInterrupt):
                buffer.newest("a", timeout=1)
            buffer.publish(published)
        assert buffer.newest("a", timeout=1) is published
        assert buffer._waiting["a"] == []

    def test_one_result_that_makes_two_frames_ready_sets_two_workers_to_work(self) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.EVERY_FRAME)
        for number in range(2):
            buffer.publish(frame(number))
        early, late = claim(buffer, "a"), claim(buffer, "a")
        both_have_one = threading.Barrier(2)
        found: list[int] = []

        def work() -> None:
            handed = buffer.newest("b")
            assert handed is not None
            found.append(handed.id)
            both_have_one.wait(LIMIT)  # neither hands its frame back before the other has one

        threads = Threads(work, work)
        threads.until_waiting()
        buffer.done(late, "a", None)
        buffer.done(early, "a", None)
        threads.join()
        assert sorted(found) == [0, 1]

    @BOTH
    def test_close_wakes_everybody(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a"), stage("c", "b")], policy, capacity=2)
        buffer.publish(frame(0))
        buffer.publish(frame(1))
        claim(buffer, "a")
        if policy is Policy.EVERY_FRAME:
            claim(buffer, "a")
        found: list[object] = []

        def ask(name: str) -> None:
            found.append(buffer.newest(name))

        def offer(number: int) -> None:
            found.append(buffer.publish(frame(number)))

        asking = [partial(ask, name) for name in "aabbcc"]
        if policy is Policy.EVERY_FRAME:
            asking += [partial(offer, number) for number in (2, 3)]
        threads = Threads(*asking)
        threads.until_waiting()
        assert found == []
        buffer.close()
        threads.join()
        assert found.count(None) == 6
        assert found.count(False) == len(asking) - 6

    @BOTH
    def test_end_wakes_those_for_whom_nothing_more_can_come(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy)
        found: list[Frame | None] = []
        threads = Threads(*(lambda name=name: found.append(buffer.newest(name)) for name in "aabb"))
        threads.until_waiting()
        buffer.end()
        threads.join()
        assert found == [None] * 4

    @BOTH
    def test_after_the_end_what_there_is_is_still_finished(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy)
        buffer.publish(frame(0))
        found: list[Frame | None] = []
        threads = Threads(lambda: found.extend((buffer.newest("b"), buffer.newest("b"))))
        threads.until_waiting()
        buffer.end()
        assert not buffer.finished("a")
        assert not buffer.finished("b")
        buffer.done(claim(buffer, "a"), "a", "kept")
        threads.join()
        assert found[1] is None
        assert found[0] is not None
        assert found[0].results == {"a": "kept"}
        assert buffer.finished("a")
        assert buffer.finished("b")

    @BOTH
    def test_no_answer_in_time_is_not_the_end(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a")], policy)
        assert buffer.newest("a", timeout=0) is None
        assert not buffer.finished("a")
        buffer.end()
        assert buffer.newest("a") is None
        assert buffer.finished("a")


class TestAtOnce:
    """No more workers than that have a frame; who has had one goes on before another begins."""

    class Other:
        """A worker on a thread of its own: takes a frame, waits to be let go, and asks again."""

        def __init__(self, buffer: FrameBuffer, by: str) -> None:
            self._buffer, self._by = buffer, by
            self.has, self.go_on = threading.Event(), threading.Event()
            self.had: list[int] = []
            self.threads = Threads(self._work)

        def _work(self) -> None:
            while (found := self._buffer.newest(self._by)) is not None:
                self.had.append(found.id)
                self.has.set()
                assert self.go_on.wait(LIMIT)
                self._buffer.done(found, self._by, None)

        def until_asking(self) -> None:
            """Return once it waits for a frame."""
            deadline = time.monotonic() + LIMIT
            while not self._buffer._waiting[self._by]:
                assert time.monotonic() < deadline, "it does not come to wait"

        def finish(self) -> None:
            self.go_on.set()
            self.threads.join()

    def _two_at_work(self, *specs: StageSpec) -> tuple[FrameBuffer, Frame, Other]:
        """A buffer for two at once, with this thread at work for stage a, and another for b."""
        buffer = FrameBuffer(specs, Policy.EVERY_FRAME, turns=Turns(2))
        buffer.publish(frame(0))
        buffer.publish(frame(1))
        mine = claim(buffer, "a")
        other = self.Other(buffer, "b")
        assert other.has.wait(LIMIT)
        return buffer, mine, other

    def test_the_third_waits_until_one_has_nothing_more_to_do(self) -> None:
        buffer, mine, other = self._two_at_work(stage("a"), stage("b"), stage("c"))
        third = self.Other(buffer, "c")
        third.until_asking()
        buffer.done(mine, "a", None)
        mine = claim(buffer, "a")  # there is another frame for this thread: it goes on
        assert mine.id == 1 and not third.has.is_set()
        buffer.done(mine, "a", None)
        assert buffer.newest("a", timeout=0) is None
        assert third.has.wait(LIMIT)
        buffer.end()
        other.finish()
        third.finish()
        assert other.had == third.had == [0, 1]

    def test_who_steps_back_lets_the_next_one_work(self) -> None:
        buffer, mine, other = self._two_at_work(stage("a"), stage("b"), stage("c"))
        third = self.Other(buffer, "c")
        third.until_asking()
        buffer.step_back()
        assert third.has.wait(LIMIT)
        buffer.done(mine, "a", None)
        assert buffer.newest("a", timeout=0) is None  # two others are at work, though there is a frame
        buffer.close()
        other.finish()
        third.finish()

    def test_who_has_other_things_to_do_waits_for_nobody(self) -> None:
        buffer, mine, other = self._two_at_work(
            stage("a"), stage("b"), StageSpec("show", uncounted=True), StageSpec("c", frozenset({"show"}))
        )
        shown = self.Other(buffer, "show")
        assert shown.has.wait(LIMIT)
        buffer.done(mine, "a", None)
        assert claim(buffer, "a").id == 1  # nor does it take anybody's place
        buffer.close()
        other.finish()
        shown.finish()

    def test_close_ends_those_whose_turn_has_not_come(self) -> None:
        buffer, _, other = self._two_at_work(stage("a"), stage("b"), stage("c"))
        third = self.Other(buffer, "c")
        third.until_asking()
        buffer.close()
        third.finish()
        other.finish()
        assert third.had == []

    def test_what_is_nearer_to_the_end_goes_first(self) -> None:
        buffer, mine, other = self._two_at_work(stage("a"), stage("b"), stage("c"), stage("d"))
        waiting = [self.Other(buffer, name) for name in ("c", "d")]
        for each in waiting:
            each.until_asking()
        buffer.step_back()
        assert waiting[1].has.wait(LIMIT) and not waiting[0].has.is_set()
        buffer.close()
        for each in (other, *waiting):
            each.finish()
        assert mine.id == 0


class TestBackPressure:
    def test_every_frame_waits_for_room(self) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.EVERY_FRAME, capacity=2)
        assert buffer.publish(frame(0))
        assert buffer.publish(frame(1))
        assert not buffer.publish(frame(2), timeout=0)
        taken = claim(buffer, "a")
        buffer.done(taken, "a", None)
        assert not buffer.publish(frame(2), timeout=0)  # b has not had it yet
        accepted: list[bool] = []
        threads = Threads(lambda: accepted.append(buffer.publish(frame(2))))
        threads.until_waiting()
        buffer.done(claim(buffer, "b"), "b", None)
        threads.join()
        assert accepted == [True]
        assert buffer.published == 3

    @pytest.mark.parametrize(("byte_budget", "held"), [(0, 4), (12 * 5 + 11, 5), (12 * 7, 7), (12 * 100, 8)])
    def test_of_small_pictures_more_are_held_where_none_is_dropped(self, byte_budget: int, held: int) -> None:
        """A picture here has twelve bytes. However few, at most twice as many."""
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.EVERY_FRAME, capacity=4, byte_budget=byte_budget)
        accepted = [buffer.publish(frame(number), timeout=0) for number in range(20)]
        assert sum(accepted) == buffer.held == held
        for number in range(held):
            first = claim(buffer, "a")
            buffer.done(first, "a", None)
            buffer.done(claim(buffer, "b"), "b", None)
            assert first.id == number  # none of them had to make room
        assert buffer.publish(frame(20), timeout=0)
        assert not any(count.total_dropped for count in buffer.counts().values())

    def test_a_picture_too_large_for_the_room_waits_its_turn(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.EVERY_FRAME, capacity=2, byte_budget=100)
        assert all(buffer.publish(frame(number), timeout=0) for number in range(3))
        large = Frame(3, 0, 0.1, np.zeros((100, 100, 3), np.uint8))
        for _ in range(2):
            assert not buffer.publish(large, timeout=0)
            buffer.done(claim(buffer, "a"), "a", None)
        assert buffer.publish(large, timeout=0)

    @pytest.mark.parametrize(("size", "held"), [(10, 4), (24, 4), (26, 3), (34, 2), (1000, 2)])
    @BOTH
    def test_large_pictures_are_held_by_their_bytes_but_two_always(
        self, size: int, held: int, policy: Policy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("smiledet.frame_ring.MOST_BYTES", 3 * 100)
        buffer = FrameBuffer([stage("a")], policy, capacity=4, byte_budget=0)
        published = [
            buffer.publish(Frame(number, 0, number / 30, np.zeros((size, 1, 3), np.uint8)), timeout=0)
            for number in range(6)
        ]
        assert buffer.held == held
        assert published == [True] * (6 if policy is Policy.LIVE else held) + [False] * (
            0 if policy is Policy.LIVE else 6 - held
        )

    def test_live_the_ring_has_its_capacity_however_small_pictures_are(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.LIVE, capacity=4, byte_budget=1_000_000)
        for number in range(20):
            buffer.publish(frame(number))
        assert buffer.held == 4

    def test_live_never_waits(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.LIVE, capacity=2)
        assert all(buffer.publish(frame(number), timeout=0) for number in range(100))

    @pytest.mark.parametrize(("policy", "workers"), [(Policy.LIVE, 1), (Policy.LIVE, 3), (Policy.EVERY_FRAME, 3)])
    def test_memory_is_bounded(self, policy: Policy, workers: int) -> None:
        """A ring of `capacity` frames, and what the workers hold; every image is let go of in the end."""
        capacity = 4
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy, capacity)
        images: list[weakref.ref[np.ndarray]] = []
        held: list[Frame] = []
        for number in range(50):
            new = frame(number)
            images.append(weakref.ref(new.image))
            accepted = buffer.publish(new, timeout=0)
            del new
            if not accepted:
                assert policy is Policy.EVERY_FRAME
                images.pop()
            if len(held) < workers and (found := buffer.newest("a", timeout=0)) is not None:
                held.append(found)
            found = None
            if policy is Policy.EVERY_FRAME:
                alive = capacity
            else:
                alive = capacity + workers
            assert sum(image() is not None for image in images) <= alive
        buffer.close()
        assert sum(image() is not None for image in images) == len(held)
        for mine in held:
            buffer.done(mine, "a", None)
            del mine
        held.clear()
        assert not any(image() is not None for image in images)


class TestSlowStages:
    @pytest.mark.parametrize("capacity", [2, 4])
    def test_a_stage_slower_than_the_whole_ring_sees_its_frame_through(self, capacity: int) -> None:
        specs = [stage("slow"), stage("next", "slow"), stage("last", "next")]
        buffer = FrameBuffer(specs, Policy.LIVE, capacity)
        claimed, go_on, through = threading.Event(), threading.Event(), threading.Event()
        seen: list[int] = []

        def slow() -> None:
            while (found := buffer.newest("slow")) is not None:
                claimed.set()
                assert go_on.wait(LIMIT)
                buffer.done(found, "slow", f"slow {found.id}")
                assert through.wait(LIMIT)

        def follow(name: str, of: str) -> None:
            while (found := buffer.newest(name)) is not None:
                assert found.results[of] == f"{of} {found.id}"
                buffer.done(found, name, f"{name} {found.id}")
                if name == "last":
                    seen.append(found.id)
                    through.set()

        threads = Threads(slow, partial(follow, "next", "slow"), partial(follow, "last", "next"))
        buffer.publish(frame(0))
        assert claimed.wait(LIMIT)
        for number in range(1, 10 * capacity):
            buffer.publish(frame(number))
        buffer.end()
        go_on.set()
        threads.join()
        assert seen == [0, 10 * capacity - 1]  # its own frame, from long before the ring's oldest; then the newest
        assert all(total(count) == 10 * capacity for count in buffer.counts().values())

    def test_a_slow_stage_does_not_slow_the_others(self) -> None:
        buffer = FrameBuffer([stage("slow"), stage("quick")], Policy.LIVE, capacity=3)
        buffer.publish(frame(0))
        stuck = claim(buffer, "slow")
        for number in range(1, 50):
            buffer.publish(frame(number))
            buffer.done(claim(buffer, "quick"), "quick", None)
        buffer.done(stuck, "slow", None)
        assert claim(buffer, "slow").id == 49
        assert buffer.counts()["quick"].processed == 49


@dataclass
class Machine:
    """Stages that take turns in virtual time: no thread, no clock, the same from run to run.

    Attributes:
        buffer: What is tried.
        stages: Number of workers and milliseconds a frame, by stage.
    """

    buffer: FrameBuffer
    stages: dict[str, tuple[int, float]]
    handed: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def run(self, period: float, count: int) -> float:
        """Publish `count` frames, one a `period`; the time at which the last stage is done."""
        events: list[tuple[float, int, str, Frame]] = []
        for number in range(count):
            heapq.heappush(events, (number * period, number, "publish", frame(number)))
        idle = {name: workers for name, (workers, _) in self.stages.items()}
        ticket, now = count, 0.0
        while events:
            now, _, what, of = heapq.heappop(events)
            if what == "publish":
                self.buffer.publish(of)
            else:
                self.buffer.done(of, what, None)
                idle[what] += 1
            for name, (_, takes) in self.stages.items():
                while idle[name] and (found := self.buffer.newest(name, timeout=0)) is not None:
                    idle[name] -= 1
                    self.handed[name].append((now, found.id))
                    ticket += 1
                    heapq.heappush(events, (now + takes, ticket, name, found))
        return now


PIPELINE = [
    stage("locate"),
    stage("align", "locate"),
    stage("smile", "align"),
    stage("emotion", "align"),
    stage("draw", "locate"),
    stage("record", "draw", in_order=True),
]


class TestNothingStarves:
    # At 500 frames a second a ready frame is sometimes evicted for newer ones in the gap between two stages.
    @pytest.mark.parametrize(("period", "share"), [(33.3, 0.95), (2.0, 0.75)])
    @pytest.mark.parametrize(
        "durations",
        [
            # ms for locate, align, smile, emotion, draw, record
            (10, 8, 100, 150, 12, 5),
            (15, 8, 60, 90, 40, 5),
            (15, 50, 60, 90, 10, 5),
            (15, 10, 60, 90, 20, 50),
            (100, 70, 60, 90, 70, 50),
            (31, 12, 600, 900, 32, 30),
        ],
        ids=["classifiers", "drawer", "aligner", "recorder", "everybody", "hopeless classifiers"],
    )
    def test_every_stage_gets_what_it_can_take(self, durations: Sequence[float], period: float, share: float) -> None:
        """Whoever is slow, each stage runs at its own speed or at that of the stage before it."""
        seconds = 10_000.0
        count = int(seconds / period)
        buffer = FrameBuffer(PIPELINE, Policy.LIVE, capacity=6)
        stages = {spec.name: (1, takes) for spec, takes in zip(PIPELINE, durations, strict=True)}
        machine = Machine(buffer, stages)
        took = machine.run(period, count)
        fastest: dict[str, float] = {}
        for spec in PIPELINE:
            before = min((fastest[need] for need in spec.needs), default=1 / period)
            fastest[spec.name] = min(before, 1 / stages[spec.name][1])
            assert len(machine.handed[spec.name]) >= share * fastest[spec.name] * min(took, seconds) - 1, spec.name
            # No long gap either: never longer idle than a few turns of the slowest stage that feeds it.
            times = [time for time, _ in machine.handed[spec.name]]
            assert max(np.diff(times)) <= 3 / fastest[spec.name]
            numbers = [number for _, number in machine.handed[spec.name]]
            assert numbers == sorted(set(numbers))
        assert all(total(each) == count for each in buffer.counts().values())

    def test_a_slow_classifier_leaves_the_drawer_at_full_rate(self) -> None:
        buffer = FrameBuffer(PIPELINE, Policy.LIVE, capacity=6)
        durations = {"locate": 10, "align": 8, "smile": 500, "emotion": 700, "draw": 12, "record": 5}
        machine = Machine(buffer, {name: (1, takes) for name, takes in durations.items()})
        machine.run(33.3, 300)
        assert buffer.counts()["draw"].processed == 300
        assert buffer.counts()["record"].processed == 300

    def test_more_workers_read_more_frames(self) -> None:
        processed = []
        for workers in (1, 2, 4):
            buffer = FrameBuffer(PIPELINE, Policy.LIVE, capacity=8)
            stages = {spec.name: (1, 5.0) for spec in PIPELINE} | {"smile": (workers, 120.0)}
            Machine(buffer, stages).run(33.3, 300)
            processed.append(buffer.counts()["smile"].processed)
        assert processed[1] > 1.9 * processed[0]
        assert processed[2] == 300

    def test_every_frame_mode_loses_nothing_whoever_is_slow(self) -> None:
        buffer = FrameBuffer(PIPELINE, Policy.EVERY_FRAME, capacity=400)
        stages = {name: (3, 70.0) if name in ("align", "smile") else (1, 20.0) for name in buffer.counts()}
        machine = Machine(buffer, stages)
        machine.run(1.0, 300)
        for handed in machine.handed.values():
            assert [number for _, number in handed] == list(range(300))


class TestCounting:
    def test_ages_are_taken_from_capture_to_done(self) -> None:
        now = [5_000]
        buffer = FrameBuffer([stage("a")], Policy.LIVE, clock=lambda: now[0])
        buffer.publish(frame(0, captured_ns=2_000))
        taken = claim(buffer, "a")
        now[0] = 9_000
        buffer.done(taken, "a", None)
        buffer.publish(frame(1, captured_ns=8_500))
        buffer.failed(claim(buffer, "a"), "a")  # says nothing about how long the work takes
        assert list(buffer.counts()["a"].ages_ns) == [7_000]

    def test_ages_are_bounded_to_the_latest(self) -> None:
        now = [0]
        buffer = FrameBuffer([stage("a")], Policy.LIVE, clock=lambda: now[0])
        for number in range(AGES_KEPT + 10):
            buffer.publish(frame(number))
            now[0] = number
            buffer.done(claim(buffer, "a"), "a", None)
        assert list(buffer.counts()["a"].ages_ns) == list(range(10, AGES_KEPT + 10))

    def test_causes_of_drops(self) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], Policy.LIVE, capacity=4)
        for number in range(6):
            buffer.publish(frame(number))  # 0 and 1 are evicted
        buffer.done(claim(buffer, "a"), "a", None)  # 5; 2 to 4 are overtaken, and so never reach b
        counts = buffer.counts()
        assert counts["a"].dropped == {Drop.EVICTED: 2, Drop.OVERTAKEN: 3}
        assert (counts["a"].missed, counts["b"].missed) == (5, 0)  # b was not ready for them
        assert counts["b"].dropped == {Drop.EVICTED: 5}
        buffer.close()
        assert buffer.counts()["b"].dropped == {Drop.EVICTED: 5, Drop.CLOSED: 1}

    def test_counts_are_a_copy(self) -> None:
        buffer = FrameBuffer([stage("a")], Policy.LIVE)
        copy = buffer.counts()["a"]
        copy.dropped[Drop.CLOSED] += 1
        copy.ages_ns.append(1)
        assert buffer.counts()["a"] == StageCount()

    @BOTH
    def test_closing_counts_what_was_waiting_and_twice_does_no_harm(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy)
        for number in range(3):
            buffer.publish(frame(number))
        working = claim(buffer, "a")
        buffer.close()
        buffer.close()
        buffer.done(working, "a", "late")
        assert not buffer.publish(frame(3))
        assert buffer.published == 3
        assert buffer.newest("b") is None
        counts = buffer.counts()
        assert counts["a"].processed == 1
        assert [total(count) for count in counts.values()] == [3, 3]

    @BOTH
    def test_what_a_worker_that_was_left_behind_has_counts_as_dropped(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy)
        for number in range(3):
            buffer.publish(frame(number))
        working = claim(buffer, "a")
        buffer.close()
        assert total(buffer.counts()["a"]) == 2
        buffer.settle()
        assert [total(count) for count in buffer.counts().values()] == [3, 3]
        buffer.done(working, "a", "too late")
        buffer.failed(working, "a")
        count = buffer.counts()["a"]
        assert (count.processed, count.failed, total(count)) == (0, 0, 3)


class TestStress:
    """Threads of every stage against each other, on a seeded schedule of work and failures."""

    COUNT = 500
    WORKERS = (("locate", 1), ("align", 2), ("smile", 3), ("emotion", 3), ("draw", 1), ("record", 1))
    FAILING = 0.1

    def _run(
        self, policy: Policy, seed: int, specs: Sequence[StageSpec], at_once: int | None = None
    ) -> tuple[FrameBuffer, dict[str, list[int]]]:
        buffer = FrameBuffer(specs, policy, capacity=5, turns=Turns(at_once))
        handed: dict[str, list[int]] = {spec.name: [] for spec in specs}
        working: set[tuple[str, int]] = set()
        needs = {spec.name: spec.needs for spec in specs}
        start = threading.Barrier(1 + sum(workers for _, workers in self.WORKERS))

        def work(name: str, number: int) -> None:
            chance = random.Random(f"{seed} {name} {number}")
            start.wait(LIMIT)
            while (found := buffer.newest(name)) is not None:
                for need in needs[name]:
                    assert found.results[need] in (None, (need, found.id))
                handed[name].append(found.id)
                working.add((name, number))
                assert len(working) <= (at_once or 100)
                sum(range(chance.choice((0, 100, 3000))))
                working.discard((name, number))
                if chance.random() < self.FAILING:
                    buffer.failed(found, name)
                else:
                    buffer.done(found, name, (name, found.id))

        def publish() -> None:
            chance = random.Random(seed)
            start.wait(LIMIT)
            for number in range(self.COUNT):
                assert buffer.publish(frame(number), LIMIT)
                sum(range(chance.choice((0, 2000, 10000))))
            buffer.end()

        workers = [partial(work, name, number) for name, count in self.WORKERS for number in range(count)]
        Threads(publish, *workers).join()
        return buffer, handed

    @pytest.mark.parametrize("seed", [1, 2])
    def test_live(self, seed: int) -> None:
        buffer, handed = self._run(Policy.LIVE, seed, PIPELINE)
        for name in ("locate", "draw", "record"):  # one worker each: what it was handed, in that order
            assert handed[name] == sorted(handed[name])
        for name, numbers in handed.items():
            assert len(set(numbers)) == len(numbers), name
            assert total(buffer.counts()[name]) == self.COUNT
            assert buffer.finished(name)
        assert max(handed["locate"]) == max(handed["draw"]) == self.COUNT - 1
        # The recorder gets every drawn frame but those that the ring had no room for.
        assert set(handed["record"]) <= set(handed["draw"])

    @pytest.mark.parametrize(("seed", "at_once"), [(3, None), (4, None), (3, 2), (4, 3)])
    def test_every_frame(self, seed: int, at_once: int | None) -> None:
        specs = [spec for spec in PIPELINE if spec.name != "draw"]
        specs.append(stage("draw", "locate", "smile", "emotion"))
        buffer, handed = self._run(Policy.EVERY_FRAME, seed, specs, at_once)
        for name, numbers in handed.items():
            assert sorted(numbers) == list(range(self.COUNT)), name
            count = buffer.counts()[name]
            assert count.processed + count.failed == self.COUNT
            assert count.failed > 0.5 * self.FAILING * self.COUNT
        for name in ("locate", "draw", "record"):
            assert handed[name] == list(range(self.COUNT))

    @BOTH
    def test_closing_in_the_middle(self, policy: Policy) -> None:
        buffer = FrameBuffer([stage("a"), stage("b", "a")], policy, capacity=3)
        start, enough = threading.Barrier(6), threading.Event()

        def work(name: str) -> None:
            start.wait(LIMIT)
            while (found := buffer.newest(name)) is not None:
                buffer.done(found, name, None)
                if found.id >= 100:
                    enough.set()

        def publish() -> None:
            start.wait(LIMIT)
            number = 0
            while buffer.publish(frame(number)):
                number += 1

        threads = Threads(publish, *(partial(work, name) for name in "aabb"))
        start.wait(LIMIT)
        assert enough.wait(LIMIT)
        buffer.close()
        threads.join()
        assert [total(count) for count in buffer.counts().values()] == [buffer.published] * 2
