"""Chips: the upright square cut-outs of a face that the networks see, each warped straight out of the full frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Box, ChipSpec, Matrix

MAX_SUPERSAMPLING = 4


def chip_map(to_template: Matrix, spec: ChipSpec) -> Matrix:
    """The 2x3 map from frame to chip, given the one from frame to face-box coordinates (0 … 1)."""
    scale = spec.size / spec.margin
    # The face box stays centred in a chip that shows more or less than the box; pixel centres, not corners, carry
    # values.
    shift = (spec.size - scale) / 2 - 0.5
    mapped: Matrix = to_template * scale
    mapped[:, 2] += shift
    return mapped


def box_map(box: Box) -> Matrix:
    """The 2x3 map from frame to face-box coordinates of an upright box, its longer side kept square."""
    side = max(box.width, box.height)
    centre_x, centre_y = box.centre
    scale = 1 / side
    return np.array([[scale, 0.0, 0.5 - centre_x * scale], [0.0, scale, 0.5 - centre_y * scale]])


def cut_chip(image: npt.NDArray[np.uint8], to_template: Matrix, spec: ChipSpec) -> npt.NDArray[np.uint8]:
    """Warp one chip out of the frame.

    Args:
        image: Grey (height, width) or BGR (height, width, 3), uint8.
        to_template: 2x3 similarity from frame pixels to face-box coordinates.
        spec: The chip's geometry.

    Returns:
        uint8 (size, size) or (size, size, 3). What lies outside the picture repeats its edge.
    """
    pixels_a_frame_pixel = float(np.hypot(to_template[0, 0], to_template[1, 0])) * spec.size / spec.margin
    # Bilinear warping sees two pixels across; where it would skip some, warp larger and average down.
    factor = min(MAX_SUPERSAMPLING, math.ceil(0.5 / pixels_a_frame_pixel))
    enlarged = ChipSpec(spec.size * factor, spec.margin, spec.channels)
    chip = cv2.warpAffine(
        image,
        chip_map(to_template, enlarged),
        (enlarged.size, enlarged.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        chip = cv2.resize(chip, (spec.size, spec.size), interpolation=cv2.INTER_AREA)
    return np.asarray(chip, dtype=np.uint8)
