"""Video files, and clips that come through a pipe."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import USUAL_FPS, NamedSource, Picture, SourceSettings
from smiledet.sources.capture import GuardedCapture
from smiledet.sources.decoder import Decoder
from smiledet.sources.images import is_image_name
from smiledet.sources.timeline import Timeline
from smiledet.system.text import printable

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"


class VideoSource(NamedSource):
    """A video file, a named pipe or standard input; pictures are shown as they are meant to be seen, see `Decoder`.

    `length` is an estimate where pictures come at a variable rate. A clip that breaks off ends there, with a warning.

    Args:
        path: The file; `-` is standard input.
    """

    forms = "a video file, or - for a clip on standard input"
    rank = 100  # whatever file nobody else wants
    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = "standard input" if str(path) == STANDARD_INPUT else printable(path)
        self.description = f"video {self._name}"
        self.repeatable = not _is_pipe(str(path))
        self._decoder: Decoder | None = None
        self._capture: GuardedCapture | None = None
        self._pending: Picture | None = None
        self._ended = False

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        # Path's own raise at what is too long for a name.
        return _is_pipe(spec) or (os.path.isfile(spec) and not is_image_name(spec))  # noqa: PTH113

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(Path(spec))

    @override
    def open(self) -> None:
        self._decoder = decoder = self._open_decoder()
        self._capture = GuardedCapture(decoder)
        self._taken, self._ended = 0, False
        rate, count = (self._capture.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.fps = rate if 0 < rate <= 1000 else USUAL_FPS
        self.length = round(count) if count >= 1 else None
        self._timeline = Timeline(1 / self.fps)
        self._pending = self._decode()
        if self._pending is None:
            self.close()
            problem = decoder.problem or "there is none"
            raise SourceError(f"no picture of {self._name} can be decoded: {problem}{self._hint}")
        self.size = (self._pending.image.shape[1], self._pending.image.shape[0])
        self.description = f"video {self._name}, {self.size[0]}x{self.size[1]} at {self.fps:g} FPS"

    @override
    def read(self) -> Picture | None:
        picture, self._pending = self._pending, None
        if picture is None and not self._ended:
            picture = self._decode()
            if picture is None and not self._ended:
                self._ended = True
                self._say_how_it_ended()
        return picture

    @override
    def close(self) -> None:
        self._ended = True
        self._pending = None
        if self._capture is not None:
            self._capture.release()

    def _open_decoder(self) -> Decoder:
        if str(self._path) == STANDARD_INPUT:
            if sys.stdin is None or sys.stdin.closed:
                raise SourceError("there is no standard input to read a clip from")
            if sys.stdin.isatty():
                raise SourceError("standard input is a terminal: send it a clip, as in cat clip.mkv | smiledet run -")
            address = "pipe:0"
        else:
            address = str(self._path.absolute())  # what stands before a colon would be taken for a protocol
            if self.repeatable:
                try:
                    self._path.open("rb").close()
                except OSError as problem:
                    raise SourceError(f"cannot read {self._name}: {problem.strerror}") from problem
        try:
            return Decoder(address)
        except SourceError as problem:
            raise SourceError(f"{self._name} is no video that can be read: {problem}{self._hint}") from problem

    @property
    def _hint(self) -> str:
        return "" if self.repeatable else "; of a pipe it must be readable from front to back, as .mkv and .ts are"

    def _decode(self) -> Picture | None:
        """The next picture that can be decoded."""
        capture = self._capture
        while capture is not None and capture.grab():
            position = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            image: Image | None = capture.retrieve()
            if image is not None:
                timestamp = self._timeline.place(max(0.0, position) if self._taken == 0 else position)
                self._taken += 1
                return Picture(image, timestamp)
        return None

    def _say_how_it_ended(self) -> None:
        decoder = self._decoder
        if decoder is None:
            return
        if not decoder.ended:
            how = decoder.problem
            log.warning("%s breaks off after %d frames, at %.1f s: %s", self._name, self._taken, decoder.reached, how)
        elif decoder.missing:
            promised = decoder.reached + decoder.missing
            log.warning(
                "%s ends after %d frames, at %.1f s of %.1f s", self._name, self._taken, decoder.reached, promised
            )
        elif decoder.damaged:  # of one that is cut off the last picture is damaged
            log.warning("%s: %d of its pictures could not be decoded: %s", self._name, decoder.damaged, decoder.problem)


def _is_pipe(spec: str) -> bool:
    """Whether it can be read only once, from front to back."""
    if spec == STANDARD_INPUT:
        return True
    try:
        return stat.S_ISFIFO(os.stat(spec).st_mode)  # noqa: PTH116 - Path's raises at what is no name at all
    except (OSError, ValueError):
        return False


SOURCE = VideoSource
