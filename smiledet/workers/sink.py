"""The threads that write what was drawn: one a sink, so that a slow encoder holds up nobody else."""

from __future__ import annotations

from typing import Any

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
        sink: Open already; closed at the thread's end.
        common: See `Worker`.
    """

    def __init__(self, stage: str, sink: Sink, **common: Any) -> None:
        super().__init__(stage, faults=FAULTS, **common)
        self._sink = sink

    def process(self, frame: Frame) -> None:
        """Write one frame."""
        self._sink.write(frame, annotation_of(frame))

    def stop(self) -> None:
        """Ask the thread to end, even out of a `write` that waits."""
        super().stop()
        self._sink.interrupt()

    def teardown(self) -> None:
        """Finish the output."""
        self._sink.close()
