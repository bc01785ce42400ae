"""Glasses drawn onto aligned chips, so that a network does not take their rims for a frown.

Seed `004_*` (section IV) saw persons with glasses classified as angry, because dark frames look like a frown. No data
set here says who wears glasses, but an aligned chip has its eyes where the template has them: a pair can be drawn onto
any face, to compare what the same face reads with and without, and to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import ChipSpec, Points
from smiledet.lab.training.faces.occlusions import SUBPIXEL

EYES = (np.arange(36, 42), np.arange(42, 48))


@dataclass(frozen=True, slots=True)
class Glasses:
    """A pair; lengths in face boxes.

    Attributes:
        width: Half the width of a lens.
        height: Half its height.
        drop: How far a lens hangs below its eye.
        rim: Thickness of the rims.
        shade: Of the rims, 0 to 255.
    """

    width: float = 0.125
    height: float = 0.095
    drop: float = 0.015
    rim: float = 0.022
    shade: int = 30


def random_glasses(generator: np.random.Generator) -> Glasses:
    """A pair between small and large, thin and thick, black and grey."""
    width = generator.uniform(0.105, 0.16)
    return Glasses(
        width,
        width * generator.uniform(0.6, 0.95),
        generator.uniform(0.0, 0.035),
        generator.uniform(0.012, 0.032),
        int(generator.integers(0, 150)),
    )


def _fixed(values: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in np.rint(values * (1 << SUBPIXEL)))


def put_on(chip: npt.NDArray[np.uint8], spec: ChipSpec, template: Points, glasses: Glasses) -> npt.NDArray[np.uint8]:
    """A copy of an aligned chip, wearing glasses.

    Args:
        chip: uint8 (size, size, channels), cut by the aligner.
        spec: Its geometry.
        template: (68, 2), the mean face in face boxes.
        glasses: The pair.

    Returns:
        uint8 (size, size, channels).
    """
    scale = spec.size / spec.margin
    # OpenCV's whole numbers are the centres of pixels, the template's zero is the edge of the first.
    placed = (template - 0.5) * scale + spec.size / 2 - 0.5
    half = np.array([glasses.width, glasses.height]) * scale
    left, right = (placed[points].mean(axis=0) + np.array([0.0, glasses.drop * scale]) for points in EYES)
    colour = (glasses.shade,) * spec.channels
    thickness = max(1, round(glasses.rim * scale))
    drawn = chip.copy()
    for lens in (left, right):
        cv2.ellipse(drawn, _fixed(lens), _fixed(half), 0, 0, 360, colour, thickness, cv2.LINE_AA, SUBPIXEL)
    start, end = left + half * (1.0, -0.3), right + half * (-1.0, -0.3)
    cv2.line(drawn, _fixed(start), _fixed(end), colour, thickness, cv2.LINE_AA, SUBPIXEL)
    return np.asarray(drawn, np.uint8)
