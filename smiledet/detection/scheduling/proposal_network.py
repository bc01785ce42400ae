"""Where in the picture new faces may be, by a tiny network's word.

One look at a canvas of the picture (see `pyramid_canvas`) costs a fiftieth of a search by Viola-Jones, so
that it can be taken several times a second; where the network is hot, Viola-Jones is asked at once. It has the last
word, so that the network's own false alarms cost a little time and show nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.scheduling.pyramid_canvas import CELL, PyramidCanvas
from smiledet.detection.scheduling.sweep import moved
from smiledet.detection.search import scan, smallest_face
from smiledet.errors import ModelError
from smiledet.frame import Box, Detection, GreyImage
from smiledet.model_index import find_model

Heat = npt.NDArray[np.float32]

THRESHOLD = 0.6
"""Heat from which a place is proposed: that of eight in ten of the faces that a scan reports of people at a table."""


MOST = 3
"""Places searched a look, the hottest: what a look costs is bounded."""

AROUND = 1.7
"""Side of what is searched, in sides of the proposed face."""

SIZES = (0.7, 1.45)
"""Sizes searched for, in sides of the proposed face: it is one of a step's, and the network is not exact."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 3.2
"""Seconds after which the detector is asked again where it saw no face, at first and at most: a poster that looks like
a face to the network alone would cost a search each time."""

FORGET = 2.0
"""Seconds after which it is forgotten that nothing was seen at a place that is not proposed any more."""

REMEMBERED = 12
"""Such places at most, the latest."""

EARLY = 0.01
"""Seconds that a look may come early: frames do not come at tenths of seconds."""


QUIET = 2
"""Intervals from a look at which nothing new was proposed to the next: with one face before a camera, nearly all."""


class HeatSource(Protocol):
    """What says how likely a face is at each cell of a canvas."""

    @property
    def threshold(self) -> float:
        """Heat from which a place is proposed."""

    def heat(self, canvas: GreyImage) -> Heat:
        """See `ProposalNetwork.heat`."""


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
            self.heat(np.zeros((8, 8), np.uint8))
        except (OSError, cv2.error) as problem:
            raise ModelError(f"{path} is no proposing network: {str(problem).splitlines()[0]}") from problem

    def heat(self, canvas: GreyImage) -> Heat:
        """How sure the network is of a face at each cell.

        Args:
            canvas: Grey uint8 (height, width).

        Returns:
            float32 (height / CELL, width / CELL), rounded down, 0 … 1.
        """
        self._network.setInput(as_cells(canvas))
        return np.asarray(self._network.forward()[0, 0], np.float32)


@dataclass(slots=True)
class _Asked:
    """A place where the detector was asked and saw no face."""

    box: Box
    again: float
    wait: float


