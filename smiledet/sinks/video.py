"""Annotated frames as a video file."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from typing_extensions import override

from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Frame, Image
from smiledet.sinks.base import Sink
from smiledet.sinks.recording import FORMATS, Recording, find_encoder
from smiledet.sinks.shortage import Shortage
from smiledet.sources.base import USUAL_FPS
from smiledet.system.output_files import NO_ROOM, OutputFile, check_suffix, free_path

log = logging.getLogger(__name__)

OF_A_PIPE = ".mkv"
"""The format of a pipe or device whose name tells none."""

TRY_EVERY = 1.0
"""Seconds of the source after which another file is tried while a disk is full."""

LONGEST_GAP = 10.0
"""Seconds without a picture that an AVI holds at most, since each place without one takes room in it."""


class VideoSink(Sink):
    """A video file: .mp4, .avi, .mkv or .webm, which can be read while it is written.

    A file that is there is replaced once there is a picture in the new one.

    Args:
        path: The file.
        fps: Frames a second, about; 0 stands for `USUAL_FPS`.
        size: (width, height) in pixels; None takes the first frame's. Other frames are fitted in between black bars.
        timed: Place frames by their timestamps, so that the file plays as the source did, whatever was dropped. Only an
            AVI has places at `fps` alone: a gap leaves some empty, and of frames that fall on one place the first is
            taken. Otherwise frames follow each other at `fps`.
        private: Whether nobody else may read the file.
        new: Whether it must not take the place of a file.
        goes_on: Whether a full disk, or a file that must not grow any more, is waited out: frames are left out, and
            once a second another file is tried, `NAME-2.SUFFIX` and so on.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        size: tuple[int, int] | None = None,
        timed: bool = False,
        private: bool = False,
        new: bool = False,
        goes_on: bool = False,
    ) -> None:
        self.description = f"video {path}"
        self.written = 0
        self.left_out = 0
        """Frames for which the file had no place."""
        self._path, self._private, self._new = path, private, new
        self._output = OutputFile(path, private, new)
        self._shortage = Shortage("frames", NO_ROOM if goes_on else ())
        self._tried = 0.0  # the timestamp at which there was no room
        self._cut = 0  # frames that were written before that and are not whole
        self._suffix = ""
        self._fps = fps if fps > 0 else USUAL_FPS
        self._size = size
        self._timed = timed
        self._recording: Recording | None = None
        self._origin = 0.0  # the timestamp at which the file begins
        self._last = -1  # ticks of the latest picture

    @override
    def open(self) -> None:
        suffix = check_suffix(self._output.path, tuple(FORMATS))
        self._suffix = suffix if suffix in FORMATS else OF_A_PIPE
        find_encoder(self._suffix)
        self._output.open()

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if self._recording is None and self._shortage.lasts and frame.timestamp < self._tried + TRY_EVERY:
            self._shortage.missing += 1
            return
        try:
            self._write(frame, annotation)
        except SmiledetError as problem:
            self._tried = frame.timestamp
            if not self._shortage.waits_out(problem):
                raise
            self._shortage.missing += self._cut
        else:
            if self._recording is not None and self._recording.kept:
                self._shortage.over(str(self._output.path))

    @override
    def close(self) -> None:
        recording, self._recording = self._recording, None
        try:
            if recording is not None:
                recording.close()
            elif self._suffix and not self.written:
                log.info("%s: no frame was written, so there is no file", self.description)
        finally:
            self._suffix = ""
            self._close_output()
            self.lacks = self._shortage.told(str(self._path))
        if self.left_out:
            log.warning("%s: %d frames came too fast for %g a second", self.description, self.left_out, self._fps)

    def _write(self, frame: Frame, annotation: Annotation) -> None:
        self._cut = 0
        if self._recording is None:
            if self._shortage.lasts:
                self._take_another_file()
            self._start(frame, annotation.image)
        assert self._size is not None and self._recording is not None
        tick = self._tick(frame, self._recording)
        if tick is None:
            self.left_out += 1
            return
        try:
            self._recording.put(letter_box(annotation.image, self._size), tick)
        except SmiledetError as problem:
            self._recording.abandon()
            kept = f"; the video up to frame {self._recording.kept} is kept" if self._output.wrote else ""
            self._cut = self._recording.count - self._recording.kept
            self._recording = None
            raise SmiledetError(f"{problem}{kept}") from problem
        self._last = tick
        self.written += 1

    def _take_another_file(self) -> None:
        """What was recorded stays as it is; where nothing was, the same name is taken again."""
        self._close_output()
        self._output = OutputFile(free_path(self._path) if self.wrote else self._path, self._private, self._new)
        self._output.open()

    def _close_output(self) -> None:
        """Let go of the file; of several the first is the one that is told."""
        try:
            self._output.close()
        finally:
            self.wrote = self.wrote or self._output.wrote

    def _start(self, frame: Frame, image: Image) -> None:
        width, height = self._size or (image.shape[1], image.shape[0])
        self._size = (max(2, width & -2), max(2, height & -2))  # the codecs take even sides alone
        self._recording = Recording(self._output, self._suffix, self._size, self._fps)
        self._origin, self._last = frame.timestamp, -1

    def _tick(self, frame: Frame, recording: Recording) -> int | None:
        """Where a frame goes; None where there is no place for it."""
        step = float(recording.tick)
        if not self._timed:
            return round(self.written / self._fps / step)
        tick = round((frame.timestamp - self._origin) / step)
        if not FORMATS[self._suffix].ticks:
            longest = max(1, round(LONGEST_GAP / step))
            if tick - self._last > longest and self._last >= 0:
                self._origin += (tick - self._last - longest) * step
                tick = self._last + longest
            return tick if tick > self._last else None
        return max(tick, self._last + 1)


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
