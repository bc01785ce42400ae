"""What became of the frames at each stage: processed, failed, dropped and why."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from smiledet.frame import Frame

AGES_KEPT = 2048
"""Ages remembered at each stage: enough for a 99th percentile (a minute at 30 FPS), bounded on a run of days."""


class Drop(Enum):
    """Why a stage never got a frame."""

    OVERTAKEN = "overtaken"
    """A newer frame was ready when the stage asked."""
    EVICTED = "evicted"
    """The frame left the ring before its prerequisites were met, or before the stage asked."""
    CLOSED = "closed"
    """The run was stopped while the frame was waiting, or in the hands of a worker that was left behind."""


Dropped = Callable[[Frame, str, Drop], None]
"""Told of a frame, the stage that never gets it, and why."""


@dataclass(slots=True)
class StageCount:
    """What became of the frames at one stage.

    Attributes:
        processed: Frames that it finished.
        failed: Frames on which it failed; their result is None.
        dropped: Frames that it never got, by cause.
        missed: Those of them that were ready for it, and left the ring before it asked: it is too slow.
        ages_ns: Age of each finished frame (now - capture), in nanoseconds; the latest `AGES_KEPT`.
        first_ns: When the first frame was finished, on the buffer's clock.
        last_ns: When the latest one was.
    """

    processed: int = 0
    failed: int = 0
    dropped: Counter[Drop] = field(default_factory=Counter)
    missed: int = 0
    ages_ns: deque[int] = field(default_factory=lambda: deque(maxlen=AGES_KEPT))
    first_ns: int = 0
    last_ns: int = 0

    @property
    def total_dropped(self) -> int:
        """Frames that it never got, whatever the cause."""
        return sum(self.dropped.values())

    @classmethod
    def total(cls, counts: Iterable[StageCount]) -> StageCount:
        """One count of several buffers' frames; the ages of all."""
        whole = cls(ages_ns=deque())
        for each in counts:
            whole.processed += each.processed
            whole.failed += each.failed
            whole.dropped += each.dropped
            whole.missed += each.missed
            whole.ages_ns.extend(each.ages_ns)
            whole.first_ns = min(whole.first_ns or each.first_ns, each.first_ns or whole.first_ns)
            whole.last_ns = max(whole.last_ns, each.last_ns)
        return whole
