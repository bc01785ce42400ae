"""The owner of a run's life: what is started, watched, stopped and closed, and in which order.

A run's threads share one `CancelToken`. Each opens, uses and closes what it works with, itself: a sink's file, an
engine, the source. Whoever ends the run sets the token, wakes those that wait for something else, and gives all of them
`STOP_WITHIN` to close what they have. What hangs in native code by then cannot be stopped: it is left, and the command
line ends the process around it (`smiledet.system.ending`).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self

from smiledet.errors import SmiledetError
from smiledet.sources.base import Source
from smiledet.system.cancel import CancelToken
from smiledet.workers.thread import StageThread

log = logging.getLogger(__name__)

T = TypeVar("T")

STOP_WITHIN = 1.5
"""Seconds that the threads get to end after a stop; the promise is 2 for everything."""

CLOSE_WITHIN = 0.2
"""Seconds that anything else gets to close: a source that no thread has taken over."""


HEARD_WITHIN = 0.2
"""Seconds that the main thread waits at a time. Python runs a handler between two instructions of that thread alone: a
signal that comes after the last of them and before the thread sleeps would otherwise wait for the end of its sleep."""


class Stop(Enum):
    """Why a run ended."""

    END = "end of input"
    KEY = "q or Esc in the window"
    SIGNAL = "interrupted"


@dataclass(frozen=True, slots=True)
class Ready:
    """A thread is set up."""

    thread: StageThread


@dataclass(frozen=True, slots=True)
class Ended:
    """A thread has ended.

    Attributes:
        thread: Which.
        problem: Why, if that was a fault.
    """

    thread: StageThread
    problem: SmiledetError | None


@dataclass(frozen=True, slots=True)
class Request:
    """Something that the main thread is to do.

    Attributes:
        action: What.
        done: Set afterwards.
    """

    action: Callable[[], None]
    done: threading.Event


class Supervisor:
    """Owns a run: its threads, its end, and what has to be closed after them.

    A context manager: leaving ends the run, if it has not ended, and closes what was `enter`ed, the last first.

    Attributes:
        cancel: Set when the run is over.
    """

    def __init__(self) -> None:
        self.cancel = CancelToken()
        self._threads: list[StageThread] = []
        self._given_up: set[StageThread] = set()
        self._mailbox: queue.SimpleQueue[Stop | Ready | Ended | Request] = queue.SimpleQueue()
        self._resources = ExitStack()

    @property
    def common(self) -> dict[str, Any]:
        """The arguments of every `StageThread` of the run."""
        put = self._mailbox.put  # threads that led back here would be freed with all they hold much later: a cycle
        return {
            "cancel": self.cancel,
            "on_ready": lambda thread: put(Ready(thread)),
            "on_end": lambda thread, problem: put(Ended(thread, problem)),
        }

    def stop(self) -> None:
        """End the run as an interrupt does; safe in a signal handler and from any thread."""
        self._mailbox.put(Stop.SIGNAL)
        self.cancel.set()

    def ask(self, action: Callable[[], None]) -> bool:
        """Have the thread that runs the run do something, and wait for it; False where the run ends before that."""
        request = Request(action, threading.Event())
        self._mailbox.put(request)
        while not request.done.wait(HEARD_WITHIN):
            if self.cancel.is_set():
                return request.done.is_set()
        return True

    def enter(self, resource: AbstractContextManager[T]) -> T:
        """Enter a context that lasts as long as the run: a trace, the telemetry, a progress bar."""
        return self._resources.enter_context(resource)

    def call(self, action: Callable[[], T], name: str) -> T:
        """Do something that may take long in native code, in a thread, while this one goes on hearing signals.

        Python hears no signal while the main thread is inside a library, and OpenCV waits for seconds for an address
        that does not answer. Where this thread is interrupted, the other is left to itself.

        Args:
            action: What to do.
            name: The thread's name.

        Raises:
            BaseException: Whatever the action raises.
        """
        results: list[T] = []
        problems: list[BaseException] = []
        done: queue.SimpleQueue[None] = queue.SimpleQueue()

        def work() -> None:
            try:
                results.append(action())
            except BaseException as problem:  # raised again where it was asked for
                problems.append(problem)
            done.put(None)

        threading.Thread(target=work, name=name, daemon=True).start()
        waiting = True
        while waiting:
            with suppress(queue.Empty):
                done.get(timeout=HEARD_WITHIN)
                waiting = False
        if problems:
            raise problems[0]
        return results[0]

    @contextmanager
    def opened(self, source: Source) -> Iterator[Source]:
        """A source, opened; closed at the end, unless a thread that hangs is still inside it.

        Raises:
            UsageError: See `Source.open`.
        """
        source.heed(self.cancel)
        using = threading.Lock()  # an opening that was left to itself comes first

        def open_it() -> None:
            with using:
                source.open()

        def close_it() -> None:
            with using:
                source.close()

        try:
            self.call(open_it, "open")
            yield source
        finally:
            self.cancel.set()
            if not self._left():
                closing = threading.Thread(target=close_it, name="close", daemon=True)
                closing.start()
                closing.join(CLOSE_WITHIN)

    def start(self, threads: Sequence[StageThread]) -> None:
        """Start threads that were made with `common`."""
        for thread in threads:
            self._threads.append(thread)
            thread.start()

    def give_up(self, thread: StageThread) -> None:
        """Wait for a thread no longer, and hear no more of it: it hangs in something that is not needed any more."""
        self._given_up.add(thread)

    def next_message(self, timeout: float) -> Stop | Ready | Ended | Request | None:
        """What has happened since it was last asked; None where nothing came in time, or within `HEARD_WITHIN`.

        Args:
            timeout: Seconds to wait at most; 0 does not.
        """
        while True:
            try:
                message = self._mailbox.get(block=timeout > 0, timeout=min(timeout, HEARD_WITHIN))
            except queue.Empty:
                return None
            if not isinstance(message, Ended) or message.thread not in self._given_up:
                return message

    def end(self, others: Sequence[StageThread] = ()) -> list[SmiledetError]:
        """End the run: every thread closes what it has. Those that are not done within `STOP_WITHIN` are left behind.

        Args:
            others: Threads that may not have been started yet: they close what they were handed, and no more.

        Returns:
            What went wrong in threads of whose end nobody has heard yet.
        """
        self.cancel.set()
        self.start([thread for thread in others if thread not in self._threads])
        for thread in self._left():
            threading.Thread(target=thread.interrupt, name=f"interrupt {thread.name}", daemon=True).start()
        deadline = time.monotonic() + STOP_WITHIN
        for thread in (each for each in self._threads if each not in self._given_up):
            if not thread.join(max(0.0, deadline - time.monotonic())):
                log.warning("stage %s did not stop in time; it is left behind", thread.name)
        problems = []
        while (message := self.next_message(0)) is not None:
            if isinstance(message, Ended) and message.problem is not None:
                problems.append(message.problem)
        return problems

    def _left(self) -> list[StageThread]:
        return [thread for thread in self._threads if thread.alive]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel.set()
        self._resources.__exit__(kind, problem, trace)  # a trace of a run that never began is none
