"""A bound on what the photographs that are read at once take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

BYTES_A_PIXEL = 8
"""What reading takes: the picture in BGR, in grey, evened out, and its file."""

MODELS, MODELS_A_WORKER = 110_000_000, 85_000_000
"""Bytes that the process takes without a picture: its libraries, and each worker's models with their memory."""


class MemoryBudget:
    """Lets photographs in as long as they fit; one alone always does.

    Args:
        total: Bytes that the whole process is to stay under.
        workers: Threads that read.
    """

    def __init__(self, total: int, workers: int) -> None:
        self._free = self._most = max(1, total - MODELS - workers * MODELS_A_WORKER)
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for a photograph, and keep it for as long as it is read.

        Args:
            pixels: That are decoded.
        """
        needed = min(self._most, pixels * BYTES_A_PIXEL)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= needed)
            self._free -= needed
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()
