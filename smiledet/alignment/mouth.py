"""How far a mouth is open, from the landmarks of its inner lips."""

from __future__ import annotations

import numpy as np

from smiledet.frame import Points

UPPER, LOWER = (61, 62, 63), (67, 66, 65)
"""Inner lips, each upper point above its lower one."""

CORNERS = (60, 64)
"""Of the inner lips."""

CLOSED, OPEN = 0.06, 0.7
"""Gap between the lips over their width that counts as closed and as open. The landmarks of closed mouths lie 0.01 to
0.08 apart; a mouth that says "ah" has 0.5 to 0.8."""


def mouth_open(landmarks: Points) -> float:
    """How far the lips are apart: 0 closed, 1 wide open.

    The mean gap of the inner lips over the distance of their corners (the mouth aspect ratio), on a straight scale.
    Lips that show teeth in a smile are apart as well, though the jaw is not.

    Args:
        landmarks: The 68 iBUG points, (68, 2), in pixels.

    >>> points = np.zeros((68, 2))
    >>> points[[60, 64]] = (0, 0), (40, 0)
    >>> mouth_open(points)
    0.0
    >>> points[[61, 62, 63]], points[[67, 66, 65]] = (20, -14), (20, 14)
    >>> mouth_open(points)
    1.0
    """
    width = float(np.linalg.norm(landmarks[CORNERS[0]] - landmarks[CORNERS[1]]))
    if not width:
        return 0.0
    gap = float(np.linalg.norm(landmarks[list(UPPER)] - landmarks[list(LOWER)], axis=1).mean())
    return max(0.0, min(1.0, (gap / width - CLOSED) / (OPEN - CLOSED)))
