"""Files, pipes and streams decoded by FFmpeg through PyAV: pictures as they are meant to be seen, with their times.

A picture may be stored turned or mirrored (its display matrix), with pixels that are no squares (its sample aspect
ratio), or as two half pictures of different moments (interlaced). All three are undone here, for every picture anew:
any of them, and the size, may change midway. libswscale itself makes black of interlaced pictures, without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter
import cv2
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.decoding import MOST_PIXELS
from smiledet.sources.newest import newest
from smiledet.system.processes import usable_processors
from smiledet.turning import turn

ENDLESS = frozenset({"mpjpeg", "mjpeg", "mpegts", "flv", "rtsp", "rtp", "sdp", "h264", "hevc"})
"""Formats in which live cameras send: an end there is a loss, unless the length is known."""

PLAYLISTS = frozenset({"hls", "dash"})
"""Formats whose file is only a list, and says nothing by its size."""

SMALL = 600_000
"""Pixels of pictures up to which one thread decodes. It reads them several times faster than the stages do; each thread
more holds back pictures of its own, 5 MB of 854x480, and hands every one over, which costs an eighth more."""

MOST_THREADS = 8
"""Threads that decode at most; each holds back a picture."""

LENIENT: Mapping[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""Titles in another encoding than UTF-8 are no reason to refuse a clip; from PyAV 19 on they never are."""

TOLERANCE = 0.05
"""Share of a clip, and at least the following, by which it may end before it says: many only estimate."""

TOLERATED_PICTURES, TOLERATED_SECONDS = 3, 0.25
"""The last packet may not say how long it lasts, of two streams one ends first, and WMV says nothing of its rate."""

MOST_STRETCH = 8
"""Times that a pixel is as wide as high, or as high as wide, at most; more is a damaged header."""

LIMITS = {"max_pixels": str(MOST_PIXELS)}
"""FFmpeg's options of a decoder: of itself it decodes pictures of up to 268 million pixels, which a few KB can hold."""

FAULTS = (av.FFmpegError, OSError, ValueError, RuntimeError, MemoryError)
"""What PyAV raises; FFmpeg's own errors are of the first kind, and of Python's that come next to them."""


