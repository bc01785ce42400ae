"""GStreamer without OpenCV's: pictures from a pipeline's appsink, through Debian's python3-gi.

An appsink hands over one sample at a time (gst-plugins-base, `GstAppSink`); the rows of raw video begin at multiples of
four bytes (`GstVideoInfo`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NoReturn

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import SourceError
from smiledet.sources.introspection import GStreamer, load_gstreamer
from smiledet.system.text import unwrapped

CHANNELS = {"BGR": 3, "RGB": 3, "BGRx": 4, "BGRA": 4, "GRAY8": 1}
"""Bytes a pixel of the forms that are taken. Pipelines of `build_pipeline` send BGR; others are for those by hand."""

PATIENCE = 0.1
"""Seconds until it is looked whether the pipeline has failed, or nobody wants the picture any more."""


class AppsinkCapture:
    """A pipeline that runs, with what is used of `cv2.VideoCapture`; see `smiledet.sources.capture.Capture`.

    Args:
        pipeline: Ends in an appsink.
        open_timeout: Seconds that the first picture may take.
        read_timeout: Seconds without a picture after which there is none.
        closing: Whether nobody waits for a picture any more; asked several times a second.
        load: Gives the bindings; tests bring their own, as below.
        clock: Monotonic seconds.

    Raises:
        SourceError: There are no bindings, or the pipeline does not run; the message is GStreamer's, in one line.
    """

    def __init__(
        self,
        pipeline: str,
        open_timeout: float,
        read_timeout: float,
        closing: Callable[[], bool] = lambda: False,
        load: Callable[[], GStreamer] = load_gstreamer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gstreamer = load()
        self._closing, self._clock = closing, clock
        self._timeout = read_timeout
        self.ended = False
        """Whether the pipeline has come to its end."""
        self.problem = ""
        """What it failed of, in one line; empty while it has not."""
        self._sample: Any = None
        self._pipeline, self._sink = self._parse(pipeline)
        gst = self._gstreamer.gst
        started = self._pipeline.set_state(gst.State.PLAYING)
        self.live = started == gst.StateChangeReturn.NO_PREROLL
        """Whether a picture's time is that of a clock (a camera), rather than a position (a file)."""
        self._next = self._pull(open_timeout) if started != gst.StateChangeReturn.FAILURE else None
        if self._next is None:
            self._listen()
            self._refuse(
                self.problem or ("it has no picture" if self.ended else f"no picture within {open_timeout:g} s")
            )
        caps = _caps(self._next)
        if caps.get_value("format") not in CHANNELS:
            self._refuse(
                f"it delivers {caps.get_value('format') or caps.get_name()}; before the appsink there has to be "
                "videoconvert ! video/x-raw,format=BGR"
            )

    def _refuse(self, problem: str) -> NoReturn:
        self.release()
        raise SourceError(problem)

    def isOpened(self) -> bool:  # noqa: N802, D102 - OpenCV's name
        return self._pipeline is not None

    def grab(self) -> bool:
        """Take the next picture, as it is; False where there is none in time, or ever."""
        self._sample, self._next = self._next or self._pull(self._timeout), None
        if self._pipeline is None:  # released meanwhile, by another thread
            self._sample = None
        return self._sample is not None

    def retrieve(self) -> tuple[bool, npt.NDArray[Any] | None]:
        """Copy what was grabbed; False where it is not whole, or no longer in a form that is taken."""
        sample = self._sample  # another thread may release it meanwhile
        if sample is None:
            return False, None
        buffer, caps = sample.get_buffer(), _caps(sample)
        found = _picture(
            buffer.extract_dup(0, buffer.get_size()),
            caps.get_value("width"),
            caps.get_value("height"),
            str(caps.get_value("format")),
        )
        return found is not None, found

    def get(self, key: int) -> float:
        """Size, rate, and the time stamp of what was grabbed, in milliseconds (-1 without one); 0 for anything else."""
        sample = self._sample
        if sample is None:
            return 0.0
        caps = _caps(sample)
        if key == cv2.CAP_PROP_FPS:
            known, over, under = caps.get_fraction("framerate")
            return over / under if known and under else 0.0
        if key == cv2.CAP_PROP_POS_MSEC:
            stamp = sample.get_buffer().pts
            return -1.0 if stamp == self._gstreamer.gst.CLOCK_TIME_NONE else stamp / 1e6
        name = {cv2.CAP_PROP_FRAME_WIDTH: "width", cv2.CAP_PROP_FRAME_HEIGHT: "height"}.get(key)
        return float(caps.get_value(name)) if name else 0.0

    def set(self, key: int, value: float) -> bool:  # noqa: ARG002
        """Nothing can be asked of a pipeline that runs."""
        return False

    def release(self) -> None:
        """Stop the pipeline, and let go of its device; twice does no harm."""
        pipeline, self._pipeline, self._sample, self._next = self._pipeline, None, None, None
        if pipeline is not None:
            pipeline.set_state(self._gstreamer.gst.State.NULL)

    def _parse(self, pipeline: str) -> tuple[Any, Any]:
        gst = self._gstreamer.gst
        try:
            parsed = gst.parse_launch(pipeline)
        except self._gstreamer.error as problem:
            raise SourceError(unwrapped(getattr(problem, "message", problem))) from problem
        sinks = parsed.iterate_sinks() if isinstance(parsed, gst.Bin) else None
        while sinks is not None:
            result, sink = sinks.next()
            if result != gst.IteratorResult.OK:
                break
            if isinstance(sink, self._gstreamer.app.AppSink):
                if not sink.get_property("max-buffers"):  # without a limit pictures would pile up
                    sink.set_property("max-buffers", 1)
                    sink.set_property("drop", True)
                return parsed, sink
        raise SourceError("the pipeline does not end in an appsink")

    def _pull(self, timeout: float) -> Any:
        """The next sample; None at the end, after a failure, when closed, or in time."""
        deadline = self._clock() + timeout
        while self._pipeline is not None and not self._closing() and (left := deadline - self._clock()) > 0:
            sample = self._sink.try_pull_sample(math.ceil(min(PATIENCE, left) * self._gstreamer.gst.SECOND))
            if sample is not None:
                return sample
            self._listen()
            if self.problem or self.ended:
                return None
        return None

    def _listen(self) -> None:
        """Take note of what the pipeline has said of itself; an error counts for more than the end that follows it."""
        kinds, pipeline = self._gstreamer.gst.MessageType, self._pipeline
        if pipeline is None:  # another thread has released it
            return
        bus = pipeline.get_bus()
        while (message := bus.pop_filtered(kinds.ERROR | kinds.EOS)) is not None:
            if message.type == kinds.EOS:
                self.ended = True
            elif not self.problem:
                error, details = message.parse_error()
                self.problem = f"{message.src.get_name()}: {_told(error.message, details)}"


