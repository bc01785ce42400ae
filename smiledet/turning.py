"""Turning a photograph by right angles, and what lies in it back again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from smiledet.frame import Box, Points

TURNS = (0, 90, 180, 270)
"""Degrees clockwise, in the order in which a photograph is tried."""


def turn(image: npt.NDArray[np.uint8], degrees: int) -> npt.NDArray[np.uint8]:
    """The picture turned clockwise by one of `TURNS`, contiguous.

    >>> turn(np.array([[1, 2], [3, 4]], np.uint8), 90).tolist()
    [[3, 1], [4, 2]]
    """
    return np.ascontiguousarray(np.rot90(image, -(degrees // 90)))


def turn_points(points: Points, degrees: int, size: tuple[int, int]) -> Points:
    """Where points lie once their picture is turned clockwise.

    Args:
        points: (n, 2), pixels of the picture as it is; a pixel's left upper corner is its place.
        degrees: One of `TURNS`.
        size: (width, height) of the picture as it is.

    >>> turn_points(np.array([[0.0, 10.0]]), 90, (100, 50)).tolist()
    [[40.0, 0.0]]
    """
    x, y = points[:, 0], points[:, 1]
    width, height = size
    turned = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}[degrees]
    return np.column_stack(turned)


def turn_box(box: Box, degrees: int, size: tuple[int, int]) -> Box:
    """Where a box lies once its picture is turned clockwise; see `turn_points`.

    >>> turn_box(Box(0, 0, 10, 20), 270, (50, 100))
    Box(x=0.0, y=40.0, width=20.0, height=10.0)
    """
    corners = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]], np.float64)
    turned = turn_points(corners, degrees, size)
    (left, top), (right, bottom) = turned.min(axis=0).tolist(), turned.max(axis=0).tolist()
    return Box(left, top, right - left, bottom - top)
