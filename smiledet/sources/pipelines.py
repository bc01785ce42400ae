"""The GStreamer pipelines: every one that runs is built here, by `build_pipeline`.

Those of NVIDIA's elements are after its "Accelerated GStreamer" guide; none of them ever ran on a board.
"""

from __future__ import annotations

import re
from fractions import Fraction

from smiledet.errors import SourceError
from smiledet.sources.base import SourceSettings
from smiledet.system.redaction import redact_address

SINK = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
"""How a live pipeline must end: BGR, which OpenCV takes, and only the newest picture kept."""

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
        SourceError: It names none of these; the message says how they are written.
    """
    if found := re.fullmatch(r"csi://(\d{1,3})", spec):
        return csi_pipeline(int(found[1]), settings)
    if found := re.fullmatch(r"nvdec:(?:/dev/video)?(\d{1,4})", spec):
        return jpeg_pipeline(f"/dev/video{int(found[1])}", settings)
    if re.fullmatch(r"nvdec:rtsps?://\S+", spec, re.IGNORECASE):
        return h264_pipeline(spec.removeprefix(DECODED))
    if spec.startswith(BY_HAND):
        if not spec.removeprefix(BY_HAND).strip(" !"):
            raise SourceError('gst: needs a pipeline, as in gst:"v4l2src device=/dev/video0"')
        return complete(spec.removeprefix(BY_HAND).strip())
    if spec.startswith(CSI):
        raise SourceError(f"{redact_address(spec)} names no camera; write csi://0 for the first CSI camera")
    raise SourceError(
        f"{redact_address(spec)} cannot be decoded by the board; write nvdec:0 for a USB camera, or nvdec:rtsp://…"
    )


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
    """A hand-written pipeline with the end that it needs, unless it has one."""
    return pipeline if "appsink" in pipeline else f"{pipeline.rstrip(' !')} ! {SINK}"
