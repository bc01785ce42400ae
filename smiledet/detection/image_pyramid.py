"""Making what is around a large face small, quickly.

OpenCV averages over areas of any size pixel by pixel, but over two by two pixels with vectors: what is around a face of
300 pixels, brought to some 40 on every picture, costs 300 µs in one step, and 40 where it is halved twice before. The
means are the same but for their rounding to whole grey levels.

Only faces of 225 to 250 pixels and more are, from an eighth on. They cost most and are the surest; of smaller ones
Viola-Jones sees many now and then, so that any other rounding finds others of them.
"""

from __future__ import annotations

import cv2
import numpy as np

from smiledet.frame import GreyImage

FROM = 1 / 8
"""Scale from which on, downwards, pictures are halved twice before."""

STEP = 4
"""What is gone then, and what their sides are to be divisible by."""

Corners = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; right and bottom exclusive."""


def evened(corners: Corners, scale: float) -> Corners:
    """A part of a picture without its up to three last columns and rows with which it could not be halved twice.

    >>> evened((10, 10, 317, 318), 0.1), evened((10, 10, 317, 318), 0.2)
    ((10, 10, 314, 318), (10, 10, 317, 318))

    Args:
        corners: The part, of any size.
        scale: To what it is to be shrunk.
    """
    left, top, right, bottom = corners
    if scale > FROM or min(right - left, bottom - top) < STEP:
        return corners
    return left, top, right - (right - left) % STEP, bottom - (bottom - top) % STEP


def shrunk(view: GreyImage, size: tuple[int, int], scale: float) -> GreyImage:
    """A picture of another size.

    Args:
        view: Grey uint8 (height, width), not empty; as `evened` leaves it, or it is not halved.
        size: Width and height that are wanted, about `scale` times the picture's.
        scale: Where it is above 1 pixels are interpolated, else they are means over areas.
    """
    height, width = view.shape
    if scale <= FROM and width % STEP == height % STEP == 0:
        for part in (2, 4):
            view = np.asarray(cv2.resize(view, (width // part, height // part), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
