"""Hard pictures: dark, bright, blurred, noisy, small and strongly compressed faces.

Each is drawn between nothing and what `scripts/robustness_table.py` measures: a light of 0.12 times, one of 2.5 times
and 60 levels, a blur of sigma 3, noise of sigma 35, faces of 24 pixels, JPEG at quality 20.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Chip = npt.NDArray[np.uint8]

DARKEST = 0.12
BRIGHTEST = (2.5, 60.0)
"""Factor, and levels added."""
BLUR = 3.0
NOISE = 35.0
SMALLEST = 24
QUALITY = 20


def _dark(chip: Chip, generator: np.random.Generator) -> Chip:
    factor = np.exp(generator.uniform(np.log(DARKEST), 0))
    return np.asarray(chip * factor, np.uint8)


def _bright(chip: Chip, generator: np.random.Generator) -> Chip:
    share = generator.random()
    factor, levels = 1 + share * (BRIGHTEST[0] - 1), share * BRIGHTEST[1]
    return np.asarray(np.clip(chip * factor + levels, 0, 255), np.uint8)


def _blurred(chip: Chip, generator: np.random.Generator) -> Chip:
    return np.asarray(cv2.GaussianBlur(chip, (0, 0), generator.uniform(0.3, BLUR)), np.uint8)


def _noisy(chip: Chip, generator: np.random.Generator) -> Chip:
    noise = generator.normal(0, generator.uniform(0, NOISE), chip.shape)
    return np.asarray(np.clip(chip + noise, 0, 255), np.uint8)


def _small(chip: Chip, generator: np.random.Generator) -> Chip:
    height, width = chip.shape[:2]
    side = int(generator.integers(SMALLEST, max(SMALLEST + 1, width)))
    small = cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _compressed(chip: Chip, generator: np.random.Generator) -> Chip:
    quality = int(generator.integers(QUALITY, 90))
    data = cv2.imencode(".jpg", chip, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)


CHANGES: tuple[Callable[[Chip, np.random.Generator], Chip], ...] = (
    _dark,
    _bright,
    _blurred,
    _noisy,
    _small,
    _compressed,
)


def harden(chip: Chip, generator: np.random.Generator) -> Chip:
    """A chip as one of the hard pictures.

    Args:
        chip: uint8 (height, width, channels), 1 or 3 channels.
        generator: Where the randomness comes from.

    Returns:
        uint8 of the same shape.
    """
    change = CHANGES[generator.integers(len(CHANGES))]
    return change(chip, generator).reshape(chip.shape)
