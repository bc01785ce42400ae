"""Cameras through Video4Linux."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.sources.base import SourceSettings
from smiledet.sources.capture import Capture, GuardedCapture
from smiledet.sources.live import LiveSource

log = logging.getLogger(__name__)


def open_v4l2(device: str) -> Capture:
    """A capture of a device, open or not."""
    capture: Capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    return capture


def list_cameras(folder: Path = Path("/dev")) -> list[str]:
    """The video devices that exist, /dev/video2 before /dev/video10."""
    found = [path for path in folder.glob("video*") if path.name[5:].isdigit()]
    return [str(path) for path in sorted(found, key=lambda path: int(path.name[5:]))]


class CameraSource(LiveSource):
    """A camera: /dev/video0, or the steadier names under /dev/v4l.

    Args:
        device: Path of the device.
        settings: Form, size and rate to ask for, and time limits.
        open_capture: Opens a device; tests bring their own.
        folder: Where the other cameras are looked for when this one is missing.
        others: The clocks of `LiveSource`.
    """

    forms = "a camera (0, /dev/video0)"

    exclusive = True

    def __init__(
        self,
        device: str,
        settings: SourceSettings,
        open_capture: Callable[[str], Capture] = open_v4l2,
        folder: Path = Path("/dev"),
        **others: Any,
    ) -> None:
        super().__init__(f"camera {device}", settings, **others)
        self._device = device
        self._open_capture = open_capture
        self._folder = folder

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return re.fullmatch(r"\d{1,4}|/dev/video\d+|/dev/v4l/.+", spec) is not None

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(f"/dev/video{int(spec)}" if spec.isdigit() else spec, settings)

    def _connect(self, timeout: float) -> GuardedCapture:  # noqa: ARG002 - V4L2 opens at once or not at all
        if not Path(self._device).exists():
            others = ", ".join(list_cameras(self._folder))
            raise SourceError(f"no {self.name}; " + (f"there is {others}" if others else "this machine has no camera"))
        if not os.access(self._device, os.R_OK | os.W_OK):
            raise SourceError(f"{self.name} may not be opened by this user; joining the group 'video' usually helps")
        capture = GuardedCapture(self._open_capture(self._device))
        if not capture.is_open():
            capture.release()
            raise SourceError(f"{self.name} cannot be opened; another program may hold it, or it may be no camera")
        self._ask_for(capture)
        return capture

    def _ask_for(self, capture: GuardedCapture) -> None:
        """Ask for form, size and rate, in this order: the form decides which sizes and rates there are."""
        settings = self._settings
        if settings.fourcc != "any":
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.fourcc))
        if settings.width or settings.height:  # OpenCV applies a size only once it has both
            width, height = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width or width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height or height)
        if settings.fps:
            capture.set(cv2.CAP_PROP_FPS, settings.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old picture is worth nothing to a live run

    def _describe(self, capture: GuardedCapture) -> None:
        settings = self._settings
        fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(8, "little", signed=True)[:4]
        form = fourcc.decode("ascii", "replace").strip("\0 ")
        if form:
            self.description += f" {form}"
        if settings.fourcc != "any" and form != settings.fourcc:
            log.warning(
                "%s gives %s, %s was asked for: expect low frame rates", self.name, form or "no form", settings.fourcc
            )
        width, height = self.size
        if (settings.width or width, settings.height or height) != (width, height):
            log.warning(
                "%s gives %dx%d, %dx%d was asked for",
                *(self.name, width, height, settings.width or width, settings.height or height),
            )
        if settings.fps and abs(settings.fps - self.fps) > 0.5:
            log.warning("%s gives %g FPS, %g was asked for", self.name, self.fps, settings.fps)


SOURCE = CameraSource
