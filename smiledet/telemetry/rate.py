"""Frames a second, now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class RateMeter:
    """Counts events over a sliding window, so that the rate falls when they stop coming.

    Args:
        window: Seconds up to now over which events are counted.
        clock: Monotonic seconds; tests bring their own.
    """

    MAX_EVENTS = 2000

    def __init__(self, window: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._clock = clock
        self._events: deque[float] = deque(maxlen=self.MAX_EVENTS)

    def tick(self) -> None:
        """Count one event."""
        now = self._clock()
        self._events.append(now)

    @property
    def rate(self) -> float:
        """Events a second over the window, or since the first one in it; 0 for fewer than two."""
        now = self._clock()
        while self._events and self._events[0] < now - self._window:
            self._events.popleft()
        if len(self._events) < 2:
            return 0.0
        return (len(self._events) - 1) / max(now - self._events[0], 1e-9)
