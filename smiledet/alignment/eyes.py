"""How far eyes are open, from the picture around their landmarks.

The landmark models have seen few closed eyes, and draw them open; the picture tells them. An open eye has the upright
edges of its iris, a closed one little but the level line of its lashes. So the slopes across are compared with those
down, in a patch turned level with the eye's corners.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smiledet.frame import GreyImage, Image, Points

EYES = ((36, 39), (42, 45))
"""Outer and inner corner of the one eye, inner and outer of the other: each left before right in the picture."""

PATCH = (48, 32)
"""Width and height of the patch that an eye is brought to, in pixels."""

SHOWN = 1.5
"""Width of what the patch shows, in distances between the eye's corners."""

CORE = np.s_[6:26, 8:40]
"""Rows and columns of it that count: lids and iris without the brow."""

CLOSED, OPEN = 0.36, 0.60
"""Slopes across over slopes down that count as closed and open. On frames of six clips closed eyes lie at 0.24 to 0.48
(21 frames), others at 0.48 to 1.2 (71); of 249 photographs of GENKI-4K the median is 0.71, 5 % lie below 0.38."""


def eyes_open(image: Image | GreyImage, landmarks: Points) -> float:
    """How far the eyes are open, the mean of both: 0 closed, 1 open; see `FaceReading.eyes_open` for what it is worth.

    Args:
        image: BGR uint8 (height, width, 3) or grey (height, width).
        landmarks: The 68 iBUG points, (68, 2), in pixels of `image`.

    >>> flat = np.full((100, 100), 90, np.uint8)
    >>> eyes_open(flat, np.full((68, 2), 50.0))
    0.0
    """
    ratios = [_slopes(image, landmarks[first], landmarks[last]) for first, last in EYES]
    return max(0.0, min(1.0, (sum(ratios) / len(ratios) - CLOSED) / (OPEN - CLOSED)))


def _slopes(image: Image | GreyImage, left: Points, right: Points) -> float:
    """Slopes across over slopes down around an eye; 0 where it has no width."""
    across = right - left
    length = math.hypot(*across)
    if length < 1:
        return 0.0
    step = across * SHOWN / PATCH[0]  # of one pixel of the patch
    down = np.array([-step[1], step[0]])
    corner = (left + right) / 2 - step * PATCH[0] / 2 - down * PATCH[1] / 2
    matrix = np.column_stack([step, down, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(image, matrix, PATCH, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    grey = patch if patch.ndim == 2 else cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    level = float(np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)[CORE]).sum())
    upright = float(np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1)[CORE]).sum())
    return level / upright if upright else 0.0
