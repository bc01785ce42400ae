"""Tiny clips, fake cameras, fake time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

STEP = 40
"""Grey steps between frames: far enough apart to know a frame again after a lossy codec."""


def frame_number(image: np.ndarray) -> int:
    return round(float(image.mean()) / STEP)


def picture(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), STEP * index, np.uint8)


@pytest.fixture
def number_of() -> Callable[[np.ndarray], int]:
    return frame_number


@pytest.fixture
def write_clip() -> Callable[..., Path]:
    """Writes a clip whose frame i is grey 40 x i (counted round after the sixth)."""

    def write(path: Path, count: int = 6, fps: float = 10.0) -> Path:
        codec = "MJPG" if path.suffix == ".avi" else "mp4v"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
        assert writer.isOpened()
        for index in range(count):
            writer.write(picture(index % 7))
        writer.release()
        return path

    return write


def encode(
    path: Path,
    images: Iterable[np.ndarray],
    codec: str = "libx264",
    fps: int = 10,
    times: Iterable[float] | None = None,
    aspect: Fraction | None = None,
    sound: float = 0.0,
    form: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Writes a clip by PyAV.

    Args:
        path: The file.
        images: BGR.
        codec: FFmpeg's name of the encoder; where it is missing the test is skipped.
        fps: Pictures a second.
        times: Seconds of each picture; None for a constant rate.
        aspect: Sample aspect ratio.
        sound: Seconds of silence beside it, in Opus.
        form: Pixel format.
        options: Of the encoder.
        container: Options of the container.
    """
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot encode {codec}")
    pictures = list(images)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.options = width, height, form, options or {}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = output.add_stream("libopus", rate=48000) if sound else None
        for place, image in zip(times or range(len(pictures)), pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts = round(1000 * place) if times is not None else place
            frame.time_base = Fraction(1, 1000 if times is not None else fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for place in range(round(sound * 50) if audio else 0):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 960), np.int16), format="s16", layout="stereo")
            silence.sample_rate, silence.pts = 48000, 960 * place
            output.mux(audio.encode(silence))
        if audio:
            output.mux(audio.encode(None))
    return path


@pytest.fixture
def encode_clip() -> Callable[..., Path]:
    return encode


class FakeTime:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.seconds += seconds
        return False


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


class FakeCapture:
    """A capture that delivers the given pictures (None: one that cannot be decoded), then nothing."""

    def __init__(
        self,
        pictures: Iterable[np.ndarray | None] = (),
        opened: bool = True,
        real: dict[int, float] | None = None,
        count: float = -1.0,
    ) -> None:
        self.pictures = list(pictures)
        self.opened = opened
        self.asked: list[tuple[int, float]] = []
        usual = {cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"MJPG")), cv2.CAP_PROP_FPS: 30.0}
        self.properties = {**usual, cv2.CAP_PROP_FRAME_COUNT: count, **(real or {})}
        self.released = 0
        self.current: np.ndarray | None = None

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def grab(self) -> bool:
        if not self.pictures:
            return False
        self.current = self.pictures.pop(0)
        return True

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return self.current is not None, self.current

    def get(self, key: int) -> float:
        return self.properties.get(key, 0.0)

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def fake_capture() -> type[FakeCapture]:
    return FakeCapture


@pytest.fixture
def make_picture() -> Callable[..., np.ndarray]:
    return picture