def _caps(sample: Any) -> Any:
    """What a sample is: a structure with width, height, format and framerate."""
    return sample.get_caps().get_structure(0)


def _told(message: str, details: str | None) -> str:
    r"""An error in one line; its details are a place in GStreamer's source, and on a line of its own sometimes more.

    >>> _told("Internal data stream error.", "gstbasesrc.c(3127): loop ():\nstreaming stopped, reason not-negotiated")
    'Internal data stream error (streaming stopped, reason not-negotiated)'
    """
    more = (details or "").strip().splitlines()[1:]
    return f"{unwrapped(message).rstrip('.')} ({unwrapped(more[-1])})" if more else unwrapped(message).rstrip(".")


def _picture(data: bytes, width: int, height: int, form: str) -> npt.NDArray[np.uint8] | None:
    """Raw video as an array (height, width[, channels]) of its own; None if it is of no known form.

    Rows begin at multiples of four bytes, but for pipelines whose last element packs them.
    """
    channels = CHANNELS.get(form)
    if channels is None:
        return None
    row = width * channels
    stride = next((each for each in ((row + 3) // 4 * 4, row) if each * height == len(data)), None)
    if stride is None:
        return None
    rows = np.frombuffer(data, np.uint8).reshape(height, stride)[:, :row]
    picture = rows.reshape(height, width, channels)
    return np.array(picture[..., ::-1] if form == "RGB" else picture, order="C")
