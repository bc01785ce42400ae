"""One word for a whole run: it is over."""

from __future__ import annotations

import threading


class CancelToken:
    """Set once, when a run is over; whatever waits in that run waits through it.

    Not a `threading.Event`, whose lock a signal handler would wait for in vain if the signal interrupts the thread that
    holds it: `set` may be called from a handler.

    >>> cancel = CancelToken()
    >>> cancel.wait(0.001), cancel.is_set()
    (False, False)
    >>> cancel.set()
    >>> cancel.wait(60), cancel.is_set()
    (True, True)
    """

    __slots__ = ("_gate", "_keys", "_set")

    def __init__(self) -> None:
        self._set = False
        self._gate = threading.Lock()  # shut until the token is set; whoever comes through opens it for the next
        self._gate.acquire()
        self._keys = [None]  # whoever gets it opens the gate; `pop` is atomic

    def set(self) -> None:
        """Say that the run is over; safe in a signal handler and from any thread, and as often as one likes."""
        self._set = True
        try:
            self._keys.pop()
        except IndexError:
            return
        self._gate.release()

    def is_set(self) -> bool:
        """Whether the run is over."""
        return self._set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the run is over, or so many seconds.

        Args:
            seconds: None for ever; 0 or less does not wait.

        Returns:
            Whether the run is over.
        """
        if not self._set and (seconds is None or seconds > 0):
            timeout = -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)
            if self._gate.acquire(timeout=timeout):
                self._gate.release()
        return self._set
