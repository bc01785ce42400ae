"""OpenCV's captures, made quiet and safe to let go of from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Image

T = TypeVar("T")


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`; tests bring their own."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102 - OpenCV's name

    def grab(self) -> bool: ...  # noqa: D102

    def retrieve(self) -> tuple[bool, npt.NDArray[Any] | None]: ...  # noqa: D102

    def get(self, key: int, /) -> float: ...  # noqa: D102

    def set(self, key: int, value: float, /) -> bool: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


def as_bgr(image: npt.NDArray[Any]) -> Image:
    """A decoded picture as BGR uint8 (height, width, 3), whatever its depth and channels.

    >>> as_bgr(np.full((2, 3), 65535, np.uint16)).max(), as_bgr(np.zeros((2, 3, 4), np.uint8)).shape
    (np.uint8(255), (2, 3, 3))
    """
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.clip(image, 0, 255).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    elif image.shape[2] == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    return image


class GuardedCapture:
    """A capture that another thread may release in the middle of a grab.

    Releasing a `cv2.VideoCapture` under a running grab crashes the process, so `release` then leaves it to the thread
    that is grabbing, and returns at once.

    Args:
        capture: What is to be guarded; nobody else may use it afterwards.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._lock = threading.Lock()
        self._leaving = False
        self._gone = False

    def is_open(self) -> bool:
        """Whether there is something to read from."""
        return self._call(self._capture.isOpened, False)

    def grab(self) -> bool:
        """Take the next picture, undecoded; False where there is none, or the capture was released."""
        return self._call(self._capture.grab, False)

    def retrieve(self) -> Image | None:
        """Decode what was grabbed; None where that fails."""
        nothing: tuple[bool, npt.NDArray[Any] | None] = (False, None)
        decoded, image = self._call(self._capture.retrieve, nothing)
        return as_bgr(image) if decoded and image is not None and image.size else None

    def get(self, key: int) -> float:
        """A property; 0 where it is not known."""
        return self._call(lambda: float(self._capture.get(key)), 0.0)

    def set(self, key: int, value: float) -> bool:
        """Ask for a property; whether it was granted shows only in `get`."""
        return self._call(lambda: bool(self._capture.set(key, value)), False)

    def release(self) -> None:
        """Let go of it, now or when the running call is over; twice does no harm."""
        self._leaving = True
        self._let_go()

    def _call(self, function: Callable[[], T], otherwise: T) -> T:
        try:
            with self._lock:
                return otherwise if self._leaving else function()
        except cv2.error:
            return otherwise
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Release if asked to and nobody is inside; whoever comes out last does it."""
        if self._leaving and self._lock.acquire(blocking=False):
            try:
                if not self._gone:
                    self._gone = True
                    self._capture.release()
            finally:
                self._lock.release()