def as_cells(canvas: GreyImage) -> npt.NDArray[np.float32]:
    """A canvas with the pixels of a cell as channels, float32 (1, CELL * CELL, rows, columns); a rest is left out."""
    rows, columns = (side // CELL for side in canvas.shape)
    cells = canvas[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).transpose(1, 3, 0, 2)
    return np.asarray(cells, np.float32, order="C").reshape(1, CELL * CELL, rows, columns)


class Proposer:
    """Looks where new faces may be and searches there. It belongs to one thread.

    Args:
        network: Proposes.
        detector: Has the last word.
        min_face: See `smiledet.detection.locator.LocatorSettings`.
        interval: Seconds, on the source's time line, between two looks.
    """

    def __init__(self, network: HeatSource, detector: FaceDetector, min_face: float, interval: float) -> None:
        self._network = network
        self._detector = detector
        self._min_face = min_face
        self._interval = interval
        self._canvas = PyramidCanvas(0, 0, 1)
        self._smallest = 0
        self._next = float("-inf")
        self._asked: list[_Asked] = []

    def start_over(self, grey: GreyImage) -> None:
        """Get ready for a new scene, grey uint8 (height, width)."""
        height, width = grey.shape
        self._smallest = smallest_face(grey, self._min_face, self._detector.needs)
        self._canvas = PyramidCanvas(width, height, self._smallest)
        self._next = float("-inf")
        self._asked = []

    def hurry(self) -> None:
        """Look at the next picture, however soon it comes."""
        self._next = float("-inf")

    def search(self, grey: GreyImage, time: float, known: Sequence[Box]) -> list[Detection]:
        """The faces that are found where they were proposed.

        Args:
            grey: Grey uint8 (height, width), of the size of the last new scene.
            time: Seconds on the source's line.
            known: Boxes of the faces that are followed already.
        """
        if time < self._next or not self._canvas.copies:
            return []
        self._asked = [place for place in self._asked if time < place.again + FORGET]
        found: list[Detection] = []
        proposed = self.propose(grey, time, known)
        self._next = time + self._interval * (1 if proposed else QUIET) - EARLY
        for box in proposed:
            seen = self._search_place(grey, box)
            if seen:
                found += seen
            else:
                self._put_off(box, time)
        return found

    def propose(self, grey: GreyImage, time: float, known: Sequence[Box]) -> list[Box]:
        """The hottest places that are due, where no face is known; see `search`."""
        heat = self._network.heat(self._canvas.paint(grey))
        boxes: list[Box] = []
        for row, column in peaks(heat, self._network.threshold):
            box = self._canvas.box(row, column)
            if box is None or any(same_place(box, other) for other in (*known, *boxes)):
                continue
            if any(time < place.again and same_place(box, place.box) for place in self._asked):
                continue
            boxes.append(box)
            if len(boxes) == MOST:
                break
        return boxes

    def _search_place(self, grey: GreyImage, box: Box) -> list[Detection]:
        height, width = grey.shape
        left, top, right, bottom = box.scaled(AROUND).clipped(width, height)
        low, high = (share * box.width for share in SIZES)
        smallest = max(self._smallest, round(low))
        if min(right - left, bottom - top) < smallest:
            return []
        found = scan(self._detector, grey[top:bottom, left:right], smallest, max(smallest + 1, round(high)))
        return [moved(each, left, top) for each in found]

    def _put_off(self, box: Box, time: float) -> None:
        """Ask there again only after a while, twice as long each time."""
        before = next((place for place in self._asked if same_place(box, place.box)), None)
        wait = min(2 * before.wait, LONGEST_WAIT) if before else FIRST_WAIT
        self._asked = [place for place in self._asked if place is not before]
        self._asked = [*self._asked, _Asked(box, time + wait - EARLY, wait)][-REMEMBERED:]


def peaks(heat: Heat, threshold: float) -> list[tuple[int, int]]:
    """The cells that are at least so hot and the hottest of the nine about them, (row, column), the hottest first."""
    if cv2.minMaxLoc(heat)[1] < threshold:  # as on most pictures
        return []
    hottest = cv2.dilate(heat, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((heat >= threshold) & (heat == hottest))
    order = np.argsort(-heat[rows, columns], kind="stable")
    return [(int(rows[number]), int(columns[number])) for number in order]


def also_proposed(network: HeatSource, grey: GreyImage, boxes: Sequence[Box], smallest: int) -> list[Box]:
    """Those of some boxes where a network proposes a face of about that size, the hottest first.

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
    for row, column in peaks(network.heat(canvas.paint(grey)), network.threshold):
        place = canvas.box(row, column)
        if place is None:
            continue
        low, high = (share * place.width for share in SIZES)
        here = [box for box in boxes if low <= box.width <= high and same_place(place, box)]
        agreed += [box for box in sorted(here, key=place.iou, reverse=True) if box not in agreed]
    return agreed


def same_place(proposed: Box, other: Box) -> bool:
    """Whether a proposal means what lies in another box: their middles are near, and their sizes not far apart."""
    (x, y), (other_x, other_y) = proposed.centre, other.centre
    reach = 0.5 * max(proposed.width, other.width)
    return abs(x - other_x) <= reach and abs(y - other_y) <= reach


def shipped_network() -> ProposalNetwork:
    """The network that ships.

    Raises:
        ModelError: There is none, or its file is damaged.
    """
    return ProposalNetwork(find_model("proposals").file("onnx"))
