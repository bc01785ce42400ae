"""The 68 iBUG points of the mean face, mirror-symmetric, and how left and right correspond.

Coordinates are in face boxes: (0, 0) is the top left and (1, 1) the bottom right corner of the box that Viola-Jones
would report. A chip with margin 1 shows just that square, which is also how FER-2013 is framed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smiledet.errors import ModelError
from smiledet.frame import Points
from smiledet.system.text import from_json

POINT_COUNT = 68

MIRRORED = np.concatenate(
    [
        np.arange(16, -1, -1),  # jaw
        np.arange(26, 16, -1),  # brows
        [27, 28, 29, 30],  # bridge of the nose
        [35, 34, 33, 32, 31],  # nostrils
        [45, 44, 43, 42, 47, 46],  # the right eye takes the left one's place ...
        [39, 38, 37, 36, 41, 40],  # ... and the other way round
        [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],  # outer lip
        [64, 63, 62, 61, 60, 67, 66, 65],  # inner lip
    ]
)
"""`points[MIRRORED]` with x negated is the same face seen in a mirror."""

INNER = slice(17, POINT_COUNT)
"""Brows, nose, eyes and mouth: the jaw line is left out of the fit, because beards and profiles move it most."""


def symmetrise(points: Points, axis: float = 0.5) -> Points:
    """The nearest mirror-symmetric shape: the mean of the points (68, 2) and their reflection about `x = axis`."""
    reflected = points[MIRRORED].copy()
    reflected[:, 0] = 2 * axis - reflected[:, 0]
    symmetric: Points = (points + reflected) / 2
    return symmetric


def load_template(path: Path) -> Points:
    """Read the template that `smiledet train landmarks` wrote.

    Returns:
        (68, 2) float64 in face boxes.

    Raises:
        ModelError: The file is missing, unreadable or does not hold 68 points.
    """
    try:
        points = np.array(from_json(path.read_bytes())["points"], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as problem:
        raise ModelError(f"cannot read the landmark template {path}: {problem}") from problem
    if points.shape != (POINT_COUNT, 2):
        raise ModelError(f"the landmark template {path} holds {points.shape}, expected ({POINT_COUNT}, 2) points")
    if not np.isfinite(points).all():
        raise ModelError(f"the landmark template {path} holds points that are no numbers")
    return points
