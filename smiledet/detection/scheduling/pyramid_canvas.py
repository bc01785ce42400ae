"""A picture and its shrunk copies side by side on one small canvas, so that a network sees all sizes in one look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from smiledet.frame import Box, GreyImage

CELL = 4
"""Pixels of the canvas from one of the network's answers to the next, along both axes."""

FACE_RANGE = (11.5, 18.5)
"""Sides in pixels of the canvas, framed as Viola-Jones does, of the faces that the network sees."""

SMALLEST = 12.0
"""Side on the canvas of the smallest face sought."""

STEP = 1.5
"""From one copy's sizes to the next's."""

FACE = SMALLEST * STEP**0.5
"""Side on the canvas of a face of which nothing is known but that the network sees it."""

BACKGROUND = 127
"""What is between the copies."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Where a shrunk copy lies.

    Attributes:
        left: First column on the canvas, a multiple of CELL, as `top`.
        top: First row.
        width: In pixels of the canvas, as `height`.
        height: Of the copy.
    """

    left: int
    top: int
    width: int
    height: int


class PyramidCanvas:
    """The canvas for pictures of one size. It belongs to one thread.

    Args:
        width: Of the pictures, in pixels.
        height: Of the pictures.
        smallest: Side of the smallest face sought, in their pixels.
    """

    def __init__(self, width: int, height: int, smallest: float) -> None:
        self._size = width, height
        self.copies: tuple[Copy, ...] = _planned(width, height, min(1.0, SMALLEST / smallest))
        right = max((copy.left + copy.width for copy in self.copies), default=CELL)
        bottom = max((copy.top + copy.height for copy in self.copies), default=CELL)
        self.canvas: GreyImage = np.full((_cells(bottom) * CELL, _cells(right) * CELL), BACKGROUND, np.uint8)

    def paint(self, grey: GreyImage) -> GreyImage:
        """Fill the canvas from a picture, grey uint8 (height, width); the same array each time."""
        if not self.copies:
            return self.canvas
        view = grey
        # Halved first, which is by far the quickest step, then to what is wanted.
        while view.shape[1] >= 2 * self.copies[0].width and view.shape[0] >= 2 * self.copies[0].height:
            view = np.asarray(cv2.resize(view, (view.shape[1] // 2, view.shape[0] // 2), interpolation=cv2.INTER_AREA))
        for copy in self.copies:
            view = np.asarray(cv2.resize(view, (copy.width, copy.height), interpolation=cv2.INTER_LINEAR))
            self.canvas[copy.top : copy.top + copy.height, copy.left : copy.left + copy.width] = view
        return self.canvas

    def box(self, row: int, column: int) -> Box | None:
        """The face in the picture that a cell of the network's answer stands for; None where the canvas is empty."""
        x, y = (column + 0.5) * CELL, (row + 0.5) * CELL
        for copy in self.copies:
            if 0 <= x - copy.left < copy.width and 0 <= y - copy.top < copy.height:
                across, down = self._size[0] / copy.width, self._size[1] / copy.height
                side = FACE * (across * down) ** 0.5
                return Box((x - copy.left) * across - side / 2, (y - copy.top) * down - side / 2, side, side)
        return None


def _planned(width: int, height: int, scale: float) -> tuple[Copy, ...]:
    """The copies from the largest on, below the first and no further right, each as high up as there is room."""
    copies: list[Copy] = []
    while min(width, height) * scale >= SMALLEST:
        across, down = max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
        ends = [(_beyond(copy.left, copy.width), _beyond(copy.top, copy.height)) for copy in copies]
        widest = copies[0].width if copies else across
        places = [
            Copy(left, top, across, down)
            for top in (0, *(bottom for _, bottom in ends), *(copy.top for copy in copies))
            for left in (0, *(right for right, _ in ends))
            if left + across <= widest
        ]
        free = [place for place in places if not any(_touch(place, copy) for copy in copies)]
        copies.append(min(free, key=lambda place: (place.top + place.height, place.left)))
        scale /= STEP
    return tuple(copies)


def _beyond(start: int, length: int) -> int:
    """Where the next copy may begin: some cells apart, since the network looks around a place."""
    return (_cells(start + length) + 1) * CELL


def _touch(one: Copy, other: Copy) -> bool:
    return (
        one.left < _beyond(other.left, other.width)
        and other.left < _beyond(one.left, one.width)
        and one.top < _beyond(other.top, other.height)
        and other.top < _beyond(one.top, one.height)
    )


def _cells(pixels: int) -> int:
    return math.ceil(pixels / CELL)
