"""Notices a stage that hangs: native code that does not come back, a network that waits for ever.

Such a thread can be neither stopped nor replaced, since it may hold its engine, its file and Python's locks. So the run
ends with an error that names the stage, its files are finished, and whoever started it (systemd, a shell's loop) starts
it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smiledet.errors import SmiledetError
from smiledet.frame import Frame
from smiledet.workers.base import Worker

log = logging.getLogger(__name__)

NOTICED_AFTER = 1.5
"""Seconds over one frame after which a stage is named; the promise is 2."""

LONGEST_STEP = 0.5
"""Seconds that count between two looks at most. They are 0.2 apart; more means that the whole process stood still (a
laptop's lid, SIGSTOP, a debugger), and no stage is to blame for that."""


@dataclass(slots=True)
class _Stay:
    """How long a worker has been at a frame."""

    frame: Frame
    seconds: float = 0.0


class Watchdog:
    """Looks how long each worker has been at its frame.

    Args:
        limit: Seconds over one frame after which the run ends; 0 for never.
        clock: Monotonic seconds; tests bring their own.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._last = clock()
        self._stays: dict[Worker, _Stay] = {}
        self._named: set[Worker] = set()

    def look(self, workers: Iterable[Worker]) -> None:
        """Look at some workers; called over and over by the thread that owns the run.

        Raises:
            SmiledetError: One of them has been at a frame for too long; the message names its stage.
        """
        now = self._clock()
        step, self._last = min(now - self._last, LONGEST_STEP), now
        for worker in workers:
            frame = worker.working_on
            stay = self._stays.get(worker)
            if frame is None:
                self._stays.pop(worker, None)
            elif stay is None or stay.frame is not frame:
                self._stays[worker] = _Stay(frame)
            else:
                stay.seconds += step
                self._judge(worker, stay)

    def _judge(self, worker: Worker, stay: _Stay) -> None:
        if stay.seconds >= NOTICED_AFTER and worker not in self._named:
            self._named.add(worker)
            log.warning("stage %s has been at frame %d for %.1f s", worker.name, stay.frame.id, stay.seconds)
        if 0 < self._limit <= stay.seconds:
            raise SmiledetError(
                f"stage {worker.name!r} hangs: it has been at frame {stay.frame.id} for {stay.seconds:.0f} s "
                "(faults.hang in the configuration)"
            )
