"""Noticing that the scene has cut: the picture has nothing to do with the one before.

A tiny picture of some forty by twenty-four pixels is taken by leaving out, which costs hundredths of a millisecond. Of
the clips that this was set on, hard cuts leave a correlation of 0.0 to 0.25 and a mean difference of 28 to 66 grey
levels; whatever moves between cuts leaves 0.7 or more.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage

ROWS = 24
"""Height of the tiny picture, about, in pixels."""

RELATED = 0.5
"""Correlation of two tiny pictures from which they show one scene."""

DIFFERENT = 12.0
"""Mean difference in grey levels, brightness apart, below which one scene: noise in the dark looks like nothing."""


class SceneWatch:
    """Compares each picture with the one before. It belongs to one thread."""

    def __init__(self) -> None:
        self._last: GreyImage | None = None

    def is_cut(self, grey: GreyImage) -> bool:
        """Whether the picture has nothing to do with the last one that was asked about; False of the first.

        Args:
            grey: Grey uint8 (height, width).
        """
        tiny = _tiny(grey)
        last, self._last = self._last, tiny
        if last is None or last.shape != tiny.shape or not tiny.size:
            return False
        # As nearly always: taking out the means at most doubles the difference. One call, where the rest is ten.
        if 2.001 * cv2.norm(tiny, last, cv2.NORM_L1) < DIFFERENT * tiny.size:
            return False
        now, then = _centred(tiny), _centred(last)
        if float(np.abs(now - then).mean()) < DIFFERENT:
            return False
        contrast = float(np.sqrt((now * now).sum() * (then * then).sum()))
        return float((now * then).sum()) < RELATED * contrast if contrast > 0 else True


def _tiny(grey: GreyImage) -> GreyImage:
    """Every so many-th pixel, uint8, about (24, 40)."""
    step = max(1, min(grey.shape) // ROWS)
    return np.ascontiguousarray(grey[step // 2 :: step, step // 2 :: step])


def _centred(tiny: GreyImage) -> npt.NDArray[np.float32]:
    """Without the mean."""
    values = tiny.astype(np.float32)
    centred: npt.NDArray[np.float32] = values - values.mean()
    return centred
