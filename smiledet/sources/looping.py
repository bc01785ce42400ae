"""A file that begins again when it ends: `--loop`."""

from __future__ import annotations

from dataclasses import replace

from typing_extensions import override

from smiledet.sources.base import Picture, Source
from smiledet.system.cancel import CancelToken


class Looped(Source):
    """Opens another source anew whenever it ends; the time line goes on, and the first picture of each round is a cut.

    Args:
        source: What is repeated, a file; opened and closed with this.
    """

    live = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0.0
        self._last = 0.0
        self.description = source.description

    @override
    def open(self) -> None:
        self._offset = self._last = 0.0
        self._source.open()
        self.description = f"{self._source.description}, over and over"
        self.fps, self.size = self._source.fps, self._source.size

    @override
    def read(self) -> Picture | None:
        picture = self._source.read()
        independent = False
        if picture is None and not self.cancel.is_set():
            self._source.close()
            self._source.open()
            picture, independent = self._source.read(), True
            self._offset = self._last + (1 / self.fps if self.fps > 0 else 1.0)
        if picture is None:
            return None
        self._last = self._offset + picture.timestamp
        return replace(picture, timestamp=self._last, independent=picture.independent or independent)

    @override
    def close(self) -> None:
        self._source.close()

    @override
    def heed(self, cancel: CancelToken) -> None:
        super().heed(cancel)
        self._source.heed(cancel)

    @override
    def interrupt(self) -> None:
        self._source.interrupt()
