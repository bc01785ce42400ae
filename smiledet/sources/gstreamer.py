"""GStreamer pipelines, and with them the Jetson's CSI cameras."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cv2
from typing_extensions import Self, override

from smiledet.errors import UsageError
from smiledet.sources.base import SourceSettings
from smiledet.sources.capture import Capture, GuardedCapture
from smiledet.sources.live import LiveSource

SINK = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
"""How a live pipeline must end for OpenCV: BGR, and only the newest picture kept."""


def has_gstreamer() -> bool:
    """Whether this OpenCV can run GStreamer pipelines; the registry lists the backend even where it was left out."""
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


def open_gstreamer(pipeline: str) -> Capture:
    """A capture of a pipeline, open or not."""
    capture: Capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
    return capture


def csi_pipeline(sensor: int, settings: SourceSettings) -> str:
    """The pipeline of a CSI camera: the Jetson's image processor delivers, its converter makes what OpenCV can take."""
    width, height = settings.width or 1280, settings.height or 720
    rate = round(settings.fps) or 30
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! "
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={rate}/1 ! "
        f"nvvidconv ! video/x-raw,format=BGRx ! {SINK}"
    )


def complete(pipeline: str) -> str:
    """A hand-written pipeline with the end that OpenCV needs, unless it has one."""
    return pipeline if "appsink" in pipeline else f"{pipeline.rstrip(' !')} ! {SINK}"


class GStreamerSource(LiveSource):
    """What a GStreamer pipeline delivers.

    Args:
        spec: 'csi://0' or 'gst:PIPELINE'.
        settings: Size and rate of a CSI camera, and how long to try to get it back.
        open_capture: Opens a pipeline; tests bring their own.
        available: Whether there is GStreamer; tests bring their own.
        others: The clocks of `LiveSource`.
    """

    forms = 'a GStreamer pipeline or CSI camera (gst:"…", csi://0)'

    def __init__(
        self,
        spec: str,
        settings: SourceSettings,
        open_capture: Callable[[str], Capture] = open_gstreamer,
        available: Callable[[], bool] = has_gstreamer,
        **others: Any,
    ) -> None:
        camera = re.fullmatch(r"csi://(\d+)", spec)
        super().__init__(f"CSI camera {spec}" if camera else "GStreamer pipeline", settings, **others)
        self._spec = spec
        self._pipeline = csi_pipeline(int(camera[1]), settings) if camera else complete(spec[len("gst:") :].strip())
        self._open_capture = open_capture
        self._available = available

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return spec.startswith(("gst:", "csi://"))

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        if spec.startswith("csi://") and not re.fullmatch(r"csi://\d+", spec):
            raise UsageError(f"{spec} names no camera; write csi://0 for the first CSI camera")
        if spec.removeprefix("gst:").strip() == "":
            raise UsageError('gst: needs a pipeline, as in gst:"v4l2src device=/dev/video0"')
        return cls(spec, settings)

    def _connect(self, timeout: float) -> GuardedCapture:  # noqa: ARG002 - GStreamer has time limits of its own
        if not self._available():
            raise UsageError(
                f"{self._spec} needs GStreamer, which this OpenCV ({cv2.__version__}) was built without; "
                "JetPack's own OpenCV has it"
            )
        capture = GuardedCapture(self._open_capture(self._pipeline))
        if not capture.is_open():
            capture.release()
            raise UsageError(f"{self.name} cannot be started; try it by hand: gst-launch-1.0 {self._pipeline}")
        return capture


SOURCE = GStreamerSource
