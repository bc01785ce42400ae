"""A bound on what the photographs that are read at once take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smiledet.detection.photographs import WORKING_SIDE
from smiledet.system.memory import hand_back_memory

LIBRARIES = 100_000_000
"""Bytes that the process takes without models and pictures."""

MODELS = 30_000_000
"""Bytes of a worker's models, without the search of a whole photograph."""

SEARCH = 50
"""Bytes of the search, for a pixel of a square of `WORKING_SIDE`: 82 MB for one of 1280 pixels."""

ROOM = 64_000_000
"""Bytes for pictures: three JPEGs of 12 megapixels at once. What takes more is read alone, in the place of what the
searches hold."""

LEAST = 399_000_000
"""Bytes that are taken at most where nobody sets a bound, and more of workers do not want more."""

LARGE = 32_000_000
"""Bytes from which what is free is handed back to the system before a photograph takes them, and when it has."""


def bytes_a_worker(faces: str) -> int:
    """Bytes that each worker takes without a picture.

    Args:
        faces: Smallest faces that are wanted, see `smiledet.detection.photographs.PhotographSettings`.
    """
    return MODELS + bytes_of_a_search(faces)


def bytes_of_a_search(faces: str) -> int:
    """The part of `bytes_a_worker` that can be handed back between two photographs."""
    return int(SEARCH * WORKING_SIDE[faces] ** 2)


def usual_memory(faces: str, workers: int) -> int:
    """Bytes that so many workers take together at most where nobody sets a bound.

    >>> usual_memory("normal", 2) // 1_000_000, usual_memory("normal", 4) // 1_000_000
    (399, 611)
    """
    return max(LEAST, LIBRARIES + workers * bytes_a_worker(faces) + ROOM)


def workers_within(total: int, faces: str, workers: int) -> int:
    """How many workers can read under a bound, one at least.

    >>> workers_within(500_000_000, "normal", 8), workers_within(300_000_000, "normal", 8)
    (3, 1)
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
        make_room: Called before a photograph is read alone, when no other is being read: has the memory of the
            searches handed back.
    """

    def __init__(
        self,
        total: int,
        faces: str,
        workers: int,
        make_room: Callable[[], object] = lambda: None,
    ) -> None:
        self._free = self._most = max(1, total - LIBRARIES - workers * bytes_a_worker(faces))
        self._alone = max(1, total - LIBRARIES - workers * MODELS)
        self._total = total
        self._make_room = make_room
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
            What is held then: where more is wanted, all that there is, and the searches' memory besides.

        Raises:
            TooLargeError: There will never be as much.
        """
        with self._changed:
            self._free += held
            self._changed.notify_all()
            if wanted > self._alone:
                needed = (self._total - self._alone + wanted + 1_000_000) // 1_000_000
                raise TooLargeError(
                    f"to read it takes {needed} MB, at most {self._total // 1_000_000} are allowed: "
                    f"smiledet images --memory {needed} reads it"
                )
            taken = min(self._most, wanted)
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
            if wanted > self._most:
                self._make_room()
            if wanted >= LARGE:
                hand_back_memory()
        return taken


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
