"""What every stage that works on frames has in common."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.errors import FrameError, SmiledetError
from smiledet.frame import Frame
from smiledet.schema import between
from smiledet.telemetry.trace import Trace
from smiledet.workers.thread import Ended, StageThread, WorkerSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FaultPolicy:
    """What a worker does about frames on which it fails.

    Attributes:
        failures: Failures in a row after which it is restarted (its resources closed and opened again).
        restarts: Restarts in a row, none of them followed by a success, after which the run ends.
        back_off: Seconds waited before the first restart; doubled for each further one.
        hang: Seconds that a stage may be at one frame of a video or camera; then the run ends. 0 for no limit.
    """

    failures: int = field(default=5, metadata=between(1, 1000))
    restarts: int = field(default=3, metadata=between(0, 1000))
    back_off: float = field(default=0.1, metadata=between(0, 60))
    hang: float = field(default=30.0, metadata=between(0, 3600))


class Worker(StageThread):
    """A thread that claims frames, processes them and attaches the result.

    Subclasses give `process`. A fault in one frame is logged and counted, and the frame goes on without this stage's
    result; a worker that keeps failing is restarted, and past a limit ends the run.

    Args:
        stage: Name of the stage in the buffer, under which results are attached.
        buffer: Where the frames come from; that of one source, or those of several.
        settings: Priority and rate.
        faults: What to do about failures.
        on_end: See `StageThread`.
        name: The thread's name; the stage's by default.
        clock: Monotonic seconds; tests bring their own.
        common: The rest of `StageThread`.

    Attributes:
        working_on: The frame that it is at, of several the first; None while it waits, or is set up.
    """

    may_wait: bool = False
    """Whether `process` waits for somebody who may take as long as they like."""

    def __init__(
        self,
        stage: str,
        buffer: FrameBuffer | BufferGroup,
        settings: WorkerSettings | None = None,
        faults: FaultPolicy | None = None,
        on_end: Ended | None = None,
        name: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        **common: Any,
    ) -> None:
        super().__init__(stage, settings, on_end, name, **common)
        self._buffer = buffer
        self._faults = faults or FaultPolicy()
        self._clock = clock
        self.working_on: Frame | None = None
        self._retired = False
        self._stale = False

    def retire(self) -> None:
        """End after the frame at hand: the stage is no more, or others do its work. Called from another thread."""
        self._retired = True

    def renew(self, create: Callable[[], Any]) -> None:
        """Set up anew before the next frame, with another `create`. Called from another thread."""
        self._create = create
        self._stale = True

    @abstractmethod
    def process(self, frame: Frame) -> Any:
        """The stage's result for one frame."""

    def process_batch(self, frames: Sequence[Frame]) -> list[Any]:
        """The stage's results for frames of different sources; one by one, where a stage has no better way."""
        return [self.process(frame) for frame in frames]

    def claim(self) -> list[Frame]:
        """Wait for what to work on next: a frame, or in a stage that takes them together one of each source.

        None at the end.
        """
        frame = self._buffer.newest(by=self.stage)
        return [] if frame is None else [frame]

    def loop(self) -> None:
        """Claim, process, hand back, until the buffer has nothing more to come."""
        try:
            self._loop()
        finally:
            self._buffer.step_back()

    def _loop(self) -> None:
        failures = restarts = 0
        while not (self.stopping or self._retired):
            frames = self.claim()
            if not frames:
                return
            started = self._clock()
            if self._attempt(frames):
                failures = restarts = 0
            else:
                failures += 1
                if failures >= self._faults.failures:
                    self._restart(restarts)
                    failures, restarts = 0, restarts + 1
            if self._settings.max_rate > 0:
                self._buffer.step_back()
                self.pause(started + 1 / self._settings.max_rate - self._clock())

    def _attempt(self, frames: Sequence[Frame]) -> bool:
        """Process some frames; False if that failed. They are handed back either way.

        Where several fail together each is tried alone, so that a fault of one source is not the others'.
        """
        try:
            if self._stale:
                self._stale = False
                self.teardown()
                self.setup()
            self.working_on = frames[0]
            results = self._results(frames) if self._trace is None else self._traced(self._trace, frames)
        except BaseException as problem:
            given_up = isinstance(problem, SmiledetError) and not isinstance(problem, FrameError)
            fatal = given_up or not isinstance(problem, Exception)
            if len(frames) > 1 and not fatal:
                return False not in [self._attempt([frame]) for frame in frames]
            for frame in frames:
                self._buffer.failed(frame, self.stage)
            if fatal:
                raise
            of = f" of {frames[0].source}" if frames[0].source else ""
            log.warning("stage %s failed on frame %d%s: %r", self.stage, frames[0].id, of, problem)
            log.debug("the traceback", exc_info=True)
            return False
        finally:
            self.working_on = None
        for frame, result in zip(frames, results, strict=True):
            self._buffer.done(frame, self.stage, result)
        return True

    def _traced(self, trace: Trace, frames: Sequence[Frame]) -> list[Any]:
        with ExitStack() as bars:
            for frame in frames:
                bars.enter_context(trace.work(self.stage, frame))
            return self._results(frames)

    def _results(self, frames: Sequence[Frame]) -> list[Any]:
        return [self.process(frames[0])] if len(frames) == 1 else self.process_batch(frames)

    def _restart(self, restarts: int) -> None:
        """Close and open the stage again after a wait that doubles each time.

        Raises:
            SmiledetError: That was tried often enough.
        """
        if restarts >= self._faults.restarts:
            raise SmiledetError(
                f"stage {self.stage!r} keeps failing: {self._faults.failures} frames in a row "
                f"after {restarts} restart{'' if restarts == 1 else 's'}; see the log above"
            )
        log.warning("stage %s is restarted (%d of %d)", self.stage, restarts + 1, self._faults.restarts)
        self._buffer.step_back()
        self.pause(self._faults.back_off * 2**restarts)
        if self.stopping:
            return
        self.teardown()
        self.setup()
