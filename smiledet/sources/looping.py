"""A file that begins again when it ends: `--loop`."""

from __future__ import annotations

import threading

from typing_extensions import override

from smiledet.errors import SmiledetError
from smiledet.sources.base import Picture, Source


class Looped(Source):
    """Opens another source anew whenever it ends; the time line goes on, and the first picture of each round is a cut.

    Args:
        source: What is repeated, a file; opened and closed with this.
    """

    live = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ending = threading.Event()
        self._offset = 0.0
        self._last = 0.0
        self.description = source.description

    @override
    def open(self) -> None:
        self._ending.clear()
        self._offset = self._last = 0.0
        self._source.open()
        self.description = f"{self._source.description}, over and over"
        self.fps, self.size = self._source.fps, self._source.size

    @override
    def read(self) -> Picture | None:
        picture = self._source.read()
        independent = False
        if picture is None and not self._ending.is_set():
            self._source.close()
            try:
                self._source.open()
            except SmiledetError:
                if self._ending.is_set():  # what was being opened was closed by another thread, and looks broken
                    return None
                raise
            if self._ending.is_set():  # meanwhile, by another thread
                self._source.close()
            picture, independent = self._source.read(), True
            self._offset = self._last + (1 / self.fps if self.fps > 0 else 1.0)
        if picture is None:
            return None
        self._last = self._offset + picture.timestamp
        return Picture(picture.image, self._last, picture.independent or independent)

    @override
    def close(self) -> None:
        self._ending.set()
        self._source.close()
