"""Network streams through FFmpeg: RTSP, RTMP, and HTTP, MJPEG cameras among them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.sources.base import LONGEST_CLIP, Picture, SourceSettings
from smiledet.sources.capture import Capture, GuardedCapture
from smiledet.sources.live import LiveSource
from smiledet.system.redaction import redact_address


def open_ffmpeg(address: str, options: Sequence[int]) -> Capture:
    """A capture of a file or address with OpenCV's open parameters, open or not."""
    capture: Capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, list(options))
    return capture


class StreamSource(LiveSource):
    """A stream; a finite clip at an HTTP address is played at its own pace and ends.

    Args:
        address: rtsp://, rtsps://, rtmp://, http:// or https://.
        settings: Time limits.
        open_capture: Opens an address with OpenCV's open parameters; tests bring their own.
        others: The clocks of `LiveSource`.
    """

    forms = "a stream (rtsp://, rtmp://, http:// or https://…)"

    def __init__(
        self,
        address: str,
        settings: SourceSettings,
        open_capture: Callable[[str, Sequence[int]], Capture] = open_ffmpeg,
        **others: Any,
    ) -> None:
        super().__init__(f"stream {redact_address(address)}", settings, **others)
        self._address = address
        self._open_capture = open_capture
        self._taken = 0
        self._began: float | None = None

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return re.match(r"(rtsps?|rtmps?|https?)://", spec, re.IGNORECASE) is not None

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(spec, settings)

    def _connect(self, timeout: float) -> GuardedCapture:
        options = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(timeout * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(self._settings.read_timeout * 1000)),
            # Each further decoding thread holds back one more picture: half a second at 16.
            *(cv2.CAP_PROP_N_THREADS, 1),
        ]
        capture = GuardedCapture(self._open_capture(self._address, options))
        if not capture.is_open():
            capture.release()
            raise SourceError(
                f"{self.name} does not open within {timeout:g} s; is the address right, and does it send video?"
            )
        self._taken = 0
        self._began = None
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = round(count) if 0 < count < LONGEST_CLIP else None
        return capture

    def _next_picture(self) -> Picture | None:
        picture = super()._next_picture()
        if picture is None or self._capture is None:
            return picture
        self._taken += 1
        return picture if self.length is None else self._at_its_time(picture, self._capture)

    def _at_its_time(self, picture: Picture, capture: GuardedCapture) -> Picture:
        """Hold back a picture of a clip, which arrives as fast as the network carries it, until it is due."""
        position = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._began is None:
            self._began = self._clock() - position
        early = self._began + position - self._clock()
        if early > 0:
            self._wait(early)
        return replace(picture, timestamp=self._clock() + self._unix_offset)

    def _is_over(self) -> bool:
        return self.length is not None and self._taken >= 0.95 * self.length - 2


SOURCE = StreamSource
