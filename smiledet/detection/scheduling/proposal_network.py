"""A tiny network that says where in the picture faces may be.

It sees the picture and its shrunk copies side by side on one small canvas, so that it sees all sizes at once. That
costs a fiftieth of a search by Viola-Jones, so that it can be asked several times a second (see `places`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import ModelError
from smiledet.frame import Box, GreyImage
from smiledet.model_index import find_model

Scores = npt.NDArray[np.float32]
"""How sure the network is of a face at each cell, 0 … 1, (rows, columns)."""

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

THRESHOLD = 0.6
"""Score from which a place is proposed: that of eight in ten of the faces that a scan reports of people at a table."""

PROPOSED_SIZES = (0.7, 1.45)
"""Sizes that a proposed face may have, in the proposal's: that is one of a step's, and the network is not exact."""


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
    """Where the next copy may begin: some cells apart, since the network sees what is around a place."""
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


class Network(Protocol):
    """What says how likely a face is at each cell of a canvas: `ProposalNetwork`, or a test's own."""

    @property
    def threshold(self) -> float:
        """Score from which a place is proposed."""

    def scores(self, canvas: GreyImage) -> Scores:
        """See `ProposalNetwork.scores`."""


class ProposalNetwork:
    """The network in OpenCV's own engine: there is one wherever there is a picture. It belongs to one thread.

    Args:
        path: The ONNX file.

    Raises:
        ModelError: It is no such network.
    """

    threshold = THRESHOLD

    def __init__(self, path: Path) -> None:
        try:
            # From memory: OpenCV cannot open every path there is on Windows.
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
            self.scores(np.zeros((8, 8), np.uint8))
        except (OSError, cv2.error) as problem:
            raise ModelError(f"{path} is no proposing network: {str(problem).splitlines()[0]}") from problem

    def scores(self, canvas: GreyImage) -> Scores:
        """How sure the network is of a face at each cell.

        Args:
            canvas: Grey uint8 (height, width).

        Returns:
            float32 (height / CELL, width / CELL), rounded down, 0 … 1.
        """
        self._network.setInput(as_cells(canvas))
        return np.asarray(self._network.forward()[0, 0], np.float32)


def as_cells(canvas: GreyImage) -> npt.NDArray[np.float32]:
    """A canvas with the pixels of each whole cell as channels, float32 (1, CELL * CELL, rows, columns)."""
    rows, columns = (side // CELL for side in canvas.shape)
    cells = canvas[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).transpose(1, 3, 0, 2)
    return np.asarray(cells, np.float32, order="C").reshape(1, CELL * CELL, rows, columns)


def peaks(scores: Scores, threshold: float) -> list[tuple[int, int]]:
    """The cells that reach a score and are the highest of their neighbourhood of nine, (row, column), highest first."""
    if cv2.minMaxLoc(scores)[1] < threshold:  # as on most pictures
        return []
    highest = cv2.dilate(scores, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((scores >= threshold) & (scores == highest))
    order = np.argsort(-scores[rows, columns], kind="stable")
    return [(int(rows[number]), int(columns[number])) for number in order]


def also_proposed(network: Network, grey: GreyImage, boxes: Sequence[Box], smallest: int) -> list[Box]:
    """Those of some boxes where a network proposes a face of about that size, the highest score first.

    Args:
        network: Proposes.
        grey: Grey uint8 (height, width).
        boxes: In its pixels.
        smallest: Side of the smallest face sought, in pixels.
    """
    canvas = PyramidCanvas(grey.shape[1], grey.shape[0], smallest)
    if not canvas.copies:
        return []
    agreed: list[Box] = []
    for row, column in peaks(network.scores(canvas.paint(grey)), network.threshold):
        place = canvas.box(row, column)
        if place is None:
            continue
        low, high = (share * place.width for share in PROPOSED_SIZES)
        here = [box for box in boxes if low <= box.width <= high and same_place(place, box)]
        agreed += [box for box in sorted(here, key=place.iou, reverse=True) if box not in agreed]
    return agreed


def same_place(proposed: Box, other: Box) -> bool:
    """Whether a proposal means what lies in another box: their centres are at most half the larger side apart."""
    (x, y), (other_x, other_y) = proposed.centre, other.centre
    reach = 0.5 * max(proposed.width, other.width)
    return abs(x - other_x) <= reach and abs(y - other_y) <= reach


def shipped_network() -> ProposalNetwork:
    """The network that ships.

    Raises:
        ModelError: There is none, or its file is damaged.
    """
    return ProposalNetwork(find_model("proposals").file("onnx"))
