"""A bound on what the photographs that are read at once take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from smiledet.detection.photographs import WORKING_SIDE
from smiledet.system.memory import hand_back_memory

LIBRARIES = 100_000_000
"""Bytes that the process takes without models and pictures."""

MODELS = 50_000_000
"""Bytes of a worker's models, without the search of a whole photograph."""

SEARCH = 50
"""Bytes of the search, for a pixel of a square of `WORKING_SIDE`: 82 MB for one of 1280 pixels."""

USUAL_ROOM = 36_000_000
"""Bytes for pictures where nobody sets a bound: three JPEGs of 12 megapixels at once. What takes more is read alone."""

ROOM = 90_000_000
"""The same that are left at least under a bound: what decoding a HEIC of 12 megapixels takes."""

LARGE = 32_000_000
"""Bytes from which what a photograph took is handed back to the system at once."""


def bytes_a_worker(faces: str) -> int:
    """Bytes that each worker takes without a picture.

    Args:
        faces: Smallest faces that are wanted, see `smiledet.detection.photographs.PhotographSettings`.
    """
    return int(MODELS + SEARCH * WORKING_SIDE[faces] ** 2)


def usual_memory(faces: str, workers: int) -> int:
    """Bytes that so many workers take together where nobody sets a bound.

    >>> usual_memory("normal", 2) // 1_000_000
    399
    """
    return LIBRARIES + workers * bytes_a_worker(faces) + USUAL_ROOM


def workers_within(total: int, faces: str, workers: int) -> int:
    """How many workers can read under a bound, one at least.

    >>> workers_within(500_000_000, "normal", 8), workers_within(300_000_000, "normal", 8)
    (2, 1)
    """
    return max(1, min(workers, (total - LIBRARIES - ROOM) // bytes_a_worker(faces)))


class TooLargeError(Exception):
    """A photograph does not fit into the memory that the caller has set."""


class MemoryBudget:
    """Lets photographs in as long as they fit.

    Args:
        total: Bytes that the whole process is to stay under.
        faces: See `bytes_a_worker`.
        workers: Threads that read.
        strict: Whether a photograph that does not fit even alone is refused; else it is read alone.
    """

    def __init__(self, total: int, faces: str, workers: int, strict: bool = False) -> None:
        self._free = self._most = max(1, total - LIBRARIES - workers * bytes_a_worker(faces))
        self._strict = strict
        self._changed = threading.Condition()

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one photograph holds while the block runs: nothing at first."""
        share = Share(self)
        try:
            yield share
        finally:
            share.take(0)

    def exchange(self, held: int, wanted: int) -> int:
        """Give back what is held, and wait for what is wanted; so nobody waits while holding something.

        Returns:
            What is held then: all that there is where more is wanted.

        Raises:
            TooLargeError: There will never be as much.
        """
        with self._changed:
            self._free += held
            self._changed.notify_all()
            if wanted > self._most and self._strict:
                raise TooLargeError(
                    f"it takes {wanted / 1e6:.0f} MB to read it, of which {self._most / 1e6:.0f} are left: "
                    "give more --memory"
                )
            wanted = min(self._most, wanted)
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        return wanted


class Share:
    """A photograph's part of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._held = 0

    def take(self, wanted: int) -> None:
        """Hold so many bytes in the place of what was held, once they are free.

        Raises:
            TooLargeError: There will never be as many.
        """
        held, self._held = self._held, 0
        if held >= LARGE:
            hand_back_memory()
        self._held = self._budget.exchange(held, wanted)
