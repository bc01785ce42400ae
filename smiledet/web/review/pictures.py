"""Any picture of a clip, by its time."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2

from smiledet.frame import Image
from smiledet.sources.decoder import Decoder

AHEAD = 2.0
"""Seconds up to which decoding on is quicker than seeking."""

NEAR = 1e-3
"""Seconds by which a time may differ from the picture's own: events round theirs."""


class ClipPictures:
    """A clip that is open; any thread may ask, one after the other.

    Args:
        path: The clip.

    Raises:
        SourceError: It cannot be opened, or holds no video.
    """

    def __init__(self, path: Path) -> None:
        self._decoder = Decoder(str(path.absolute()))
        self._lock = threading.Lock()
        self._shown: tuple[float, Image] | None = None

    def at(self, seconds: float) -> Image | None:
        """The picture at a time, or the last one before the end; None where nothing can be decoded.

        Args:
            seconds: Of the clip.
        """
        with self._lock:
            shown = self._shown
            if shown is not None and abs(shown[0] - seconds) <= NEAR:
                return shown[1]
            if shown is None or not shown[0] < seconds <= shown[0] + AHEAD:
                self._seek(seconds)
            self._decode_to(seconds)
            return self._shown[1] if self._shown is not None else None

    def close(self) -> None:
        """Close the clip."""
        with self._lock:
            self._decoder.release()

    def _seek(self, seconds: float) -> None:
        """Go back to the key frame before a time; some containers land after it, and then it is the beginning."""
        for target in (seconds, 0.0):
            self._decoder.seek(max(0.0, target))
            if self._grab() <= seconds + NEAR:
                self._keep()
                return

    def _decode_to(self, seconds: float) -> None:
        while self._shown is None or self._shown[0] < seconds - NEAR:
            if math.isinf(self._grab()):
                return
            self._keep()

    def _grab(self) -> float:
        """The time of the next picture; infinite after the last."""
        if not self._decoder.grab():
            return math.inf
        position = self._decoder.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return position if math.isfinite(position) else 0.0

    def _keep(self) -> None:
        there, image = self._decoder.retrieve()
        if there and image is not None:
            position = self._decoder.get(cv2.CAP_PROP_POS_MSEC) / 1000
            self._shown = (position if math.isfinite(position) else 0.0, image)
