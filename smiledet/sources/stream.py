"""Network streams through FFmpeg: RTSP, RTMP, and HTTP, MJPEG cameras, clips and snapshots among them."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import Picture, SourceSettings
from smiledet.sources.capture import GuardedCapture
from smiledet.sources.certificates import tls_options
from smiledet.sources.decoder import Decoder
from smiledet.sources.live import LiveSource
from smiledet.sources.timeline import USUAL_STEP, Timeline
from smiledet.system.redaction import redact_address

log = logging.getLogger(__name__)

SNAPSHOTS = 5.0
"""Times a second that a snapshot address is asked where nobody says."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "rtsp": {"rtsp_transport": "tcp"},
    "rtsps": {"rtsp_transport": "tcp"},
}
"""FFmpeg's options by protocol. Over UDP a lost packet is half a grey picture."""


class StreamSource(LiveSource):
    """A stream. A clip at an HTTP address is played at its own pace and ends; a snapshot address is asked repeatedly.

    What a clip is, its container tells: one that knows its length in seconds or bytes, or is of a kind that cameras do
    not send. It ends where it says itself, not at a number of pictures; where the connection broke it is opened again,
    and what was shown already is passed over.

    Args:
        address: rtsp://, rtsps://, rtmp://, http:// or https://.
        settings: Time limits, and whom to trust; `fps` is how often a snapshot address is asked.
        open_decoder: Opens an address; the arguments are those of `Decoder`. Tests bring their own.
        others: The clocks of `LiveSource`.
    """

    forms = "a stream (rtsp://, rtmp://, http:// or https://…)"

    def __init__(
        self,
        address: str,
        settings: SourceSettings,
        open_decoder: Callable[..., Decoder] = Decoder,
        **others: Any,
    ) -> None:
        super().__init__(f"stream {redact_address(address)}", settings, **others)
        self._address = address
        self._open_decoder = open_decoder
        self._decoder: Decoder | None = None
        self._first: tuple[Image, float] | None = None
        self._timeline = Timeline()
        self._asked = -math.inf
        self._shown = self._reached = -math.inf  # of a clip, in seconds: before this connection, and until now
        self._began: float | None = None
        self._said = False  # that it ends before it should

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return re.match(r"(rtsps?|rtmps?|https?)://", spec, re.IGNORECASE) is not None

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(spec, settings)

    @override
    def open(self) -> None:
        self._reached, self._began, self._first, self._said = -math.inf, None, None, False
        super().open()

    def _connect(self, timeout: float) -> GuardedCapture:
        self._asked = self._clock()
        known = OPTIONS.get(self._address.partition(":")[0].lower(), {})
        options = {**known, **tls_options(self._address, self._settings.ca_file, timeout)}
        try:
            decoder = self._open_decoder(self._address, options, (timeout, self._settings.read_timeout), live=True)
        except SourceError as problem:
            raise SourceError(
                f"{self.name} does not open within {timeout:g} s: {problem}; "
                "is the address right, and does it send video?"
            ) from problem
        self._decoder = decoder
        self._shown = self._reached
        self._began = None
        rate, count = (decoder.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self._timeline = Timeline(1 / rate if rate > 0 else USUAL_STEP)
        self.length = round(count) if decoder.finite and not decoder.still and count >= 1 else None
        return GuardedCapture(decoder)

    @override
    def _prove(self, capture: GuardedCapture) -> Image | None:
        image = super()._prove(capture)
        if image is not None and self._plays_clip:
            self._first = image, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # nothing of a clip is passed over
        return image

    @override
    def _describe(self, capture: GuardedCapture) -> None:
        if self._decoder is not None and self._decoder.still:
            self.fps = self._settings.fps or SNAPSHOTS
            self.description += " snapshots"

    @property
    def _plays_clip(self) -> bool:
        return self._decoder is not None and self._decoder.finite and not self._decoder.still

    @override
    def _next_picture(self) -> Picture | None:
        if self._plays_clip:
            return self._next_of_clip()
        picture = super()._next_picture()
        if picture is None and self._decoder is not None and self._decoder.still and self._decoder.ended:
            return self._next_snapshot()
        return picture

    def _next_snapshot(self) -> Picture | None:
        """Ask the address once more, when it is time."""
        early = self._asked + 1 / self.fps - self._clock()
        if (early > 0 and self._wait(early)) or self._capture is None:
            return None
        self._capture.release()
        try:
            self._capture = self._connect(self._settings.open_timeout)
        except SourceError as problem:
            log.debug("%s", problem)
            return None
        return super()._next_picture()

    def _next_of_clip(self) -> Picture | None:
        """The next picture that was not shown yet, when it is due: a clip arrives as fast as the network carries it."""
        while True:
            found, self._first = self._first, None
            if found is None:
                picture = super()._next_picture()
                if picture is None or self._capture is None:
                    return None
                found = picture.image, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            image, position = found
            position = self._timeline.place(position)
            if position > self._shown:
                break
        self._reached = position
        if self._began is None:
            self._began = self._clock() - position
        early = self._began + position - self._clock()
        if early > 0:
            self._wait(early)
        return Picture(image, self._time())

    @override
    def _is_over(self) -> bool:
        decoder = self._decoder
        if decoder is None or not self._plays_clip:
            return False
        if decoder.duration is not None:
            if not decoder.missing:
                return True
        elif decoder.ended or not (decoder.measured or decoder.silent):
            return True  # of unknown length a closed connection is the only end that there is
        # Cut short, unless a further connection brought nothing new: then there is no more.
        over = decoder.ended and self._reached == self._shown
        if over and not self._said:
            self._said = True
            log.warning("%s ends at %.1f s of %.1f s", self.name, decoder.reached, decoder.reached + decoder.missing)
        return over


SOURCE = StreamSource
