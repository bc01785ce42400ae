"""Annotated frames as a video file."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from typing_extensions import override

from smiledet.errors import OutputError, SmiledetError
from smiledet.frame import Annotation, Frame, Image
from smiledet.sinks.base import Sink
from smiledet.sources.base import USUAL_FPS
from smiledet.sources.capture import GuardedCapture
from smiledet.system.opencv import file_name
from smiledet.system.output_files import check_suffix, claim_file

log = logging.getLogger(__name__)

CODECS = {".mp4": ("mp4v",), ".avi": ("MJPG",), ".mkv": ("mp4v",), ".webm": ("VP80", "VP90")}
"""By suffix, the codecs tried in turn: those that OpenCV's own FFmpeg carries (H.264 is not among them)."""

LONGEST_REPEAT = 10.0
"""Seconds for which a picture is repeated at most where nothing came; a longer gap is cut short."""

RESERVE = 16 * 2**20
"""Bytes of the disk left free, with which the container is finished."""


def free_space(folder: Path) -> int:
    """Bytes that may still be written to the file system of a folder."""
    return shutil.disk_usage(folder).free


class VideoSink(Sink):
    """A video file: .mp4, .avi, .mkv or .webm.

    Args:
        path: The file; one that is there is overwritten at the first frame.
        fps: Frames a second at which the file plays; 0 stands for `USUAL_FPS`.
        size: (width, height) in pixels; None takes the first frame's. Other frames are fitted in between black bars.
        real_time: Place frames by their timestamps, so that the file plays as long as the source did: gaps repeat the
            frame before, and frames that come too fast are left out. Otherwise one frame in is one frame out.
        free_bytes: Free bytes of a folder's file system; tests bring their own.
        reserve: Bytes to leave free, see `RESERVE`.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        size: tuple[int, int] | None = None,
        real_time: bool = False,
        free_bytes: Callable[[Path], int] = free_space,
        reserve: int = RESERVE,
    ) -> None:
        self.description = f"video {path}"
        self.written = 0
        self._path = path
        self._name = ""  # as OpenCV takes it
        self._fps = fps if fps > 0 else USUAL_FPS
        self._size = size
        self._real_time = real_time
        self._free_bytes = free_bytes
        self._reserve = reserve
        self._codec = ""
        self._fresh = self._open = False
        self._writer: cv2.VideoWriter | None = None
        self._origin = 0.0  # the timestamp that falls on frame 0 of the file
        self._last: Image | None = None
        self._unchecked = 0  # bytes of picture since the last look at the disk

    @override
    def open(self) -> None:
        suffix = check_suffix(self._path, tuple(CODECS))
        self._name = file_name(self._path)
        self._fresh = claim_file(self._path)
        self._open = True
        try:
            self._codec = find_codec(suffix)
            self._guard_disk(0)
        except SmiledetError as problem:
            self.close()
            raise OutputError(str(problem)) from problem

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if self._writer is None:
            self._start(frame, annotation.image)
        assert self._size is not None
        image = letter_box(annotation.image, self._size)
        if self._real_time:
            if not self._fill_until(frame.timestamp):
                return
            self._last = image
        self._put(image)

    @override
    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._writer is not None:
            self._writer.release()
            self._check()
            self.wrote = self._path
        elif self._fresh:
            self._path.unlink(missing_ok=True)
            log.info("%s: no frame was written, so there is no file", self.description)

    def _start(self, frame: Frame, image: Image) -> None:
        if self._size is None:
            self._size = (image.shape[1], image.shape[0])
        self._size = (max(2, self._size[0] & -2), max(2, self._size[1] & -2))  # the codecs take even sides alone
        self._guard_disk(0)
        fourcc = cv2.VideoWriter.fourcc(*self._codec)
        self._writer = cv2.VideoWriter(self._name, cv2.CAP_FFMPEG, fourcc, self._fps, self._size)
        if not self._writer.isOpened():
            self._writer = None
            raise SmiledetError(
                f"cannot write {self._path}: OpenCV refuses {self._size[0]}x{self._size[1]} at {self._fps:g} FPS"
            )
        self._origin = frame.timestamp

    def _fill_until(self, timestamp: float) -> bool:
        """Repeat the last picture up to a moment; False where that moment's place in the file is taken."""
        number = round((timestamp - self._origin) * self._fps)
        longest = max(1, round(LONGEST_REPEAT * self._fps))
        if number - self.written > longest:
            self._origin += (number - self.written - longest) / self._fps
            number = self.written + longest
        while self._last is not None and self.written < number:
            self._put(self._last)
        return number >= self.written

    def _put(self, image: Image) -> None:
        self._guard_disk(image.nbytes)
        assert self._writer is not None
        self._writer.write(image)
        self.written += 1

    def _guard_disk(self, size: int) -> None:
        """Stop while there is room to finish the file: OpenCV says nothing of failed writes.

        The disk is looked at again before as much picture as fits into the reserve has been handed over; encoded, it
        is less.

        Raises:
            SmiledetError: The disk is full but for the reserve.
        """
        self._unchecked += size
        if size and self._unchecked < self._reserve // 2 and self.written:
            return
        free = self._free_bytes(self._path.resolve().parent)
        if free < self._reserve:
            kept = f"the video up to frame {self.written} is kept" if self.written else "nothing was written"
            raise SmiledetError(f"disk full: {self._path}: {free / 2**20:.0f} MB left; {kept}")
        self._unchecked = size

    def _check(self) -> None:
        """See that the finished file can be read.

        Raises:
            SmiledetError: It cannot.
        """
        capture = GuardedCapture(cv2.VideoCapture(self._name, cv2.CAP_FFMPEG))
        readable = capture.grab()
        capture.release()
        if not readable:
            raise SmiledetError(f"{self._path} was written but cannot be read back; was the disk full?")


@lru_cache
def find_codec(suffix: str) -> str:
    """The first codec for a suffix that this OpenCV can really write, tried in a temporary folder.

    Raises:
        OutputError: There is none.
    """
    for codec in CODECS[suffix]:
        with TemporaryDirectory(prefix="smiledet-") as folder:
            fourcc = cv2.VideoWriter.fourcc(*codec)
            writer = cv2.VideoWriter(str(Path(folder) / f"probe{suffix}"), cv2.CAP_FFMPEG, fourcc, 25.0, (64, 64))
            opened = writer.isOpened()
            writer.release()
        if opened:
            return codec
    others = " or ".join(other for other in CODECS if other != suffix)
    raise OutputError(f"this OpenCV cannot write {suffix} files; use {others}")


def letter_box(image: Image, size: tuple[int, int]) -> Image:
    """Fit a picture into (width, height) between black bars; the same picture where it fits already.

    >>> boxed = letter_box(np.full((10, 20, 3), 9, np.uint8), (40, 40))
    >>> boxed.shape, int(boxed[0, 0, 0]), int(boxed[20, 20, 0])
    ((40, 40, 3), 0, 9)
    """
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    if image.shape[0] - height in (0, 1) and image.shape[1] - width in (0, 1):
        return np.ascontiguousarray(image[:height, :width])  # an odd side loses a row, not its sharpness
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    boxed = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    boxed[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=method)
    return boxed
