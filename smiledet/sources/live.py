"""What cameras and streams have in common: pictures at their own pace, and coming back after a loss."""

from __future__ import annotations

import logging
import random
import time
from abc import abstractmethod
from collections.abc import Callable

import cv2
from typing_extensions import override

from smiledet.errors import SourceError, SourceLostError, UsageError
from smiledet.frame import Image
from smiledet.sources.base import NamedSource, Picture, SourceSettings
from smiledet.sources.capture import GuardedCapture

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.25, 30.0
"""Seconds between attempts to get a lost source back: the first, doubled until the longest."""

SPREAD = 0.5
"""Share of a pause by which chance makes it longer or shorter: many who lost a server do not come back at once."""

FLOWING = 30
"""Pictures in a row after which a source counts as back, and the next pause is short again."""

BAD_PICTURES = 10
"""Pictures in a row that cannot be decoded, as webcams now and then send, before the source counts as lost."""


class LiveSource(NamedSource):
    """A camera or a stream.

    Pictures are stamped with Unix time, counted on the monotonic clock from the moment of opening, so that a correction
    of the system's clock midway does not turn time back.

    Args:
        name: What it is, for complaints: 'camera /dev/video0'.
        settings: Time limits, and what to ask of a camera.
        clock: Monotonic seconds; tests bring their own, as below.
        now: Unix seconds.
        wait: Waits so many seconds unless the run is over; True if it is.
        chance: A random number, 0 to 1.
    """

    live = True

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        wait: Callable[[float], bool] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = self.description = name
        self._settings = settings
        self._clock = clock
        self._now = now
        self._wait = wait or (lambda seconds: self.cancel.wait(seconds))
        self._chance = chance
        self._unix_offset = 0.0
        self._pause = FIRST_WAIT
        self._flow = 0  # pictures since the last loss
        self._pending: Picture | None = None
        self._capture: GuardedCapture | None = None

    @abstractmethod
    def _connect(self, timeout: float) -> GuardedCapture:
        """Open the device or address, within about `timeout` seconds.

        Raises:
            SourceError: It cannot be opened; the message says why.
        """

    def _prove(self, capture: GuardedCapture) -> Image | None:
        """The first picture: drivers hand out what cannot send (a device in use, a metadata node).

        It is old when the run begins, and not handed out.
        """
        return capture.retrieve() if capture.grab() else None

    def _describe(self, capture: GuardedCapture) -> None:
        """Add to `description` what is known once the first picture is there."""

    def _is_over(self) -> bool:
        """Whether a failed grab is the end that was to be expected, rather than a loss."""
        return False

    @override
    def open(self) -> None:
        self._unix_offset = self._now() - self._clock()
        capture = self._connect(self._settings.open_timeout)
        image = self._prove(capture)
        if image is None:
            capture.release()
            raise SourceError(f"{self.name} opens but gives no picture; is another program using it?")
        self.size = (image.shape[1], image.shape[0])
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= 1000 else 0.0
        self.description = f"{self.name}, {self.size[0]}x{self.size[1]}"
        self._describe(capture)
        if self.fps:
            self.description += f" at {self.fps:g} FPS"
        self._capture = capture

    @override
    def read(self) -> Picture | None:
        while self._capture is not None and not self.cancel.is_set() and self._time() < self.until:
            picture, self._pending = self._pending or self._next_picture(), None
            if picture is not None:
                self._flow += 1
                if self._flow == FLOWING:
                    self._pause = FIRST_WAIT
                return picture
            if self.cancel.is_set() or self._is_over():
                return None
            self._get_back()
        return None

    @override
    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _time(self) -> float:
        """Now, on the source's time line."""
        return self._clock() + self._unix_offset

    def _next_picture(self) -> Picture | None:
        """One picture; None if the source no longer gives any."""
        capture = self._capture  # `close` may take it away meanwhile
        if capture is None:
            return None
        for _ in range(BAD_PICTURES):
            if not capture.grab():
                return None
            timestamp = self._time()
            image = capture.retrieve()
            if image is not None:
                return Picture(image, timestamp)
        return None

    def _get_back(self) -> None:
        """Connect again, waiting longer and longer between attempts; returns early when the run is over.

        Raises:
            SmiledetError: It did not come back in time.
        """
        if self._capture is not None:
            self._capture.release()
        patience = self._settings.reconnect
        log.warning("%s was lost; trying to get it back for %g s", self.name, patience)
        self._flow = 0
        deadline = self._clock() + patience
        end = min(deadline, self.until - self._unix_offset)
        while (left := end - self._clock()) > 0:
            if self._wait(min(self._pause * (1 + SPREAD * (2 * self._chance() - 1)), left)):
                return
            self._pause = min(2 * self._pause, LONGEST_WAIT)
            if self._try_again(max(0.1, min(self._settings.open_timeout, end - self._clock()))):
                log.info("%s is back", self.name)
                return
            if self._is_over():
                return
        if end == deadline:
            raise SourceLostError(f"{self.name} was lost and did not come back within {patience:g} s")

    def _try_again(self, timeout: float) -> bool:
        """Connect again; it is back once there is a picture, which is the next that is handed out."""
        try:
            self._capture = self._connect(timeout)
        except UsageError as problem:
            log.debug("not yet: %s", problem)
            return False
        self._pending = self._next_picture()
        if self._pending is None:
            self._capture.release()
        return self._pending is not None
