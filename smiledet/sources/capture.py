"""What is used of OpenCV's captures, and its errors made answers."""

from __future__ import annotations

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
    """A capture that gives no picture, or no property, where OpenCV raises an error of its own.

    Args:
        capture: What is to be guarded. As every source it is used by one thread at a time, which also releases it.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def is_open(self) -> bool:
        """Whether there is something to read from."""
        return _answer(self._capture.isOpened, False)

    def grab(self) -> bool:
        """Take the next picture, undecoded; False where there is none, or the capture was released."""
        return _answer(self._capture.grab, False)

    def retrieve(self) -> Image | None:
        """Decode what was grabbed; None where that fails."""
        nothing: tuple[bool, npt.NDArray[Any] | None] = (False, None)
        decoded, image = _answer(self._capture.retrieve, nothing)
        return as_bgr(image) if decoded and image is not None and image.size else None

    def get(self, key: int) -> float:
        """A property; 0 where it is not known."""
        return _answer(lambda: float(self._capture.get(key)), 0.0)

    def set(self, key: int, value: float) -> bool:
        """Ask for a property; whether it was granted shows only in `get`."""
        return _answer(lambda: bool(self._capture.set(key, value)), False)

    def release(self) -> None:
        """Let go of it; twice does no harm."""
        self._capture.release()


def _answer(function: Callable[[], T], otherwise: T) -> T:
    try:
        return function()
    except cv2.error:
        return otherwise
