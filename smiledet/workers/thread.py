"""A named thread of the pipeline: set up, loop, tear down, and tell the pipeline how it ended."""

from __future__ import annotations

import logging
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from smiledet.errors import SmiledetError
from smiledet.schema import between
from smiledet.system.cancel import CancelToken
from smiledet.telemetry.trace import Trace

log = logging.getLogger(__name__)

LONGEST_NATIVE_NAME = 15
"""Bytes that Linux keeps of a thread's name."""

Ended = Callable[["StageThread", "SmiledetError | None"], None]
"""Told once by every thread that it has ended, and why if that was a fault."""

Ready = Callable[["StageThread"], None]
"""Told by a thread that it is set up."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How much of the machine a stage gets: the seed thesis' 'allocating more workers for a crucial task'.

    Attributes:
        workers: Threads of this stage. More than one only where the order of frames does not matter to it.
        nice: Nice value of its native threads on Linux, -20 (first) to 19 (last); below 0 needs privileges.
        max_rate: Frames a second at most, 0 for no limit.
    """

    workers: int = field(default=1, metadata=between(1, 16))
    nice: int = field(default=0, metadata=between(-20, 19))
    max_rate: float = field(default=0.0, metadata=between(0, 1000))


class StageThread(ABC):
    """A thread with a start, a loop and an end.

    Subclasses give `loop`, and `setup` and `teardown` where they hold resources; all three run in the thread itself. A
    `SmiledetError` from any of them ends the run with its message; any other exception, `SystemExit` included, does so
    as a fault of the stage.

    Args:
        stage: The stage that it serves.
        settings: Priority and rate.
        on_end: See `Ended`.
        name: The thread's name; the stage's by default.
        cancel: Set when the run is over; a token of its own by default.
        on_ready: See `Ready`.
        trace: Where to write down what the thread does; None for nowhere.
    """

    def __init__(
        self,
        stage: str,
        settings: WorkerSettings | None = None,
        on_end: Ended | None = None,
        name: str | None = None,
        trace: Trace | None = None,
        cancel: CancelToken | None = None,
        on_ready: Ready | None = None,
    ) -> None:
        self.stage = stage
        self.cancel = cancel or CancelToken()
        self._trace = trace
        self._settings = settings or WorkerSettings()
        self._on_end, self._on_ready = on_end, on_ready
        # A daemon, so that a driver that hangs in a read cannot keep the process alive; `join` is still tried.
        self._thread = threading.Thread(target=self._run, name=name or stage, daemon=True)

    def setup(self) -> None:  # noqa: B027 - most stages hold nothing
        """Open what the stage needs."""

    @abstractmethod
    def loop(self) -> None:
        """Work until there is nothing left to do or the run is over."""

    def teardown(self) -> None:  # noqa: B027
        """Close what `setup` opened; also called after a failed one, and without one if the run is over before it."""

    def interrupt(self) -> None:  # noqa: B027
        """End a wait for somebody who knows nothing of `cancel`: the run is over. Called from another thread."""

    @property
    def name(self) -> str:
        """The thread's name."""
        return self._thread.name

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether the run is over."""
        return self.cancel.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; False if the time ran out."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is over."""
        self.cancel.wait(seconds)

    def _run(self) -> None:
        problem = self._guarded(self._work, "failed") if not self.stopping else None
        closing = self._guarded(self.teardown, "cannot close")
        problem = problem or closing  # what went wrong first explains the rest
        if self._on_end is not None:
            self._on_end(self, problem)
        del problem, closing  # the problem's traceback leads to this frame: a cycle, which is freed late

    def _work(self) -> None:
        self._name_native_thread()
        self._apply_priority()
        with self._trace.span("set up") if self._trace is not None else nullcontext():
            self.setup()
        if self._on_ready is not None:
            self._on_ready(self)
        self.loop()

    def _guarded(self, action: Callable[[], None], what: str) -> SmiledetError | None:
        try:
            action()
        except SmiledetError as problem:
            return problem
        except BaseException as problem:  # SystemExit, too: whoever waits for this thread has to hear of its end
            log.debug("%s ended", self.name, exc_info=True)
            return SmiledetError(f"stage {self.stage!r} {what}: {problem!r}")
        return None

    def _name_native_thread(self) -> None:
        """Let `top -H`, `perf` and the like show the stage's name; Python does so itself from 3.14 on."""
        with suppress(OSError):  # off Linux there is no such file
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name[:LONGEST_NATIVE_NAME])

    def _apply_priority(self) -> None:
        if self._settings.nice and sys.platform == "linux":
            try:
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._settings.nice)
            except OSError as problem:
                log.warning("stage %s keeps its usual priority: %s", self.stage, problem.strerror)