class Decoder:
    """A file, address or pipe, with what is used of `cv2.VideoCapture`; see `smiledet.sources.capture.Capture`.

    Args:
        address: What FFmpeg opens: an absolute path, `pipe:0`, `rtsp://…`.
        options: FFmpeg's options of the format and the protocol.
        timeout: Seconds that opening may take, and waiting for a picture; None for no limit.
        live: What comes late is worth nothing: it is decoded by one thread, whatever the size (each further one holds
            back a picture, half a second at 16), and what a camera has sent meanwhile is passed over; see `newest`.

    Raises:
        SourceError: It cannot be opened, or holds no video; the message is FFmpeg's.
    """

    def __init__(
        self,
        address: str,
        options: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
        live: bool = False,
    ) -> None:
        self.problem = ""
        """What ended it, or the latest damage, in one line; empty where nothing did."""
        self.ended = False
        """Whether it came to its end, rather than broke."""
        self.silent = False
        """Whether it ended because nothing came in time."""
        self.damaged = 0
        """Packets and pictures that could not be decoded or converted."""
        self.reached = 0.0
        """Seconds from the beginning to the end of the last packet, of whatever kind."""
        try:
            # Without `LIMITS`: given options, PyAV 14 to 16 crash at MPEG program streams, which are found late.
            self._container = av.open(address, options=dict(options or {}), timeout=timeout, **LENIENT)
        except FAULTS as problem:
            raise SourceError(_told(problem)) from problem
        self._live = live
        self._describe()
        try:
            self._stream = self._pick_video()
        except SourceError:
            self._container.close()
            raise
        context = self._stream.codec_context
        context.options = {**context.options, **LIMITS}
        if live or context.width * context.height <= SMALL:
            context.thread_count = 1
        else:
            # FFmpeg itself takes one a processor and one more.
            context.thread_count, context.thread_type = min(MOST_THREADS, usable_processors()), "AUTO"
        self._size = (context.width, context.height)
        rate = self.get(cv2.CAP_PROP_FPS)
        self._tolerated = max(TOLERATED_SECONDS, TOLERATED_PICTURES / rate if rate > 0 else 0.0)
        self._promised = self.duration or 0.0
        if self.form == "avi" and rate > 0:  # FFmpeg takes its length from its index, which is lost with the end
            self._promised = max(self._promised, self._stream.frames / rate)
        self._reformatter = VideoReformatter()
        self._turned: tuple[Any, tuple[int, int, int, int]] = (None, (1, 0, 0, 1))
        self._deinterlacer: Deinterlacer | None = None
        self._frames = self._decode()
        self._frame: Any = None
        self._open = True

    def _pick_video(self) -> Any:
        streams = [each for each in self._container.streams.video if each.codec_context is not None]
        if self.form == "tty" or not streams:  # FFmpeg takes any text for terminal art
            raise SourceError("there is no video in it that this FFmpeg decodes")
        return max(streams, key=lambda each: (not _is_cover(each), each.codec_context.width or 0, -each.index))

    def _describe(self) -> None:
        """Note what the container says, for it cannot be asked once it is closed."""
        promised = self._container.duration
        self.form = str(self._container.format.name)
        """The container's format, by FFmpeg's name."""
        self.duration = promised / av.time_base if promised and promised > 0 else None
        """Seconds that the container promises; None where it does not."""
        self.measured = (self._container.size or 0) > 0 and self.form not in PLAYLISTS
        """Whether its length in bytes is known."""
        self.finite = self.duration is not None or self.measured or self.form not in ENDLESS | PLAYLISTS
        """Whether it is something that ends, rather than what a camera sends."""
        self.still = self.form.endswith("_pipe") or self.form == "image2"  # that is chosen by the name
        """Whether it is one picture, as a camera's snapshot address gives."""

    @property
    def missing(self) -> float:
        """Seconds by which it has not come to the end that it promises; 0 where that is within `TOLERANCE`."""
        missing = self._promised - self.reached
        return missing if missing > max(self._tolerated, TOLERANCE * self._promised) else 0.0

    def isOpened(self) -> bool:  # noqa: N802, D102 - OpenCV's name
        return self._open

    def grab(self) -> bool:
        """Decode the next picture; False where there is none, or it broke."""
        self._frame = next(self._frames, None)
        return self._frame is not None

    def seek(self, seconds: float) -> None:
        """Go on from the key frame before a time, or where nothing can be sought, from here.

        Args:
            seconds: On the line of `get`.
        """
        if not self._open:
            return
        stream = self._stream
        with suppress(*FAULTS):
            offset = (stream.start_time or 0) + round(seconds / stream.time_base)
            self._container.seek(offset, stream=stream)
        self._frame = self._deinterlacer = None
        self._frames = self._decode()

    def retrieve(self) -> tuple[bool, npt.NDArray[Any] | None]:
        """What was grabbed, as it is meant to be seen: BGR uint8 (height, width, 3); False where that fails."""
        if self._frame is None:
            return False, None
        try:
            return True, self._displayed(self._frame)
        except FAULTS as problem:
            self.damaged += 1
            self.problem = _told(problem)
            return False, None

    def get(self, key: int) -> float:
        """Rate, count, and the time of what was grabbed in milliseconds (NaN without one); 0 for anything else."""
        stream = self._stream
        if key == cv2.CAP_PROP_FPS:
            return float(stream.average_rate or stream.guessed_rate or 0)
        if key == cv2.CAP_PROP_FRAME_COUNT:
            return float(stream.frames or (self.duration or 0) * self.get(cv2.CAP_PROP_FPS))
        if key == cv2.CAP_PROP_POS_MSEC:
            return 1000 * self._seconds(self._frame)
        return 0.0

    def set(self, key: int, value: float) -> bool:  # noqa: ARG002
        """Nothing can be asked of a file."""
        return False

    def release(self) -> None:
        """Close it; twice does no harm."""
        if self._open:
            self._open = False
            self._frames = iter(())
            self._frame = self._deinterlacer = None
            self._container.close()

    def _decode(self) -> Iterator[Any]:
        """Every picture, in order; says at the end how it came to it."""
        try:
            for packet, shown in self._packets():
                pictures = self._decoded(packet)
                if shown:
                    yield from self._progressive(pictures)
            self.ended = True
        except FAULTS as problem:  # what was demuxed until then is whole
            self.problem = _told(problem)
            self.silent = isinstance(problem, av.error.ExitError)
            yield from self._progressive(self._decoded(None))
        if self._deinterlacer is not None:
            yield from self._deinterlacer.push(None)

    def _packets(self) -> Iterator[tuple[Any, bool]]:
        """What is to be decoded, and whether it is to be shown; see `newest`."""
        packets, wanted = map(self._noted, self._container.demux()), self._stream.index
        if self._live and self.form in ENDLESS and not self.finite:
            return newest(packets, wanted, FAULTS)
        return ((packet, True) for packet in packets if packet.stream.index == wanted)

    def _decoded(self, packet: Any) -> list[Any]:
        """The pictures that a packet completes; of None, those that the decoder still holds."""
        try:
            return list(self._stream.codec_context.decode(packet))
        except FAULTS as problem:
            if not isinstance(problem, av.error.EOFError):
                self.damaged += 1
                self.problem = _told(problem)
            return []

    def _progressive(self, frames: list[Any]) -> Iterator[Any]:
        """The same pictures, each of one moment."""
        for frame in frames:
            if self._deinterlacer is not None and not self._deinterlacer.fits(frame):
                yield from self._deinterlacer.push(None)
                self._deinterlacer = None
            if self._deinterlacer is None and frame.interlaced_frame:
                self._deinterlacer = Deinterlacer(frame, self._stream.time_base)
            if self._deinterlacer is None:
                yield frame
            else:
                yield from self._deinterlacer.push(frame)

    def _noted(self, packet: Any) -> Any:
        """The packet; where it ends is noted."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.time_base is not None:
            start = (self._container.start_time or 0) / av.time_base
            end = float((stamp + (packet.duration or 0)) * packet.time_base) - start
            self.reached = max(self.reached, end)
        return packet

    def _seconds(self, frame: Any) -> float:
        stamp = None if frame is None else frame.pts if frame.pts is not None else frame.dts
        if stamp is None or frame.time_base is None:
            return math.nan
        start = (self._stream.start_time or 0) * (self._stream.time_base / frame.time_base)  # a filter has its own unit
        # Rounded as OpenCV does: a time on the border of an interval would else fall on its other side.
        return float((stamp - int(start)) * (frame.time_base.numerator / frame.time_base.denominator))

    def _displayed(self, frame: Any) -> Image:
        width, height = _square_pixels(frame.width, frame.height, self._aspect(frame))
        if width * height > MOST_PIXELS:
            raise ValueError(f"a picture has {width}x{height} pixels; at most {MOST_PIXELS} are shown")
        converted = self._reformatter.reformat(frame, width, height, "bgr24", interpolation="BICUBIC")
        image: Any = converted.to_ndarray()
        return upright(image, self._matrix_of(frame))

    def _matrix_of(self, frame: Any) -> tuple[int, int, int, int]:
        """A picture's display matrix, read anew where its rotation or size is another than before.

        Reading it ties a picture up in a cycle of references (PyAV below 19): each one's would stay in memory until
        Python looks for such cycles, 120 MB of 1280x720.
        """
        kind = (frame.rotation, frame.width, frame.height)
        if kind != self._turned[0]:
            self._turned = kind, _matrix(frame)
        return self._turned[1]

    def _aspect(self, frame: Any) -> Fraction | None:
        """How many times as wide as high a pixel is: the container's word, but for pictures of another size."""
        container: Fraction | None = self._stream.sample_aspect_ratio
        codec: Fraction | None = self._stream.codec_context.sample_aspect_ratio
        return (container if (frame.width, frame.height) == self._size else None) or codec


