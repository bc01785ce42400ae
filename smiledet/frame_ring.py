"""The frames that a buffer holds, and which of them a stage takes next.

It knows no thread, lock or count: `smiledet.buffer` holds the lock around it, wakes who waits, and counts what left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from smiledet.frame import Frame
from smiledet.stage_spec import Policy, StageSpec

MOST_BYTES = 100_000_000
"""Bytes of all pictures in the ring at most, unless there are but two: four of 3840x2160, two photographs of 12 million
pixels. What stages attach to a frame comes to as much again."""

LEAST = 2
"""Frames that the ring holds, however large: one comes while another is worked on."""


@dataclass(slots=True)
class Slot:
    """A frame in the ring.

    Attributes:
        frame: It.
        claimed: Stages that have had it.
        done: Stages that have handed it back.
    """

    frame: Frame
    claimed: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)


class FrameRing:
    """A few frames in the order of capture, and what each stage would take of them.

    Args:
        stages: Every stage that will ask, by its name.
        policy: See `Policy`.
        capacity: Frames held at most; see `FrameBuffer`.
        byte_budget: See `FrameBuffer`.

    Attributes:
        slots: The frames, by their number.
        stages: As given; `add_stage` and `remove_stage` change them.
    """

    def __init__(self, stages: Mapping[str, StageSpec], policy: Policy, capacity: int, byte_budget: int) -> None:
        self.slots: dict[int, Slot] = {}
        self.stages = dict(stages)
        self._policy = policy
        self._capacity = capacity
        self._byte_budget = byte_budget
        self._newest_had = dict.fromkeys(stages, -1)

    def add_stage(self, stage: StageSpec, before: str, needed: bool) -> None:
        """Have a further stage take the frames that come from now on; see `FrameBuffer.add_stage`."""
        stages = dict(self.stages)
        names = [*stages]
        later = {name: stages.pop(name) for name in names[names.index(before) :]}
        if needed:
            later[before] = replace(later[before], needs=later[before].needs | {stage.name})
        self.stages = {**stages, stage.name: stage, **later}
        self._newest_had[stage.name] = max(self.slots, default=-1)
        for slot in self.slots.values():
            slot.claimed.add(stage.name)
            slot.done.add(stage.name)

    def remove_stage(self, name: str) -> None:
        """Let the others go on without a stage's results."""
        others = (each for each in self.stages.values() if each.name != name)
        self.stages = {each.name: replace(each, needs=each.needs - {name}) for each in others}
        for slot in self.slots.values():
            slot.claimed.discard(name)
            slot.done.discard(name)

    def goes_in_order(self, stage: StageSpec) -> bool:
        """Whether a stage is handed every ready frame, the oldest first."""
        return stage.in_order or self._policy is Policy.EVERY_FRAME

    def choose(self, stage: StageSpec) -> Slot | None:
        """What the stage should be handed now: the oldest ready frame where it goes in order, else the newest."""
        if self._policy is Policy.EVERY_FRAME:  # what follows comes to this, at more cost
            for slot in self.slots.values():
                if stage.name not in slot.claimed:
                    return slot if stage.needs <= slot.done else None
            return None
        in_order = self.goes_in_order(stage)
        for slot in self.slots.values() if in_order else reversed(self.slots.values()):
            if self._wants(stage, slot):
                if stage.needs <= slot.done:
                    return slot
                if in_order and self._can_reach(stage, slot):
                    return None  # a later frame waits for an earlier one that is still to come
        return None

    def claim(self, stage: StageSpec, slot: Slot) -> None:
        """Hand a frame to a stage."""
        slot.claimed.add(stage.name)
        self._newest_had[stage.name] = max(self._newest_had[stage.name], slot.frame.id)

    def has_more_for(self, stage: StageSpec) -> bool:
        """Whether the stage will be handed one of the frames that are held."""
        return any(self._wants(stage, slot) and self._can_reach(stage, slot) for slot in self.slots.values())

    def is_overtaken(self, stage: StageSpec, slot: Slot) -> bool:
        """Whether the stage has had a newer frame, and so never takes this one."""
        return not self.goes_in_order(stage) and slot.frame.id <= self._newest_had[stage.name]

    def has_room(self, frame: Frame) -> bool:
        """Whether a further frame may come before another leaves; where nothing is dropped."""
        held = len(self.slots)
        if held < LEAST or held >= 2 * self._capacity:
            return held < LEAST
        return self._bytes(frame) <= (MOST_BYTES if held < self._capacity else self._byte_budget)

    def in_the_way(self, frame: Frame) -> Slot | None:
        """What should leave to make room for a frame, live: that with the least work in it, the oldest of those.

        A frame that a stage is working on stays, so a stage slower than the whole ring still sees its frame through to
        the stages after it; the ring may then exceed its capacity, by at most the number of workers.

        Returns:
            None where there is room, or every frame is being worked on.
        """
        held = len(self.slots)
        if held < self._capacity and (held < LEAST or self._bytes(frame) <= MOST_BYTES):
            return None
        idle = (slot for slot in self.slots.values() if slot.claimed == slot.done)
        return min(idle, key=lambda slot: (len(slot.done), slot.frame.id), default=None)

    def leaving(self, latest: Slot) -> list[Slot]:
        """The frames that no stage is working on or will ever take.

        Args:
            latest: The one with which a stage was done just now. Where nothing is overtaken, only that one can leave,
                and only once all are done with it.
        """
        if self._policy is Policy.EVERY_FRAME:
            return [latest] if len(latest.done) == len(self.stages) and latest.frame.id in self.slots else []
        return [slot for slot in self.slots.values() if slot.claimed == slot.done and not self._is_wanted(slot)]

    def _wants(self, stage: StageSpec, slot: Slot) -> bool:
        """Whether the stage has not had the frame and would still take it."""
        if stage.name in slot.claimed:
            return False
        return self.goes_in_order(stage) or slot.frame.id > self._newest_had[stage.name]

    def _can_reach(self, stage: StageSpec, slot: Slot) -> bool:
        """Whether every prerequisite is met, being worked on, or still wanted by the stage that has to meet it."""
        for need in stage.needs:
            if need in slot.claimed:
                continue
            before = self.stages[need]
            if not (self._wants(before, slot) and self._can_reach(before, slot)):
                return False
        return True

    def _is_wanted(self, slot: Slot) -> bool:
        """Whether any stage will still take the frame."""
        return any(self._wants(stage, slot) and self._can_reach(stage, slot) for stage in self.stages.values())

    def _bytes(self, frame: Frame) -> int:
        """Of the pictures in the ring, with one more."""
        return sum(slot.frame.image.nbytes for slot in self.slots.values()) + frame.image.nbytes
