"""GStreamer pipelines, and with them the Jetson's CSI cameras and its decoders.

Every pipeline is built by `build_pipeline`, which `smiledet run --dry-run` prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
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


BOARD_MEMORY = "nvvidconv ! video/x-raw,format=BGRx"
"""From the memory of the board's image processor to what OpenCV can take; BGR itself is none of its formats."""

CSI, DECODED, BY_HAND = "csi://", "nvdec:", "gst:"


def build_pipeline(spec: str, settings: SourceSettings) -> str:
    """The pipeline that a source's name stands for.

    Args:
        spec: 'csi://0', a CSI camera · 'nvdec:0' or 'nvdec:/dev/video0', a USB camera whose JPEGs the board decodes ·
            'nvdec:rtsp://…', an H.264 stream that it decodes · 'gst:PIPELINE', one written by hand.
        settings: Size and rate of a camera; a CSI camera needs some, and gets 1280x720 at 30.

    Raises:
        UsageError: It names none of these; the message says how they are written.
    """
    if found := re.fullmatch(r"csi://(\d{1,3})", spec):
        return csi_pipeline(int(found[1]), settings)
    if found := re.fullmatch(r"nvdec:(?:/dev/video)?(\d{1,4})", spec):
        return jpeg_pipeline(f"/dev/video{int(found[1])}", settings)
    if re.fullmatch(r"nvdec:rtsps?://\S+", spec, re.IGNORECASE):
        return h264_pipeline(spec.removeprefix(DECODED))
    if spec.startswith(BY_HAND):
        if not spec.removeprefix(BY_HAND).strip(" !"):
            raise UsageError('gst: needs a pipeline, as in gst:"v4l2src device=/dev/video0"')
        return complete(spec.removeprefix(BY_HAND).strip())
    if spec.startswith(CSI):
        raise UsageError(f"{spec} names no camera; write csi://0 for the first CSI camera")
    raise UsageError(f"{spec} cannot be decoded by the board; write nvdec:0 for a USB camera, or nvdec:rtsp://…")


def csi_pipeline(sensor: int, settings: SourceSettings) -> str:
    """The pipeline of a CSI camera: the Jetson's image processor delivers, its converter makes what OpenCV can take."""
    width, height = settings.width or 1280, settings.height or 720
    rate = _rate(settings.fps or 30)
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! "
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={rate} ! "
        f"{BOARD_MEMORY} ! {SINK}"
    )


def jpeg_pipeline(device: str, settings: SourceSettings) -> str:
    """The pipeline of a USB camera that sends JPEGs, decoded by the Jetson's own decoder."""
    asked = [f"width={settings.width}"] if settings.width else []
    asked += [f"height={settings.height}"] if settings.height else []
    asked += [f"framerate={_rate(settings.fps)}"] if settings.fps else []
    form = ",".join(["image/jpeg", *asked])
    return f"v4l2src device={device} ! {form} ! jpegparse ! nvv4l2decoder mjpeg=1 ! {BOARD_MEMORY} ! {SINK}"


def h264_pipeline(address: str) -> str:
    """The pipeline of an RTSP stream in H.264, decoded by the Jetson's own decoder; what comes late is dropped."""
    return (
        f"rtspsrc location={_quoted(address)} latency=100 drop-on-latency=true ! rtph264depay ! h264parse ! "
        f"nvv4l2decoder ! {BOARD_MEMORY} ! {SINK}"
    )


def _rate(fps: float) -> str:
    """Pictures a second as GStreamer's fraction.

    >>> _rate(30), _rate(29.97), _rate(7.5)
    ('30/1', '2997/100', '15/2')
    """
    fraction = Fraction(fps).limit_denominator(100)
    return f"{fraction.numerator}/{fraction.denominator}"


def _quoted(text: str) -> str:
    """A value that cannot be taken for more of the pipeline, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def complete(pipeline: str) -> str:
    """A hand-written pipeline with the end that OpenCV needs, unless it has one."""
    return pipeline if "appsink" in pipeline else f"{pipeline.rstrip(' !')} ! {SINK}"


class GStreamerSource(LiveSource):
    """What a GStreamer pipeline delivers.

    Args:
        spec: See `build_pipeline`.
        settings: Size and rate of a camera, and how long to try to get it back.
        open_capture: Opens a pipeline; tests bring their own.
        available: Whether there is GStreamer; tests bring their own.
        others: The clocks of `LiveSource`.
    """

    forms = 'a GStreamer pipeline, a CSI camera, or what the board itself decodes (gst:"…", csi://0, nvdec:0, nvdec:rtsp://…)'

    def __init__(
        self,
        spec: str,
        settings: SourceSettings,
        open_capture: Callable[[str], Capture] = open_gstreamer,
        available: Callable[[], bool] = has_gstreamer,
        **others: Any,
    ) -> None:
        super().__init__(_name(spec), settings, **others)
        self._spec = without_password(spec)
        self._pipeline = build_pipeline(spec, settings)
        self._open_capture = open_capture
        self._available = available

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return spec.startswith((BY_HAND, CSI, DECODED))

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(spec, settings)

    @property
    def pipeline(self) -> str:
        """The whole pipeline, as it may be shown: without a stream's password."""
        return without_password(self._pipeline)

    def _connect(self, timeout: float) -> GuardedCapture:  # noqa: ARG002 - GStreamer has time limits of its own
        if not self._available():
            raise UsageError(
                f"{self._spec} needs GStreamer, which this OpenCV ({cv2.__version__}) was built without; "
                "JetPack's own OpenCV has it"
            )
        capture = GuardedCapture(self._open_capture(self._pipeline))
        if not capture.is_open():
            capture.release()
            raise UsageError(f"{self.name} cannot be started; try it by hand: gst-launch-1.0 {self.pipeline}")
        return capture


def _name(spec: str) -> str:
    """What a source is called in complaints."""
    if spec.startswith(CSI):
        return f"CSI camera {spec}"
    return "GStreamer pipeline" if spec.startswith(BY_HAND) else f"hardware-decoded {without_password(spec)}"


def without_password(text: str) -> str:
    """A pipeline or a spec as it may be shown and logged.

    >>> without_password('rtspsrc location="rtsp://me:secret@10.0.0.5/live" ! x')
    'rtspsrc location="rtsp://10.0.0.5/live" ! x'
    """
    return re.sub(r"(\w+://)[^/@\s\"]*@", r"\1", text)


SOURCE = GStreamerSource
