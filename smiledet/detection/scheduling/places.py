"""Places that are searched more often than the rest of the picture: where a face was lost, or may have appeared.

Viola-Jones sees a small or half turned face on one picture and misses it on the next three; a head that turned away
turns back. Neither changes the picture much, and a look at such a place costs a hundredth of a scan of the picture.

Where a network proposes a place (see `proposal_network`), Viola-Jones is asked at once. It has the last word, so that
the network's own false alarms cost a little time and show nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.scheduling.proposal_network import SIZES, HeatSource, PyramidCanvas, peaks, same_place
from smiledet.detection.search import moved, scan, smallest_face
from smiledet.frame import Box, Detection, GreyImage

PAUSE = 0.1
"""Seconds between two looks at a place."""

MOST_LOST = 6
"""Places remembered, the latest: what all of them cost is bounded."""

SAME = 0.3
"""Intersection over union from which two places are one."""

MOST_PROPOSED = 3
"""Places searched a look, the hottest: what a look costs is bounded."""

AROUND = 1.7
"""Side of what is searched, in sides of the proposed face."""


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


@dataclass(slots=True)
class _Place:
    box: Box
    left: float
    looked: float


class LostPlaces:
    """Remembers places. It belongs to one thread.

    Args:
        memory: Seconds, on the source's time line, after which a place is forgotten where nothing was seen again.
        pause: Seconds between two looks at a place.
    """

    def __init__(self, memory: float, pause: float = PAUSE) -> None:
        self._memory = memory
        self._pause = pause
        self._places: list[_Place] = []

    def remember(self, box: Box, time: float) -> None:
        """Note that the face there is not followed any more."""
        if self._memory > 0:
            others = [place for place in self._places if place.box.iou(box) < SAME]
            self._places = [*others, _Place(box, time, time)][-MOST_LOST:]

    def due(self, time: float, known: Sequence[Box]) -> list[Box]:
        """The places to look at now.

        Args:
            time: Seconds on the source's line.
            known: Where the known faces are: whoever is back is followed already.
        """
        self._places = [
            place
            for place in self._places
            if time - place.left <= self._memory and all(place.box.iou(box) < SAME for box in known)
        ]
        turn = [place for place in self._places if time - place.looked >= self._pause]
        for place in turn:
            place.looked = time
        return [place.box for place in turn]


@dataclass(slots=True)
class _Asked:
    """A place where the detector was asked and saw no face."""

    box: Box
    again: float
    wait: float


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
            if len(boxes) == MOST_PROPOSED:
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
