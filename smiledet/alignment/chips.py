"""Chips: the upright square cut-outs of a face that the networks see, each warped straight out of the full frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, hypot, log2

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Box, ChipSpec, Matrix

AROUND = 2.0
"""What is halved of a picture for all the squares of a face, in sides of its box."""

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


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a picture, halved or not.

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

    @property
    def origin(self) -> tuple[float, float]:
        """Where the middle of its first pixel lies, in pixels of the picture: between those that it is the mean of."""
        return self.left + (self.step - 1) / 2, self.top + (self.step - 1) / 2

    def shows(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Whether all of that is seen in it, given in pixels of the picture."""
        height, width = (side * self.step for side in self.pixels.shape[:2])
        return self.left <= left and self.top <= top and right <= self.left + width and bottom <= self.top + height

    def halved(self) -> Part:
        """Half of it; an odd last row or column is left out."""
        height, width = self.pixels.shape[0] // 2, self.pixels.shape[1] // 2
        even = self.pixels[: 2 * height, : 2 * width]
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        return Part(np.asarray(half, np.uint8), self.left, self.top, 2 * self.step)

    def padded(self, left: float, top: float, right: float, bottom: float) -> Part:
        """With its edge repeated outwards until it shows all of that, given as for `shows`."""
        if self.shows(left, top, right, bottom):
            return self
        height, width = self.pixels.shape[:2]
        above, below = self._steps(self.top - top), self._steps(bottom - self.top - height * self.step)
        before, behind = self._steps(self.left - left), self._steps(right - self.left - width * self.step)
        pixels = cv2.copyMakeBorder(self.pixels, above, below, before, behind, cv2.BORDER_REPLICATE)
        corner = self.left - before * self.step, self.top - above * self.step
        return Part(np.asarray(pixels, np.uint8), *corner, self.step)

    def _steps(self, pixels: float) -> int:
        """Of its own pixels, as many as cover some of the picture; none for less than none."""
        return max(0, ceil(pixels / self.step))


class ImagePyramid:
    """A picture and what is left of it when it is halved, and halved again: squares are warped out of it.

    Bilinear warping sees two pixels across; where it would skip some, the square is cut from the picture halved as
    often as it takes (L. Williams: Pyramidal parametrics, SIGGRAPH 1983, one level of them). Means of two by two pixels
    are what a processor's vectors are good at.

    Args:
        image: Grey (height, width) or BGR (height, width, 3), uint8, not empty.
        face: Of whom most squares are, in pixels: what is around it is halved once for all of them. None to halve what
            each shows.
    """

    def __init__(self, image: npt.NDArray[np.uint8], face: Box | None = None) -> None:
        self._image = image
        self._kept: list[Part] = []
        if face is not None:
            left, top, right, bottom = face.scaled(AROUND).clipped(image.shape[1], image.shape[0])
            if right > left and bottom > top:
                self._kept.append(Part(image[top:bottom, left:right], left, top, 1))

    def part(self, box: Box, side: float, margin: float) -> Part | None:
        """What is around a box, halved as often as leaves the box at least so many pixels wide.

        Args:
            box: In pixels of the picture.
            side: How wide, in pixels of the part.
            margin: What has to be shown, in sides of the box; at most `AROUND`.

        Returns:
            Outside the picture its edge is repeated. None where the box is smaller in the picture as it is, or too
            little of it is inside.
        """
        if not self._kept or box.width < side:
            return None
        halvings = min(MAX_HALVINGS, floor(log2(box.width / side)))
        if not min(self._kept[0].pixels.shape[:2]) >> halvings:
            return None
        wanted = box.scaled(margin)
        return self._halved(halvings).padded(wanted.x, wanted.y, wanted.x + wanted.width, wanted.y + wanted.height)

    def _halved(self, halvings: int) -> Part:
        while len(self._kept) <= halvings:
            self._kept.append(self._kept[-1].halved())
        return self._kept[halvings]

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
            part = self._part(a, b, c, d, x, y, side, halvings)
            (right, down), step = part.origin, part.step
            x, y = a * right + b * down + x, c * right + d * down + y
            matrix = np.array([[a * step, b * step, x], [c * step, d * step, y]])
            pixels = part.pixels
        square = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(square, np.uint8)

    def _part(self, a: float, b: float, c: float, d: float, x: float, y: float, side: int, halvings: int) -> Part:
        """What a square shows of the picture, halved: of what is kept where that will do."""
        height, width = self._image.shape[:2]
        determinant = a * d - b * c
        half, over = side / 2 / abs(determinant), 2 << halvings  # bilinear warping reads neighbours, too
        middle_x = (d * (side / 2 - x) - b * (side / 2 - y)) / determinant
        middle_y = (a * (side / 2 - y) - c * (side / 2 - x)) / determinant
        across, down = (abs(d) + abs(b)) * half + over, (abs(a) + abs(c)) * half + over
        left, right = max(middle_x - across, 0.0), min(middle_x + across, width)
        top, bottom = max(middle_y - down, 0.0), min(middle_y + down, height)
        # Of a face that is mostly outside too little is kept to be halved so often.
        enough = self._kept and min(self._kept[0].pixels.shape[:2]) >> halvings
        if enough and self._kept[0].shows(left, top, right, bottom):
            return self._halved(halvings)
        first_x, last_x = _whole(left, right, width, 1 << halvings)
        first_y, last_y = _whole(top, bottom, height, 1 << halvings)
        part = Part(self._image[first_y:last_y, first_x:last_x], first_x, first_y, 1)
        for _ in range(halvings):
            part = part.halved()
        return part


def _whole(first: float, last: float, length: int, step: int) -> tuple[int, int]:
    """The whole pixels of a picture, along one axis, that hold what is needed of it; at least `step` of them."""
    start = max(0, min(floor(first), length - step))
    return start, min(length, max(ceil(last), start + step))


def cut_chip(
    source: npt.NDArray[np.uint8] | ImagePyramid, to_template: Matrix, spec: ChipSpec
) -> npt.NDArray[np.uint8]:
    """Warp one chip out of the frame.

    Args:
        source: Grey (height, width) or BGR (height, width, 3), uint8, or its pyramid.
        to_template: 2x3 similarity from frame pixels to face-box coordinates.
        spec: The chip's geometry.

    Returns:
        uint8 (size, size) or (size, size, 3). What lies outside the picture repeats its edge.
    """
    return pyramid_of(source).square(chip_map(to_template, spec), spec.size)


def pyramid_of(source: npt.NDArray[np.uint8] | ImagePyramid) -> ImagePyramid:
    """The pyramid of a picture; what is given, where it is one."""
    return source if isinstance(source, ImagePyramid) else ImagePyramid(source)
