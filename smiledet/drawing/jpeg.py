"""Pictures as JPEG, for pages, brokers and saved photographs."""

from __future__ import annotations

import cv2

from smiledet.errors import SmiledetError
from smiledet.frame import Image

QUALITY = 86
"""Of 0 to 100; a frame of 640x480 has some 50 kB."""


def jpeg(image: Image, quality: int = QUALITY) -> bytes:
    """A picture as JPEG.

    Args:
        image: BGR uint8 (height, width, 3), at most 65,500 pixels a side.
        quality: 0 to 100.

    Raises:
        SmiledetError: JPEG does not hold a picture of that size.

    >>> import numpy as np
    >>> jpeg(np.zeros((4, 6, 3), np.uint8)).startswith(bytes([255, 216, 255]))
    True
    """
    try:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as problem:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise SmiledetError(f"a picture of {size} pixels is no JPEG: {problem.err}") from problem
    if not done:
        raise SmiledetError("a picture cannot be written as JPEG")
    return bytes(data)
