"""Video files through FFmpeg."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import LONGEST_CLIP, USUAL_FPS, NamedSource, Picture, SourceSettings
from smiledet.sources.capture import GuardedCapture
from smiledet.sources.images import is_image_name
from smiledet.system.opencv import file_name

log = logging.getLogger(__name__)

SMALL = 600_000
"""Pixels of pictures up to which one thread decodes. It reads them several times faster than the stages do; each thread
more holds back pictures of its own, 5 MB of 854x480, and hands every one over, which costs an eighth more."""


class VideoSource(NamedSource):
    """A video file, turned upright as its metadata ask.

    `length` is what the file promises; a damaged one ends before that.

    Args:
        path: The file.
    """

    forms = "a video file"
    rank = 100  # whatever file nobody else wants
    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.description = f"video {path}"
        self._capture: GuardedCapture | None = None
        self._pending: Picture | None = None
        self._taken = 0
        self._timestamp = 0.0
        self._ended = False

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return os.path.isfile(spec) and not is_image_name(spec)  # noqa: PTH113 - Path's raises at what is too long

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(Path(spec))

    @override
    def open(self) -> None:
        try:
            self._path.open("rb").close()
        except OSError as problem:
            raise SourceError(f"cannot read {self._path}: {problem.strerror}") from problem
        capture = _capture(file_name(self._path))
        rate, count = (capture.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.fps = rate if 0 < rate <= 1000 else USUAL_FPS
        self.length = round(count) if 0 < count < LONGEST_CLIP else None
        self._capture, self._taken, self._ended = capture, 0, False
        self._pending = None if _is_text(capture) else self._decode()
        if self._pending is None:
            self.close()
            raise SourceError(f"{self._path} is no video that OpenCV can read")
        self.size = (self._pending.image.shape[1], self._pending.image.shape[0])
        self.description = f"video {self._path}, {self.size[0]}x{self.size[1]} at {self.fps:g} FPS"

    @override
    def read(self) -> Picture | None:
        picture, self._pending = self._pending, None
        if picture is None and not self._ended:
            picture = self._decode()
            if picture is None:
                self._ended = True
                self._complain_if_short()
        return picture

    @override
    def close(self) -> None:
        self._ended = True
        self._pending = None
        if self._capture is not None:
            self._capture.release()

    def _decode(self) -> Picture | None:
        if self._capture is None or not self._capture.grab():
            return None
        position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        image: Image | None = self._capture.retrieve()
        if image is None:
            return None
        # Some containers say nothing, or the same of two pictures: time then goes on by one picture.
        if self._taken == 0:
            self._timestamp = max(0.0, position)
        elif position > self._timestamp:
            self._timestamp = position
        else:
            self._timestamp += 1 / self.fps
        self._taken += 1
        return Picture(image, self._timestamp)

    def _complain_if_short(self) -> None:
        # Containers that only estimate their length are off by a picture or two.
        if self.length is not None and self.length - self._taken > max(2, 0.05 * self.length):
            log.warning("%s ends after %d of %d frames", self._path, self._taken, self.length)


def _capture(name: str) -> GuardedCapture:
    """A file opened for decoding by one thread, or by as many as FFmpeg likes where its pictures are large."""
    capture = GuardedCapture(cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]))
    if capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) > SMALL:
        capture.release()
        capture = GuardedCapture(cv2.VideoCapture(name, cv2.CAP_FFMPEG))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # the default of every version but 4.11
    return capture


def _is_text(capture: GuardedCapture) -> bool:
    """Whether FFmpeg took the file for terminal art, as it does with any .txt."""
    return int(capture.get(cv2.CAP_PROP_FOURCC)) == int.from_bytes(b"ansi", "little")


SOURCE = VideoSource
