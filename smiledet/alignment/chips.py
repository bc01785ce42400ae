"""Chips: the upright square cut-outs of a face that the networks see, each warped straight out of the full frame."""

from __future__ import annotations

from math import floor, hypot

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Box, ChipSpec, Matrix

MAX_HALVINGS = 5
"""How often a picture is halved at most before a chip is cut out of it: a face may be 32 chips wide."""


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
    return warp_square(image, chip_map(to_template, spec), spec.size)


def warp_square(image: npt.NDArray[np.uint8], matrix: Matrix, side: int) -> npt.NDArray[np.uint8]:
    """A square of the frame, warped without skipping any of its pixels.

    Bilinear warping sees two pixels across; where it would skip some, what the square shows is halved until it does not
    (L. Williams: Pyramidal parametrics, SIGGRAPH 1983, one level of them). Means of two by two pixels are what a
    processor's vectors are good at: half the cost of warping larger and averaging down, and less for very large faces.

    Args:
        image: Grey (height, width) or BGR (height, width, 3), uint8, not empty.
        matrix: 2x3 similarity from frame pixels to the square's.
        side: Of the square, in pixels.

    Returns:
        uint8 (side, side) or (side, side, 3). What lies outside the picture repeats its edge.
    """
    scale = hypot(matrix[0, 0], matrix[1, 0])
    halvings = 0
    while scale * 2**halvings < 0.5 and halvings < MAX_HALVINGS and min(image.shape[:2]) >= 2 ** (halvings + 1):
        halvings += 1
    if halvings:
        image, matrix = _halved(image, matrix, side, halvings)
    square = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8)


def _halved(
    image: npt.NDArray[np.uint8], matrix: Matrix, side: int, halvings: int
) -> tuple[npt.NDArray[np.uint8], Matrix]:
    """The part of a picture that a square shows, halved so many times, and the map from there to the square."""
    (a, b, x), (c, d, y) = matrix.tolist()
    area = abs(a * d - b * c)
    middle_x, middle_y = side / 2 - x, side / 2 - y
    step = 2**halvings
    left, right = _reach(
        (d * middle_x - b * middle_y) / (a * d - b * c), (abs(d) + abs(b)) * side / 2 / area, image.shape[1], step
    )
    top, bottom = _reach(
        (a * middle_y - c * middle_x) / (a * d - b * c), (abs(a) + abs(c)) * side / 2 / area, image.shape[0], step
    )
    part = image[top:bottom, left:right]
    for _ in range(halvings):
        part = np.asarray(cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA))
    # A pixel's value is that of its middle, and that of a halved one lies between the pixels that it is the mean of.
    first_x, first_y = left + (step - 1) / 2, top + (step - 1) / 2
    moved = [[a * step, b * step, a * first_x + b * first_y + x], [c * step, d * step, c * first_x + d * first_y + y]]
    return part, np.array(moved)


def _reach(middle: float, half: float, length: int, step: int) -> tuple[int, int]:
    """From where to where a picture is needed along one axis, a multiple of `step` and at least that.

    Args:
        middle: Of what is shown, in pixels.
        half: Half of how much is shown.
        length: Of the picture, at least `step`.
        step: Pixels that become one.
    """
    # Two more on either side: bilinear warping reads the neighbour, and its coordinates are rounded.
    first = min(max(floor(middle - half) - 2 * step, 0), length - step)
    last = max(min(floor(middle + half) + 2 * step, length), first + step)
    if last == length:  # what does not divide is left out where it is seen least
        return last - (last - first) // step * step, last
    return first, first + (last - first) // step * step
