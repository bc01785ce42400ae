"""What GStreamer delivers, and with it the Jetson's CSI cameras and its decoders.

`smiledet run --dry-run` prints the pipeline. OpenCV runs it where it has GStreamer, else Debian's python3-gi does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
from typing_extensions import Self, override

from smiledet.errors import SourceError, UsageError
from smiledet.sources.appsink import AppsinkCapture
from smiledet.sources.base import Picture, SourceSettings
from smiledet.sources.capture import Capture, GuardedCapture
from smiledet.sources.introspection import load_gstreamer
from smiledet.sources.live import LiveSource
from smiledet.sources.pipelines import BY_HAND, CSI, DECODED, build_pipeline
from smiledet.system.redaction import redact, redact_address

log = logging.getLogger(__name__)


def has_gstreamer() -> bool:
    """Whether this OpenCV can run GStreamer pipelines; the registry lists the backend even where it was left out."""
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


def open_gstreamer(pipeline: str) -> Capture:
    """A capture of a pipeline, open or not."""
    capture: Capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
    return capture


class GStreamerSource(LiveSource):
    """What a GStreamer pipeline delivers.

    A pipeline written by hand may come to an end (`filesrc`); when a camera or a stream does, it was lost.

    Args:
        spec: See `smiledet.sources.pipelines.build_pipeline`.
        settings: Size and rate of a camera, and how long to try to get it back.
        open_capture: Opens a pipeline in OpenCV; tests bring their own, as below.
        available: Whether OpenCV has GStreamer.
        open_appsink: Opens a pipeline without OpenCV's; the arguments are those of `AppsinkCapture`.
        others: The clocks of `LiveSource`.
    """

    forms = 'a GStreamer pipeline, a CSI camera, or what the board itself decodes (gst:"…", csi://0, nvdec:0, nvdec:rtsp://…)'

    def __init__(
        self,
        spec: str,
        settings: SourceSettings,
        open_capture: Callable[[str], Capture] = open_gstreamer,
        available: Callable[[], bool] = has_gstreamer,
        open_appsink: Callable[..., AppsinkCapture] = AppsinkCapture,
        **others: Any,
    ) -> None:
        super().__init__(_name(spec), settings, **others)
        self._spec = redact_address(spec)
        self._pipeline = build_pipeline(spec, settings)
        self._open_capture = open_capture
        self._available = available
        self._open_appsink = open_appsink
        self._appsink: AppsinkCapture | None = None
        self._began: float | None = None

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return spec.startswith((BY_HAND, CSI, DECODED))

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(spec, settings)

    @property
    def through(self) -> str:
        """What would run the pipeline here, or why nothing does."""
        if self._available():
            return "through OpenCV"
        try:
            load_gstreamer()
        except UsageError as missing:
            return f"not to be run here: {missing}"
        return "through python3-gi, for OpenCV has no GStreamer"

    @property
    def pipeline(self) -> str:
        """The whole pipeline, as it may be shown: without passwords and keys."""
        return redact(self._pipeline)

    @override
    def open(self) -> None:
        super().open()
        if self._appsink is not None:
            self.description += ", through python3-gi"

    def _connect(self, timeout: float) -> GuardedCapture:
        if not self._available():
            return self._connect_appsink(timeout)
        capture = GuardedCapture(self._open_capture(self._pipeline))  # GStreamer's own time limits hold
        if not capture.is_open():
            capture.release()
            raise SourceError(f"{self.name} cannot be started; {self._by_hand}")
        return capture

    @property
    def _by_hand(self) -> str:
        return f"try it by hand: gst-launch-1.0 {self.pipeline}"

    def _connect_appsink(self, timeout: float) -> GuardedCapture:
        try:
            load_gstreamer()
        except UsageError as missing:
            raise SourceError(
                f"{self._spec} needs GStreamer, which this OpenCV ({cv2.__version__}) was built without (JetPack's own "
                f"has it), and {missing}"
            ) from missing
        try:
            self._appsink = self._open_appsink(self._pipeline, timeout, self._settings.read_timeout, self.cancel.is_set)
        except UsageError as problem:
            raise SourceError(f"{self.name} cannot be started: {problem}; {self._by_hand}") from problem
        self._began = None
        return GuardedCapture(self._appsink)

    def _next_picture(self) -> Picture | None:
        picture = super()._next_picture()
        if self._appsink is None or self._capture is None:
            return picture
        if picture is not None:
            return self._stamped(picture, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, self._appsink.live)
        if self._appsink.problem:
            log.warning("%s: %s", self.name, redact(self._appsink.problem))
        return None

    def _stamped(self, picture: Picture, position: float, live: bool) -> Picture:
        """A picture with the time that its buffer tells, as Unix time.

        A camera's picture is late by what it took on its way, so the least that any took counts; never is one stamped
        later than it came, or earlier than the one before it. A file's time runs from the moment of opening.
        """
        if position < 0:
            return picture
        began = picture.timestamp - position
        if self._began is None or (live and began < self._began):
            self._began = began
        return replace(picture, timestamp=self._began + position)

    def _is_over(self) -> bool:
        return self._spec.startswith(BY_HAND) and self._appsink is not None and self._appsink.ended


def _name(spec: str) -> str:
    """What a source is called in complaints."""
    if spec.startswith(CSI):
        return f"CSI camera {spec}"
    return "GStreamer pipeline" if spec.startswith(BY_HAND) else f"hardware-decoded {redact_address(spec)}"


SOURCE = GStreamerSource
