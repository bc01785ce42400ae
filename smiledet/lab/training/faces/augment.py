"""Random changes to training chips that leave their label true.

All on uint8 with OpenCV: an epoch of FER-2013 costs seconds, where the same as network layers costs minutes on a CPU.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.lab.training.faces.hard import harden
from smiledet.lab.training.recipe import Augmentation

Chip = npt.NDArray[np.uint8]


def warp(chip: Chip, size: int, shown: int, limits: Augmentation, generator: np.random.Generator) -> Chip:
    """The middle `shown` pixels of a chip, as `size`, after a random rotation, zoom, shift, shear and mirror."""
    angle = np.deg2rad(generator.uniform(-limits.rotation, limits.rotation))
    scale = (1 + generator.uniform(-limits.zoom, limits.zoom)) * size / shown
    shear = generator.uniform(-limits.shear, limits.shear)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ np.array([[1.0, shear], [0.0, 1.0]])
    if limits.flip and generator.random() < 0.5:
        linear[:, 0] *= -1
    middle_in = (np.array(chip.shape[1::-1]) - 1) / 2
    middle_out = (size - 1) / 2 + generator.uniform(-limits.shift, limits.shift, 2) * size
    matrix = np.hstack([linear, (middle_out - linear @ middle_in)[:, None]])
    return np.asarray(cv2.warpAffine(chip, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def relight(chip: Chip, limits: Augmentation, generator: np.random.Generator) -> Chip:
    """Random contrast about mid-grey and brightness."""
    contrast = 1 + generator.uniform(-limits.contrast, limits.contrast)
    brightness = 255 * generator.uniform(-limits.brightness, limits.brightness)
    levels = np.clip((np.arange(256) - 127.5) * contrast + 127.5 + brightness, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(chip, levels), np.uint8)


def augment(chip: Chip, size: int, shown: int, limits: Augmentation, generator: np.random.Generator) -> Chip:
    """One training view of a chip.

    Args:
        chip: uint8 (side, side, channels) with a side of at least `shown`: what lies around the middle is what a shift
            or a rotation brings in.
        size: Side of the result.
        shown: Pixels of the chip that the network will see at deployment; `size` unless the result is shrunken.
        limits: How far to go.
        generator: Where the randomness comes from.

    Returns:
        uint8 (size, size, channels).
    """
    view = relight(warp(chip, size, shown, limits, generator), limits, generator)
    if generator.random() < limits.blur:
        view = np.asarray(cv2.GaussianBlur(view, (3, 3), generator.uniform(0.4, 1.2)), np.uint8)
    if generator.random() < limits.occlusion:
        height, width = generator.integers(size // 8, size // 3, 2)
        top, left = generator.integers(0, size - height), generator.integers(0, size - width)
        view = view.copy()
        view[top : top + height, left : left + width] = generator.integers(0, 256)
    view = view.reshape(size, size, chip.shape[2])
    # Drawn only where it is asked for: the order of the random numbers is that of earlier recipes.
    return harden(view, generator) if limits.hard and generator.random() < limits.hard else view


def centre(chips: Chip, size: int) -> Chip:
    """The middle `size` pixels of chips (n, side, side, channels): what the network sees at deployment."""
    edge = (chips.shape[1] - size) // 2
    return chips[:, edge : edge + size, edge : edge + size]
