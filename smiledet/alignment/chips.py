"""Chips: the upright square cut-outs of a face that the networks see, each warped straight out of the full frame."""

from __future__ import annotations

from dataclasses import dataclass
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
                self._kept.append(_Part(image[top:bottom, left:right], left, top, 1))

    def square(self, matrix: Matrix, side: int) -> npt.NDArray[np.uint8]:
        """A square of the picture, warped without skipping any of its pixels.

        Args:
            matrix: 2x3 similarity from the picture's pixels to the square's.
            side: Of the square, in pixels.

        Returns:
            uint8 (side, side) or (side, side, 3). What lies outside the picture repeats its edge.
        """
        scale = hypot(matrix[0, 0], matrix[1, 0])
        halvings = 0
        while scale * 2**halvings < 0.5 and halvings < MAX_HALVINGS and min(self._image.shape[:2]) >> (halvings + 1):
            halvings += 1
        part = self._part(matrix, side, halvings) if halvings else None
        square = cv2.warpAffine(
            self._image if part is None else part.pixels,
            matrix if part is None else part.map_to(matrix),
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(square, np.uint8)

    def _part(self, matrix: Matrix, side: int, halvings: int) -> _Part:
        """What a square shows, halved: of what is kept where that will do."""
        step = 2**halvings
        left, top, right, bottom = _shown(matrix, side, self._image.shape, step)
        if self._kept and self._kept[0].shows(left, top, right, bottom, step):
            while len(self._kept) <= halvings:
                self._kept.append(self._kept[-1].halved())
            return self._kept[halvings]
        part = _Part(self._image[top:bottom, left:right], left, top, 1)
        for _ in range(halvings):
            part = part.halved()
        return part


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a picture, halved so many times.

    Attributes:
        pixels: What is left of it.
        left: Of the picture's columns, where it begins.
        top: And of its rows.
        step: The picture's pixels that one of its own is the mean of, along a side.
    """

    pixels: npt.NDArray[np.uint8]
    left: int
    top: int
    step: int

    def halved(self) -> _Part:
        """Half of it; an odd last row or column is left out."""
        height, width = self.pixels.shape[0] // 2, self.pixels.shape[1] // 2
        even = self.pixels[: 2 * height, : 2 * width]
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        return _Part(np.asarray(half, np.uint8), self.left, self.top, 2 * self.step)

    def shows(self, left: int, top: int, right: int, bottom: int, step: int) -> bool:
        """Whether all of that is seen in it, halved until `step` pixels are one."""
        height, width = self.pixels.shape[0] // step * step, self.pixels.shape[1] // step * step
        return self.left <= left and self.top <= top and right <= self.left + width and bottom <= self.top + height

    def map_to(self, matrix: Matrix) -> Matrix:
        """The map from its pixels, given that from the picture's."""
        # A pixel's value is that of its middle; that of a halved one lies between the pixels that it is the mean of.
        middle_x, middle_y = self.left + (self.step - 1) / 2, self.top + (self.step - 1) / 2
        (a, b, x), (c, d, y) = matrix.tolist()
        step = self.step
        return np.array(
            [
                [a * step, b * step, a * middle_x + b * middle_y + x],
                [c * step, d * step, c * middle_x + d * middle_y + y],
            ]
        )


def _shown(matrix: Matrix, side: int, shape: tuple[int, ...], step: int) -> tuple[int, int, int, int]:
    """What a square shows of a picture: left, top, right and bottom, width and height divisible by `step`."""
    (a, b, x), (c, d, y) = matrix.tolist()
    determinant = a * d - b * c
    half = side / 2 / abs(determinant)
    middle_x, middle_y = side / 2 - x, side / 2 - y
    left, right = _reach((d * middle_x - b * middle_y) / determinant, (abs(d) + abs(b)) * half, shape[1], step)
    top, bottom = _reach((a * middle_y - c * middle_x) / determinant, (abs(a) + abs(c)) * half, shape[0], step)
    return left, top, right, bottom


def _reach(middle: float, half: float, length: int, step: int) -> tuple[int, int]:
    """From where to where a picture is needed along one axis, a multiple of `step` and at least that.

    Args:
        middle: Of what is shown, in pixels.
        half: Half of how much is shown.
        length: Of the picture, at least `step`.
        step: Pixels that become one.
    """
    # More on either side: bilinear warping reads the neighbour, and its coordinates are rounded.
    first = min(max(floor(middle - half) - 2 * step, 0), length - step)
    last = max(min(floor(middle + half) + 2 * step, length), first + step)
    if last == length:  # what does not divide is left out where it is seen least
        return last - (last - first) // step * step, last
    return first, first + (last - first) // step * step


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
