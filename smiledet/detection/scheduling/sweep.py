"""Searching the whole picture again and again, spread over time.

A scan at once would hold up a live picture for more than a frame. So it is cut into slices, each cheap enough for one:
sizes are split into octaves, and the finest octaves into strips that overlap by the largest face sought in them, so
that every face lies wholly inside some strip.

The slices take turns, so many a second that all of them come round within an interval; of a slice only what has changed
is searched (see `changes`). Where all of them are due at once, on the first picture, after a cut or a loss, the picture
is searched in one scan. Of a new scene everything is searched twice before unchanged parts can wait: Viola-Jones sees a
small face on one picture and misses it on the next.

Of a live source the first pass of a new scene comes in slices, too, where a network proposes places meanwhile: a scan
takes as long as five other pictures, and the next ones would be dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.scheduling.changes import ChangeDetector
from smiledet.detection.search import Slice, scan, scan_part, smallest_face
from smiledet.frame import Box, Detection, GreyImage

OVERLAP = 1.3
"""How far an octave's sizes reach into the next one's: a face needs hits at neighbouring sizes to be reported."""

SETTLING = 0.5
"""Seconds of a new scene in which everything is searched in turn, changed or not."""

SPREAD = 0.25
"""Seconds over which the first pass of a new scene is spread, where it comes in slices: within `SETTLING` there are
two. On the clip with most faces, begun at 22 places, 1 % fewer faces are found in the first three seconds than with a
scan at once; over 0.5 seconds, 5 % fewer."""


def plan_slices(width: int, height: int, min_face: int, needs: Needs | None = None) -> tuple[Slice, ...]:
    """Slices that together search a picture for every face of at least `min_face` pixels.

    >>> [(each.left, each.right, each.min_face) for each in plan_slices(640, 360, 48)]
    [(0, 382, 48), (258, 640, 48), (0, 640, 96), (0, 640, 192)]

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        min_face: Side of the smallest face sought, in pixels, at least the detector's `needs.smallest`.
        needs: Of the detector; None for Viola-Jones' cascade.
    """
    needs = needs or Needs()
    pixels = needs.slice_pixels
    if pixels is None:
        return (Slice(0, width, min_face, None, 0, height),)
    slices: list[Slice] = []
    smallest = min_face
    while True:
        shrunk = (needs.window / smallest) ** 2 * width * height
        last = shrunk <= pixels / 2 or 2 * smallest > min(width, height)
        largest = None if last else math.ceil(2 * smallest * OVERLAP)
        slices += _strips(width, height, max(1, round(shrunk / pixels)), smallest, largest)
        if last:
            return tuple(slices)
        smallest *= 2


def _strips(width: int, height: int, count: int, smallest: int, largest: int | None) -> list[Slice]:
    if largest is None or count == 1:
        return [Slice(0, width, smallest, largest, 0, height)]
    reach = largest // 2
    edges = [round(width * number / count) for number in range(count + 1)]
    return [
        Slice(max(0, left - reach), min(width, right + reach), smallest, largest, 0, height)
        for left, right in pairwise(edges)
    ]


class Sweep:
    """Searches whole pictures. It belongs to one thread.

    Args:
        detector: Finds faces.
        min_face: See `smiledet.detection.locator.LocatorSettings`.
        unchanged_interval: Seconds, on the source's time line, in which each slice is searched whole, changed or not.
        spread: Whether a new scene is searched in slices over `SPREAD` seconds, instead of in one scan.
    """

    def __init__(
        self, detector: FaceDetector, min_face: float, unchanged_interval: float, spread: bool = False
    ) -> None:
        self._detector = detector
        self._spread = spread
        self._needs = detector.needs
        self._min_face = min_face
        self._unchanged_interval = unchanged_interval * self._needs.patience
        self._changes = ChangeDetector(self._unchanged_interval)
        self._slices: tuple[Slice, ...] = ()
        self._smallest = self._needs.smallest
        self._next = 0
        self._due = 0.0
        self._time = 0.0
        self._settled: float | None = None

    def start_over(self, grey: GreyImage) -> None:
        """Take a new scene, and search all of its first picture, or where that is spread the first slice of it.

        Args:
            grey: Grey uint8 (height, width).
        """
        height, width = grey.shape
        self._smallest = smallest_face(grey, self._min_face * self._needs.min_face, self._needs)
        self._slices = plan_slices(width, height, self._smallest, self._needs)
        self._changes = ChangeDetector(self._unchanged_interval)
        self._settled = None
        if self._spread:
            self._due = 1.0
        else:
            self.search_all_next()

    def search_all_next(self) -> None:
        """Search the whole of the next picture."""
        self._due = float(len(self._slices))

    def search(self, grey: GreyImage, time: float, interval: float, known: Sequence[Box]) -> list[Detection]:
        """What is found in the part of the picture whose turn has come.

        Args:
            grey: Grey uint8 (height, width), of the size of the last new scene.
            time: Seconds on the source's line.
            interval: Seconds in which all slices come round.
            known: Boxes of the faces that are followed; what changes there is nothing new.
        """
        count = len(self._slices)
        if self._settled is None:
            self._settled = time + SETTLING * self._needs.patience
            if self._spread:
                self._time = time
        if self._spread and time <= self._settled:
            interval = min(interval, SPREAD * self._needs.patience)
        share = (time - self._time) / interval if interval > 0 else 1.0
        self._due = min(self._due + max(0.0, share) * count, count)
        self._time = time
        turns = int(self._due)
        if turns == count:
            found = self._search_all(grey, time)
        else:
            slices = [self._slices[(self._next + number) % count] for number in range(turns)]
            parts = [
                self._changes.whole(grey, part, time)
                if time <= self._settled
                else self._changes.changed(grey, part, time, known)
                for part in slices
            ]
            found = [each for part in parts if part is not None for each in scan_part(self._detector, grey, part)]
        # Only now: what could not be searched is due on the next picture.
        self._due -= turns
        self._next = (self._next + turns) % count
        return found

    def _search_all(self, grey: GreyImage, time: float) -> list[Detection]:
        """Everything in one scan, which is less work than all slices: those overlap."""
        for part in self._slices:
            self._changes.whole(grey, part, time)
        return scan(self._detector, grey, self._smallest)
