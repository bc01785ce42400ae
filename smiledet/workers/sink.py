"""The threads that write what was drawn: one a sink, so that a slow encoder holds up nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smiledet.drawing.privacy import PrivacySettings
from smiledet.frame import Frame
from smiledet.sinks.base import Sink
from smiledet.workers.base import FaultPolicy, Worker
from smiledet.workers.drawer import annotation_of

FAULTS = FaultPolicy(failures=5, restarts=0)
"""A sink is never restarted: opening it again would overwrite what it has written."""


class SinkWorker(Worker):
    """Hands every drawn frame to a sink.

    Args:
        stage: Its name in the buffer.
        sink: Not yet open: it is opened, written and closed by this thread alone.
        privacy: What is hidden from it; None for nothing.
        common: See `Worker`.
    """

    def __init__(self, stage: str, sink: Sink, privacy: PrivacySettings | None = None, **common: Any) -> None:
        super().__init__(stage, faults=FAULTS, **common)
        self._sink = sink
        self.may_wait = sink.may_wait
        self._privacy = privacy
        self._open = False

    def setup(self) -> None:
        """Make sure that the output can be written."""
        self._sink.open()
        self._open = True

    def process(self, frame: Frame) -> None:
        """Write one frame; where something is hidden, the sink gets nothing that shows it."""
        annotation = annotation_of(frame, self._privacy)
        if annotation.clean is not None:
            frame = replace(frame, image=annotation.clean, results={})
        self._sink.write(frame, annotation)

    def interrupt(self) -> None:
        """End a `write` that waits."""
        self._sink.interrupt()

    def teardown(self) -> None:
        """Finish the output."""
        if self._open:
            self._open = False
            self._sink.close()
