"""The buffers of a run, as a stage sees them that serves several sources."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from smiledet.buffer import FrameBuffer
from smiledet.frame import Frame
from smiledet.stage_count import AGES_KEPT, StageCount
from smiledet.turns import claim_newest, longest_ago


class BufferGroup:
    """Some buffers, asked as if they were one.

    Args:
        sources: The buffers by their source's name, all of one `Turns`; a frame's `source` tells whose it is.
    """

    def __init__(self, sources: Mapping[str, FrameBuffer]) -> None:
        self.sources = sources
        self._buffers = tuple(sources.values())

    def newest(self, by: str, timeout: float | None = None) -> Frame | None:
        """As `FrameBuffer.newest`, from the source from which the stage has not claimed a frame for longest."""
        return claim_newest(self._buffers, by, timeout)

    def batch(self, by: str) -> list[Frame]:
        """As `newest`, with what there is for the stage of the other sources now: a frame each at most."""
        frame = self.newest(by)
        if frame is None or not self._buffers[1:]:
            return [] if frame is None else [frame]
        first = self.of(frame)
        thread = threading.get_ident()
        with first.turns.lock:
            others = [buffer for buffer in longest_ago(self._buffers, by) if buffer is not first]
            slots = [buffer.try_to_claim(by, thread) for buffer in others]
        return [frame, *(slot.frame for slot in slots if slot is not None)]

    def of(self, frame: Frame) -> FrameBuffer:
        """The buffer of a frame's source."""
        return self.sources[frame.source] if self._buffers[1:] else self._buffers[0]

    def done(self, frame: Frame, by: str, result: Any) -> None:
        """As `FrameBuffer.done`."""
        self.of(frame).done(frame, by, result)

    def failed(self, frame: Frame, by: str) -> None:
        """As `FrameBuffer.failed`."""
        self.of(frame).failed(frame, by)

    def step_back(self) -> None:
        """As `FrameBuffer.step_back`."""
        self._buffers[0].step_back()

    def close(self) -> None:
        """As `FrameBuffer.close`, of all."""
        for buffer in self._buffers:
            buffer.close()

    def settle(self) -> None:
        """As `FrameBuffer.settle`, of all."""
        for buffer in self._buffers:
            buffer.settle()

    def finished(self, by: str) -> bool:
        """Whether a stage will be handed no further frame of any source."""
        return all(buffer.finished(by) for buffer in self._buffers if buffer.has(by))

    def has(self, stage: str) -> bool:
        """Whether a buffer has a stage of that name."""
        return any(buffer.has(stage) for buffer in self._buffers)

    @property
    def published(self) -> int:
        """Frames published so far, of all sources."""
        return sum(buffer.published for buffer in self._buffers)

    def count(self, stage: str, ages: int = AGES_KEPT) -> StageCount:
        """What became of all sources' frames at one stage; see `FrameBuffer.count`."""
        return StageCount.total(buffer.count(stage, ages) for buffer in self._buffers if buffer.has(stage))

    def counts(self, ages: int = AGES_KEPT) -> dict[str, StageCount]:
        """What became of all sources' frames, by stage; see `FrameBuffer.counts`."""
        by_stage: dict[str, list[StageCount]] = {}
        for buffer in self._buffers:
            for name, counted in buffer.counts(ages).items():
                by_stage.setdefault(name, []).append(counted)
        return {name: StageCount.total(counts) for name, counts in by_stage.items()}
