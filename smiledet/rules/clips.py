"""Clips of what a rule saw, with what came before: frames are kept as JPEGs in a ring that is bounded in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from smiledet.frame import Annotation, Frame, Image
from smiledet.sinks.video import VideoSink

MOST_BYTES = 64 << 20
"""Of the frames that are kept before something is seen; twice as much of one clip."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame.

    Attributes:
        timestamp: Seconds on the source's time line.
        data: The picture, JPEG.
    """

    timestamp: float
    data: bytes = field(repr=False)


class Ring:
    """The frames of the last seconds.

    Args:
        seconds: How far back they reach.
        most_bytes: What they come to at most; then they reach less far back.
    """

    def __init__(self, seconds: float, most_bytes: int = MOST_BYTES) -> None:
        self._seconds, self._most = seconds, most_bytes
        self._frames: deque[Kept] = deque()
        self.bytes = 0
        """What the frames come to."""

    def add(self, frame: Kept) -> None:
        """Take the newest frame, and drop what is too old or too much."""
        if self._frames and frame.timestamp < self._frames[-1].timestamp:  # the source began anew
            self._frames.clear()
            self.bytes = 0
        self._frames.append(frame)
        self.bytes += len(frame.data)
        while len(self._frames) > 1 and (
            self.bytes > self._most or frame.timestamp - self._frames[0].timestamp > self._seconds
        ):
            self.bytes -= len(self._frames.popleft().data)

    def since(self, timestamp: float) -> list[Kept]:
        """The frames from a moment on, the oldest first."""
        return [frame for frame in self._frames if frame.timestamp >= timestamp]


class Clip:
    """A clip in the making: what was kept, and what comes until it ends.

    Args:
        frames: What came before and when it began.
        until: When it ends, seconds on the source's time line.
    """

    def __init__(self, frames: Sequence[Kept], until: float) -> None:
        self.frames = list(frames)
        self.until = until
        self._bytes = sum(len(frame.data) for frame in frames)

    def take(self, frame: Kept) -> bool:
        """Take a frame; True where the clip is over with it."""
        if self.frames and frame.timestamp < self.frames[-1].timestamp:
            return True
        if not self.frames or frame.timestamp > self.frames[-1].timestamp:
            self.frames.append(frame)
            self._bytes += len(frame.data)
        return frame.timestamp >= self.until or self._bytes > 2 * MOST_BYTES


def write_clip(path: Path, frames: Sequence[Kept]) -> None:
    """Write frames as a video, each at its own time; no file is overwritten.

    Raises:
        SmiledetError: It cannot be written, or a file of that name is there.
    """
    steps = sorted(after.timestamp - before.timestamp for before, after in pairwise(frames))
    fps = 1 / steps[len(steps) // 2] if steps and steps[len(steps) // 2] > 0 else 0.0
    with VideoSink(path, min(fps, 120.0), timed=True, new=True) as sink:
        for number, kept in enumerate(frames):
            image: Image = cv2.imdecode(np.frombuffer(kept.data, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[assignment]
            sink.write(Frame(number, 0, kept.timestamp, image), Annotation(image, ()))
