"""Places that are searched more often than the rest of the picture: where a face was lost, or is proposed.

Viola-Jones sees a small or half turned face on one picture and misses it on the next three; a head that turned away
turns back. Neither changes the picture much, and a search of such a place costs a hundredth of a scan of the picture.

Where a network proposes a place (see `proposal_network`), Viola-Jones searches it at once and decides. So the network's
own false alarms cost a little time and show nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.scheduling.proposal_network import PROPOSED_SIZES, Network, PyramidCanvas, peaks, same_place
from smiledet.detection.search import Slice, scan_part, smallest_face
from smiledet.frame import Box, Detection, GreyImage

LOST_INTERVAL = 0.1
"""Seconds between two searches of a place where a face was lost."""

LOST_MEMORY = 10.0
"""Seconds after which such a place is forgotten."""

MAX_LOST = 6
"""Such places at most, the latest: what all of them cost is bounded."""

SAME_PLACE = 0.3
"""Intersection over union from which two such places are one."""

MAX_PROPOSED = 3
"""Proposed places that are searched in one picture, those with the highest scores: what they cost is bounded."""

PROPOSED_REGION = 1.7
"""Side of what is searched, in sides of the proposed face."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 3.2
"""Seconds after which a proposed place is searched again where the detector saw no face, at first and at most: a poster
that only the network takes for a face would cost a search each time."""

WAIT_MEMORY = 2.0
"""Seconds after which a wait is forgotten where the place is not proposed any more."""

MAX_WAITING = 12
"""Places that wait at most, the latest."""

EARLY = 0.01
"""Seconds by which anything may be early: frames do not come at tenths of seconds."""

IDLE_FACTOR = 2
"""Intervals to the next proposals after a picture without any: with one face before a camera, nearly all."""


@dataclass(slots=True)
class _LostPlace:
    box: Box
    lost: float
    searched: float


class LostPlaces:
    """Remembers where faces were lost. It belongs to one thread.

    Args:
        interval: Seconds, on the source's time line, between two searches of a place.
    """

    def __init__(self, interval: float = LOST_INTERVAL) -> None:
        self._interval = interval
        self._places: list[_LostPlace] = []

    def remember(self, box: Box, time: float) -> None:
        """Note that the face there is not followed any more."""
        others = [place for place in self._places if place.box.iou(box) < SAME_PLACE]
        self._places = [*others, _LostPlace(box, time, time)][-MAX_LOST:]

    def due(self, time: float, known: Sequence[Box]) -> list[Box]:
        """The places to search now.

        Args:
            time: Seconds on the source's line.
            known: Where the known faces are: one that is back is followed already.
        """
        self._places = [
            place
            for place in self._places
            if time - place.lost <= LOST_MEMORY and all(place.box.iou(box) < SAME_PLACE for box in known)
        ]
        due = [place for place in self._places if time - place.searched >= self._interval]
        for place in due:
            place.searched = time
        return [place.box for place in due]


@dataclass(slots=True)
class _WaitingPlace:
    """A proposed place in which the detector saw no face.

    Attributes:
        box: Where.
        until: When it may be searched again.
        wait: Seconds of this wait.
    """

    box: Box
    until: float
    wait: float


class Proposer:
    """Has a network propose places for new faces, and a detector search them. It belongs to one thread.

    Args:
        network: Proposes.
        detector: Decides.
        min_face: See `smiledet.detection.locator.LocatorSettings`.
        interval: Seconds, on the source's time line, between two proposals.
    """

    def __init__(self, network: Network, detector: FaceDetector, min_face: float, interval: float) -> None:
        self._network = network
        self._detector = detector
        self._min_face = min_face
        self._interval = interval
        self._canvas = PyramidCanvas(0, 0, 1)
        self._smallest = 0
        self._next = float("-inf")
        self._waiting: list[_WaitingPlace] = []

    def start_over(self, grey: GreyImage) -> None:
        """Get ready for a new scene, grey uint8 (height, width)."""
        height, width = grey.shape
        self._smallest = smallest_face(grey, self._min_face, self._detector.needs)
        self._canvas = PyramidCanvas(width, height, self._smallest)
        self._waiting = []
        self.propose_next()

    def propose_next(self) -> None:
        """Propose in the next picture, however soon it comes."""
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
        self._waiting = [place for place in self._waiting if time < place.until + WAIT_MEMORY]
        found: list[Detection] = []
        proposed = self.propose(grey, time, known)
        self._next = time + self._interval * (1 if proposed else IDLE_FACTOR) - EARLY
        for box in proposed:
            seen = self._search_place(grey, box)
            if seen:
                found += seen
            else:
                self._put_off(box, time)
        return found

    def propose(self, grey: GreyImage, time: float, known: Sequence[Box]) -> list[Box]:
        """The places with the highest scores that are due, where no face is known; see `search`."""
        scores = self._network.scores(self._canvas.paint(grey))
        boxes: list[Box] = []
        for row, column in peaks(scores, self._network.threshold):
            box = self._canvas.box(row, column)
            if box is None or any(same_place(box, other) for other in (*known, *boxes)):
                continue
            if any(time < place.until and same_place(box, place.box) for place in self._waiting):
                continue
            boxes.append(box)
            if len(boxes) == MAX_PROPOSED:
                break
        return boxes

    def _search_place(self, grey: GreyImage, box: Box) -> list[Detection]:
        height, width = grey.shape
        left, top, right, bottom = box.scaled(PROPOSED_REGION).clipped(width, height)
        low, high = (share * box.width for share in PROPOSED_SIZES)
        smallest = max(self._smallest, round(low))
        if min(right - left, bottom - top) < smallest:
            return []
        part = Slice(left, right, smallest, round(high), top, bottom)
        return scan_part(self._detector, grey, part)

    def _put_off(self, box: Box, time: float) -> None:
        """Search there again only after a while, twice as long each time."""
        before = next((place for place in self._waiting if same_place(box, place.box)), None)
        wait = min(2 * before.wait, LONGEST_WAIT) if before else FIRST_WAIT
        others = [place for place in self._waiting if place is not before]
        self._waiting = [*others, _WaitingPlace(box, time + wait - EARLY, wait)][-MAX_WAITING:]
