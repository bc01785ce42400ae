"""What keeps time from running backwards: what follows faces and smooths labels divides by differences of it."""

from __future__ import annotations

import math

USUAL_STEP = 1 / 25
"""Seconds between two pictures where nobody says."""

RESTART = 1.0
"""Seconds by which time must jump back to count as begun anew; less are pictures out of order."""

LONGEST_GAP = 86400.0
"""Seconds of the longest gap that is believed."""

SHORTEST_STEP = 1e-4
"""Seconds by which two pictures differ at least; less is the same time, and would make a speed of any rounding."""

LATEST = 1e11
"""Seconds of the latest first time that is believed, 3,000 years after 1970."""


class Timeline:
    """Places the pictures of a source on a line of its own, on which time always increases.

    Times that do increase stay as they are. A picture without a time (NaN), or with the time of an earlier one, comes a
    step after the picture before it. Where time begins anew, or jumps by more than a day, the line goes on from there.

    Args:
        step: Seconds from one picture to the next, where their times say nothing.

    >>> line = Timeline(0.5)
    >>> [line.place(time) for time in (7.0, 8.0, 8.0, float("nan"), 0.0, 1.0)]
    [7.0, 8.0, 8.5, 9.0, 9.5, 10.5]
    """

    def __init__(self, step: float = USUAL_STEP) -> None:
        self._step = step
        self._offset = 0.0
        self._last: float | None = None

    def place(self, timestamp: float) -> float:
        """The next picture's place in seconds, above that of every picture before it."""
        self._last = self._placed(timestamp)
        return self._last

    def _placed(self, timestamp: float) -> float:
        if self._last is None:
            believed = abs(timestamp) < LATEST  # not so of NaN
            self._offset = 0.0 if believed or not math.isfinite(timestamp) else -timestamp
            return timestamp if believed else 0.0
        after = self._last + self._step
        ahead = timestamp + self._offset - self._last
        if SHORTEST_STEP <= ahead < LONGEST_GAP:
            return timestamp + self._offset
        if not math.isfinite(timestamp) or -RESTART < ahead < SHORTEST_STEP:
            return after
        self._offset = after - timestamp
        return after
