"""A video file in the making, encoded by FFmpeg through PyAV.

What is written can be read at any moment: MP4 in fragments (ISO/IEC 14496-12, 8.8), Matroska and WebM in clusters, AVI
picture by picture, each handed to the system at once. So nothing has to be finished where a process is killed or a disk
is full, and what was recorded half a second before is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.error

from smiledet.errors import OutputError, SmiledetError
from smiledet.frame import Image
from smiledet.system.output_files import OutputFile

FLUSHED = 500
"""Milliseconds of video that are held back at most."""

SMALL = 600_000
"""Pixels of pictures up to which one thread encodes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a kind of file is written.

    Attributes:
        name: FFmpeg's name of the container.
        codecs: The encoders that are tried in turn, with their options.
        options: Those of the container.
        ticks: Ticks a second in which times are counted; 0 for one tick a picture at the nominal rate.
        pixels: The pixel format.
    """

    name: str
    codecs: Mapping[str, Mapping[str, str]]
    options: Mapping[str, str] = field(default_factory=dict)
    ticks: int = 1000
    pixels: str = "yuv420p"


# Without a look ahead, so that a picture is written when it comes.
_H264 = {"libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "23"}, "mpeg4": {"qmin": "2", "qmax": "8"}}
_VP9 = {
    "libvpx-vp9": {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "row-mt": "1",
        "crf": "30",
        "b": "0",
    },
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "10", "b": "4M"},
}
_CLUSTERS = {"cluster_time_limit": str(FLUSHED)}
_FRAGMENTS = {"movflags": "empty_moov+default_base_moof", "frag_duration": str(1000 * FLUSHED)}

FORMATS = {
    ".mp4": Format("mp4", _H264, _FRAGMENTS, ticks=90_000),
    ".avi": Format("avi", {"mjpeg": {"qmin": "3", "qmax": "5"}}, ticks=0, pixels="yuvj420p"),
    ".mkv": Format("matroska", _H264, _CLUSTERS),
    ".webm": Format("webm", _VP9, _CLUSTERS),
}
"""By suffix."""


def find_encoder(suffix: str) -> str:
    """The first encoder for a suffix that PyAV's FFmpeg has.

    Raises:
        OutputError: There is none.
    """
    for name in FORMATS[suffix].codecs:
        with suppress(av.error.FFmpegError, ValueError):
            av.codec.Codec(name, "w")
            return name
    others = " or ".join(other for other in FORMATS if other != suffix)
    raise OutputError(f"this PyAV cannot encode {suffix} files; use {others}")


class Recording:
    """Pictures of one size, each with its time, into an open file.

    Args:
        output: Open; closed by whoever opened it.
        suffix: One of `FORMATS`.
        size: (width, height) in pixels, both even.
        fps: Pictures a second, about.

    Raises:
        SmiledetError: FFmpeg refuses the size or the rate.
    """

    def __init__(self, output: OutputFile, suffix: str, size: tuple[int, int], fps: float) -> None:
        form, encoder = FORMATS[suffix], find_encoder(suffix)
        rate = Fraction(fps).limit_denominator(1001)
        self.tick = Fraction(1, form.ticks) if form.ticks else 1 / rate
        """Seconds that two pictures are apart at least."""
        self._file = _File(output)
        self._named = False
        try:
            self._container: Any = av.open(
                self._file, "w", format=form.name, options={**form.options, "flush_packets": "1"}
            )
            self._stream = self._container.add_stream(encoder, rate=rate, options=dict(form.codecs[encoder]))
            self._stream.width, self._stream.height = size
            self._stream.pix_fmt = form.pixels
            self._stream.codec_context.time_base = self.tick
            self._stream.codec_context.gop_size = max(1, round(2 * fps))
            self._stream.codec_context.thread_count = 1 if size[0] * size[1] <= SMALL else 0
            self._container.start_encoding()
            self._file.check()
        except (av.error.FFmpegError, OSError, ValueError, SmiledetError) as problem:
            self._let_go()  # one that is freed open crashes PyAV 14
            self._file.check()
            raise SmiledetError(f"cannot encode {size[0]}x{size[1]} at {fps:g} FPS: {problem}") from problem
        self._whole = self._file.size
        self._keeps_back = form.ticks > 0
        self.count = 0
        """Pictures that were put."""
        self.kept = 0
        """Pictures that can be read whatever happens: of whole fragments or clusters."""

    def put(self, image: Image, tick: int) -> None:
        """Write one picture (height, width, 3), so many ticks after the first.

        Raises:
            SmiledetError: It cannot be written; the message says why.
        """
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = tick, self.tick
        self._mux(frame)
        self.count += 1
        if self._file.size > self._whole:  # a fragment was closed, which holds what came before this picture
            self._whole = self._file.size
            self.kept = self.count - 1 if self._keeps_back else self.count
            if not self._named:
                self._file.output.take_name()
                self._named = True

    def close(self) -> None:
        """Write what is held back, and the index; once.

        Raises:
            SmiledetError: It cannot be written; what was written before can be read.
        """
        try:
            self._mux(None)
            self._container.close()
        except (av.error.FFmpegError, OSError, ValueError) as problem:
            self._file.check()
            raise SmiledetError(f"cannot finish {self._file.output.path}: {problem}") from problem
        self._file.check()
        self._file.output.take_name()

    def abandon(self) -> None:
        """Let go of the encoder after a failed write; the file ends behind what is whole in it."""
        self._let_go()
        self._file.output.cut(self._whole)

    def _let_go(self) -> None:
        self._file.deaf = True
        with suppress(av.error.FFmpegError, OSError, ValueError, AttributeError):  # there may be none yet
            self._container.close()

    def _mux(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError, ValueError) as problem:
            self._file.check()
            raise SmiledetError(f"cannot write {self._file.output.path}: {problem}") from problem
        self._file.check()


class _File:
    """An `OutputFile` as PyAV takes it; it keeps what went wrong, of which FFmpeg passes on only a number."""

    def __init__(self, output: OutputFile) -> None:
        self.output = output
        self.size = self._position = 0
        self.deaf = False
        self._problem: SmiledetError | None = None

    def check(self) -> None:
        if self._problem is not None:
            raise self._problem

    def write(self, data: Any) -> int:
        if not self.deaf and self._problem is None:
            try:
                self.output.write(bytes(data), self._position)
            except SmiledetError as problem:
                self._problem = problem
        self._position += len(data)
        self.size = max(self.size, self._position)
        return len(data)

    def seekable(self) -> bool:
        return self.output.seekable

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self.size)[whence]
        return self._position