class Deinterlacer:
    """Makes whole pictures of half pictures, one for two; pictures that are whole pass as they are.

    By FFmpeg's bwdif (the BBC's filter on yadif's temporal checks).

    Args:
        frame: The first picture, which settles size and format.
        time_base: Seconds in a unit of time.
    """

    def __init__(self, frame: Any, time_base: Fraction) -> None:
        self._kind = _kind(frame)
        graph = av.filter.Graph()
        self._source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format.name, time_base=time_base
        )
        filtering = graph.add("bwdif", "mode=send_frame:deint=interlaced")
        self._sink = graph.add("buffersink")
        self._source.link_to(filtering)
        filtering.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def fits(self, frame: Any) -> bool:
        """Whether a picture is of the size and format of the first."""
        return _kind(frame) == self._kind

    def push(self, frame: Any) -> Iterator[Any]:
        """Put in a picture, or None at the end, and take out what is ready."""
        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):  # noqa: PERF203 - how the filter says so
                return


def upright(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """A picture turned and mirrored as its display matrix asks, to the nearest right angle.

    Args:
        image: As it is stored.
        matrix: (a, b, c, d): a stored point (x, y), y downwards, is shown at (a x + c y, b x + d y).

    >>> upright(np.arange(6, dtype=np.uint8).reshape(2, 3), (0, 1, -1, 0)).tolist()
    [[3, 0], [4, 1], [5, 2]]
    """
    a, b, c, d = matrix
    if a * d - b * c < 0:
        image, a, b = np.ascontiguousarray(image[:, ::-1]), -a, -b
    quarters = round(math.degrees(math.atan2(b, a)) / 90) % 4
    return turn(image, 90 * quarters) if quarters else image


def _matrix(frame: Any) -> tuple[int, int, int, int]:
    """The upper left of a picture's display matrix (FFmpeg's libavutil/display.h); as it is stored without one."""
    data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return a, b, c, d


def _square_pixels(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """The size at which pixels are squares; only ever larger, so that nothing is lost.

    >>> _square_pixels(720, 576, Fraction(64, 45)), _square_pixels(720, 576, Fraction(1, 2))
    ((1024, 576), (720, 1152))
    """
    if not aspect or not 1 / MOST_STRETCH <= aspect <= MOST_STRETCH:
        return width, height
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _kind(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the picture on a song's cover."""
    return "attached_pic" in str(stream.disposition)


def _told(problem: BaseException) -> str:
    """FFmpeg's word for an error, in one line and without its own name of the file."""
    if isinstance(problem, av.error.ExitError):
        return "no answer in time"
    return " ".join(str(getattr(problem, "strerror", None) or problem).split())
