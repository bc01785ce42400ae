"""Glasses drawn onto aligned chips, so that a network does not take their rims for a frown or for a man's brows.

Seed `004_*` (section IV) saw persons with glasses classified as angry, because dark frames look like a frown. No data
set here says who wears glasses, but an aligned chip has its eyes where the template has them: a pair can be drawn onto
any face, to compare what the same face reads with and without, and to learn from.

What `scripts/robustness_table.py` measures with is another drawing, of other shapes (`occlusions.draw_glasses`): a
network that had learnt the drawing that it is measured with would look better than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import ChipSpec, Points
from smiledet.lab.training.faces.occlusions import SUBPIXEL

EYES = (np.arange(36, 42), np.arange(42, 48))

CORNERS = 40
"""Of the polygon that stands for a lens."""


@dataclass(frozen=True, slots=True)
class Glasses:
    """A pair; lengths in face boxes.

    Attributes:
        width: Half the width of a lens.
        height: Half its height.
        drop: How far a lens hangs below its eye.
        rim: Thickness of the rims.
        shade: Of the rims, 0 to 255.
        squareness: Exponent of a lens' outline, a superellipse: 2 is round, more is squarer.
        lower_rim: Whether the rim goes all around a lens, or along its upper half alone.
        tint: Opacity of the lenses, 0 to 1.
        lens_shade: Their shade, 0 to 255.
        temples: Whether bars go from the lenses to the ears.
    """

    width: float = 0.125
    height: float = 0.095
    drop: float = 0.015
    rim: float = 0.022
    shade: int = 30
    squareness: float = 2.0
    lower_rim: bool = True
    tint: float = 0.0
    lens_shade: int = 0
    temples: bool = False


def random_glasses(generator: np.random.Generator) -> Glasses:
    """A pair between small and large, thin and thick, dark and light, round and square, clear and tinted."""
    width = generator.uniform(0.1, 0.17)
    dark, tinted = generator.random() < 0.75, generator.random() < 0.4
    return Glasses(
        width,
        width * generator.uniform(0.55, 1.0),
        generator.uniform(-0.01, 0.04),
        generator.uniform(0.008, 0.04),
        int(generator.integers(0, 130) if dark else generator.integers(130, 256)),
        generator.uniform(2.0, 6.0),
        bool(generator.random() < 0.8),
        generator.uniform(0.15, 1.0) if tinted else 0.0,
        int(generator.integers(0, 110)),
        bool(generator.random() < 0.5),
    )


def _fixed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.asarray(np.rint(values * (1 << SUBPIXEL)), np.int32)


def _outline(squareness: float) -> npt.NDArray[np.float64]:
    """Corners of a lens of unit half-axes, the upper half first, clockwise in the picture from its left end."""
    angles = np.pi + np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    round_ = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.asarray(np.sign(round_) * np.abs(round_) ** (2 / squareness), np.float64)


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
    outlines = [lens + half * _outline(glasses.squareness) for lens in (left, right)]
    drawn = chip.copy()
    if glasses.tint:
        lenses = drawn.copy()
        for outline in outlines:
            cv2.fillPoly(lenses, [_fixed(outline)], (glasses.lens_shade,) * spec.channels, cv2.LINE_AA, SUBPIXEL)
        mixed = cv2.addWeighted(lenses, glasses.tint, drawn, 1 - glasses.tint, 0)
        drawn = np.asarray(mixed, np.uint8).reshape(chip.shape)
    rims = [outline if glasses.lower_rim else outline[: CORNERS // 2 + 1] for outline in outlines]
    lines = [np.array([left + half * (1.0, -0.3), right + half * (-1.0, -0.3)])]
    if glasses.temples:
        reach = np.array([0.12, -0.01]) * scale
        lines += [
            np.array([lens, lens + reach * (side, 1)])
            for lens, side in zip(_ends(left, right, half), (-1, 1), strict=True)
        ]
    colour = (glasses.shade,) * spec.channels
    thickness = max(1, round(glasses.rim * scale))
    for rim in rims:
        cv2.polylines(drawn, [_fixed(rim)], glasses.lower_rim, colour, thickness, cv2.LINE_AA, SUBPIXEL)
    for line in lines:
        cv2.polylines(drawn, [_fixed(line)], False, colour, thickness, cv2.LINE_AA, SUBPIXEL)
    return np.asarray(drawn, np.uint8)


def _ends(
    left: npt.NDArray[np.float64], right: npt.NDArray[np.float64], half: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the temples begin: the upper outer parts of the lenses."""
    return left + half * (-1.0, -0.3), right + half * (1.0, -0.3)
