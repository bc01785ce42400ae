"""Tiny clips, fake cameras, fake time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

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
