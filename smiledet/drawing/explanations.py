"""What speaks for a label, as pictures: guided gradients in grey, Grad-CAM as colours over the face."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Image

STRONG = 99.5
"""Percentile of a map's strength that is drawn as white: single pixels would leave the rest in the dark."""

HEAT_OPACITY = 0.55


def guided_picture(guided: npt.NDArray[np.float32], side: int) -> Image:
    """A guided gradient in grey: white where brighter pixels raise the score, black where darker ones do.

    Args:
        guided: Signed (height, width).
        side: Of the picture, in pixels.
    """
    limit = float(np.percentile(np.abs(guided), STRONG)) or 1.0
    grey = np.clip(127.5 + 127.5 * guided / limit, 0, 255).astype(np.uint8)
    enlarged = cv2.resize(grey, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(enlarged, cv2.COLOR_GRAY2BGR), np.uint8)


def heat_picture(face: Image, cam: npt.NDArray[np.float32], strongest: float) -> Image:
    """A class' evidence laid over the face: none is dark blue, most is red.

    Args:
        face: BGR (side, side, 3).
        cam: 0 and up, (rows, columns); it spans the whole face.
        strongest: What is drawn in red.
    """
    height, width = face.shape[:2]
    share = np.clip(cam / strongest if strongest > 0 else np.zeros_like(cam), 0, 1)
    enlarged = np.clip(cv2.resize(share, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    heat = cv2.applyColorMap((255 * enlarged).astype(np.uint8), cv2.COLORMAP_JET)
    return np.asarray(cv2.addWeighted(heat, HEAT_OPACITY, face, 1 - HEAT_OPACITY, 0), np.uint8)
