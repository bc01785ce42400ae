"""Chips: the upright square cut-outs of a face that the networks see, each warped straight out of the full frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, hypot

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


class Halves:
    """A picture and what is left of it when it is halved, and halved again: squares are warped out of it.

    Bilinear warping sees two pixels across; where it would skip some, the square is cut from the picture halved as
    often as it takes (L. Williams: Pyramidal parametrics, SIGGRAPH 1983, one level of them). Means of two by two pixels
    are what a processor's vectors are good at.

    Args:
        image: Grey (height, width) or BGR (height, width, 3), uint8, not empty.
        around: What most squares show, in pixels: that is halved once for all of them. None to halve what each shows.
    """

    def __init__(self, image: npt.NDArray[np.uint8], around: Box | None = None) -> None:
        self._image = image
        self._kept: list[_Part] = []
        if around is not None:
            left, top, right, bottom = around.clipped(image.shape[1], image.shape[0])
            if right > left and bottom > top:
                self._kept.append(_Part(image[top:bottom, left:right], left, top))

    def square(self, matrix: Matrix, side: int) -> npt.NDArray[np.uint8]:
        """A square of the picture, warped without skipping any of its pixels.

        Args:
            matrix: 2x3 similarity from the picture's pixels to the square's.
            side: Of the square, in pixels.

        Returns:
            uint8 (side, side) or (side, side, 3). What lies outside the picture repeats its edge.
        """
        (a, b, x), (c, d, y) = matrix.tolist()
        scale = hypot(a, c)
        halvings = 0
        while scale < 0.5 and halvings < MAX_HALVINGS and min(self._image.shape[:2]) >> (halvings + 1):
            scale, halvings = 2 * scale, halvings + 1
        pixels = self._image
        if halvings:
            part, step = self._part(a, b, c, d, x, y, side, halvings), 1 << halvings
            # A pixel's value is that of its middle; that of a halved one lies between those that it is the mean of.
            right, down = part.left + (step - 1) / 2, part.top + (step - 1) / 2
            x, y = a * right + b * down + x, c * right + d * down + y
            matrix = np.array([[a * step, b * step, x], [c * step, d * step, y]])
            pixels = part.pixels
        square = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(square, np.uint8)

    def _part(self, a: float, b: float, c: float, d: float, x: float, y: float, side: int, halvings: int) -> _Part:
        """What a square shows of the picture, halved: of what is kept where that will do."""
        height, width = self._image.shape[:2]
        determinant = a * d - b * c
        half, over = side / 2 / abs(determinant), 2 << halvings  # bilinear warping reads neighbours, too
        middle_x = (d * (side / 2 - x) - b * (side / 2 - y)) / determinant
        middle_y = (a * (side / 2 - y) - c * (side / 2 - x)) / determinant
        across, down = (abs(d) + abs(b)) * half + over, (abs(a) + abs(c)) * half + over
        left, right = max(middle_x - across, 0.0), min(middle_x + across, width)
        top, bottom = max(middle_y - down, 0.0), min(middle_y + down, height)
        kept = self._kept
        if kept and kept[0].left <= left and kept[0].top <= top:
            rows, columns = kept[0].pixels.shape[:2]
            if right <= kept[0].left + columns and bottom <= kept[0].top + rows:
                while len(kept) <= halvings:
                    kept.append(kept[-1].halved())
                return kept[halvings]
        first_x, last_x = _whole(left, right, width, 1 << halvings)
        first_y, last_y = _whole(top, bottom, height, 1 << halvings)
        part = _Part(self._image[first_y:last_y, first_x:last_x], first_x, first_y)
        for _ in range(halvings):
            part = part.halved()
        return part


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a picture, halved or not.

    Attributes:
        pixels: What is left of it.
        left: Of the picture's columns, where it begins.
        top: And of its rows.
    """

    pixels: npt.NDArray[np.uint8]
    left: int
    top: int

    def halved(self) -> _Part:
        """Half of it; an odd last row or column is left out."""
        height, width = self.pixels.shape[0] // 2, self.pixels.shape[1] // 2
        even = self.pixels[: 2 * height, : 2 * width]
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        return _Part(np.asarray(half, np.uint8), self.left, self.top)


def _whole(first: float, last: float, length: int, step: int) -> tuple[int, int]:
    """The whole pixels of a picture, along one axis, that hold what is needed of it; at least `step` of them."""
    start = max(0, min(floor(first), length - step))
    return start, min(length, max(ceil(last), start + step))


def cut_chip(source: npt.NDArray[np.uint8] | Halves, to_template: Matrix, spec: ChipSpec) -> npt.NDArray[np.uint8]:
    """Warp one chip out of the frame.

    Args:
        source: Grey (height, width) or BGR (height, width, 3), uint8, or its halves.
        to_template: 2x3 similarity from frame pixels to face-box coordinates.
        spec: The chip's geometry.

    Returns:
        uint8 (size, size) or (size, size, 3). What lies outside the picture repeats its edge.
    """
    return halves_of(source).square(chip_map(to_template, spec), spec.size)


def halves_of(source: npt.NDArray[np.uint8] | Halves) -> Halves:
    """A picture's halves; they themselves, where they are given."""
    return source if isinstance(source, Halves) else Halves(source)
