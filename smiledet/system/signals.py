"""Ctrl-C, `kill` and a closed terminal, each heard once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from smiledet.system.standard_streams import give_up_closed_terminal

SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []),
)
"""What ends a run. SIGHUP, a terminal that was closed, is left out where it was ignored from the start: `nohup`."""

Handlers = Mapping[signal.Signals, Any]
"""What is done on each signal, as `signal.signal` takes it."""

IGNORED: Handlers = dict.fromkeys(SIGNALS, signal.SIG_IGN)


def interrupt() -> None:
    """What a signal does while nothing runs that would have to be stopped first.

    Raises:
        KeyboardInterrupt: Always.
    """
    raise KeyboardInterrupt


def get_handlers() -> Handlers:
    """What is done on each of `SIGNALS` now."""
    return {number: signal.getsignal(number) for number in SIGNALS}


def set_handlers(handlers: Handlers) -> None:
    """Do something else on the signals; main thread only.

    Of one that comes just then Python says on standard error, through `sys.unraisablehook`, that it was "ignored due to
    race condition"; nobody has to know. Blocking signals would not do: other threads can be handed them as well.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _problem: None
    try:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    finally:
        sys.unraisablehook = hook


@dataclass(slots=True)
class Heard:
    """Whether a signal has come; see `on_signals`."""

    yes: bool = False


_enclosing: list[Heard] = []
"""Of each `on_signals` that the main thread is in, the outermost first."""


@contextmanager
def on_signals(action: Callable[[], None]) -> Iterator[Heard]:
    """Have the first of `SIGNALS` do something; main thread only.

    Further ones change nothing, even after the end: all is over within two seconds of the first, and to cut that short
    would cost the outputs their last frames. Without a signal the handlers are given back.

    An exception that the action raises can be lost, or become another: native modules that are just being imported
    do that. So one that was heard outside of this is heard here, too, and whoever sees another exception can ask.

    Args:
        action: Called between two instructions of the main thread; must not wait.
    """
    before = get_handlers()
    heard = Heard()
    closed = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal closed
        if number == signal.SIGHUP and not closed:  # a shower of them must not call this within itself
            closed = True
            give_up_closed_terminal()
        if not heard.yes:
            heard.yes = True
            action()

    _enclosing.append(heard)
    try:
        set_handlers(dict.fromkeys(SIGNALS, handle))
        if any(outer.yes for outer in _enclosing) and not heard.yes:
            heard.yes = True
            action()
        yield heard
    finally:
        _enclosing.pop()
        if not heard.yes:  # else this handler stays, which from now on does nothing
            set_handlers(before)
