"""Places where a face was seen lately, and is not followed now.

Viola-Jones sees a small or half turned face on one picture and misses it on the next three; a head that turned away
turns back. Neither changes the picture much, and a look at such a place costs a hundredth of a scan of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.frame import Box

PAUSE = 0.1
"""Seconds between two looks at a place."""

MOST = 6
"""Places remembered, the latest: what all of them cost is bounded."""

SAME = 0.3
"""Intersection over union from which two places are one."""


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
            self._places = [*others, _Place(box, time, time)][-MOST:]

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
