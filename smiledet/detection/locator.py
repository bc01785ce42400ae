"""Spending the detector's time where it counts.

A scan of the whole picture costs tens of milliseconds, a search around a known face about one. So only the surroundings
of the known faces are searched on every frame, at about their known size, and the whole picture a slice at a time (see
`smiledet.detection.slices`): all of it within `scan_interval`, or within `search_interval` while no face is known or
one is lost. The first picture, and one that has nothing to do with the one before, is scanned whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smiledet.detection.base import FaceDetector
from smiledet.detection.search import DETECTOR_WINDOW, scan, smallest_face
from smiledet.detection.slices import Slice, plan_slices
from smiledet.detection.tracker import FaceTracker
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.schema import between

REGION_SIZES = (0.8, 1.3)
"""Sizes sought around a known face, in its known size; nobody grows by more from one frame to the next."""

DUPLICATE_OVERLAP = 0.3
"""Intersection over union from which two detections are one face."""


@dataclass(frozen=True, slots=True)
class LocatorSettings:
    """How faces are searched for.

    Attributes:
        min_face: Smallest face sought, as a share of the picture's shorter side; half of it costs four times as much.
            A detector that searches too slowly for it seeks faces some factor larger (see its `needs`).
        scan_interval: Seconds, on the source's time line, in which the whole picture is searched once while faces are
            being followed; new faces appear that late at the worst.
        search_interval: The same while no face is known, or one is lost.
        region: Side of what is searched around a known face, in its own sides.
        region_face: Size in pixels to which a known face is shrunk for the search around it; larger is steadier and
            slower. It is in the cascade's pixels: a detector that needs larger faces gets them so much larger.
    """

    min_face: float = field(default=0.11, metadata=between(0.01, 1))
    scan_interval: float = field(default=0.5, metadata=between(0, 60))
    search_interval: float = field(default=0.15, metadata=between(0, 60))
    region: float = field(default=1.5, metadata=between(1.2, 5))
    region_face: int = field(default=32, metadata=between(DETECTOR_WINDOW, 400))


class FaceLocator:
    """Finds and follows the faces of a video. It belongs to one thread.

    Args:
        detector: Finds faces in the whole picture.
        follower: Finds a known face again; may be more credulous, since something is known to be there.
        tracker: Gives faces their identity.
        settings: See `LocatorSettings`.
    """

    def __init__(
        self,
        detector: FaceDetector,
        follower: FaceDetector,
        tracker: FaceTracker,
        settings: LocatorSettings | None = None,
    ) -> None:
        self._detector = detector
        self._needs = detector.needs
        self._follower = follower
        self._tracker = tracker
        self._settings = settings or LocatorSettings()
        self._slices: tuple[Slice, ...] = ()
        self._size: tuple[int, ...] = (0, 0)
        self._next_slice = 0
        self._due = 0.0
        self._time = 0.0

    def locate(self, grey: GreyImage, time: float, cut: bool = False) -> tuple[Face, ...]:
        """The faces of the next frame.

        Args:
            grey: Grey uint8 (height, width).
            time: Seconds on the source's line.
            cut: Whether the picture has nothing to do with the one before.

        Returns:
            Confirmed faces, ordered by track.
        """
        fresh = cut or grey.shape != self._size
        if fresh:
            self._start_over(grey)
        known = self._tracker.expected(time)
        detections = self._search_around(grey, known)
        slices = self._slices if fresh else self._due_slices(time, hurried=not known or self._is_one_lost(detections))
        self._time = time
        for part in slices:
            detections += self._search_slice(grey, part)
        return self._tracker.update(distinct(detections), time, certain=cut)

    def _start_over(self, grey: GreyImage) -> None:
        self._tracker.forget()
        self._size = height, width = grey.shape
        smallest = smallest_face(grey, self._settings.min_face * self._needs.min_face, self._needs)
        self._slices = plan_slices(width, height, smallest, self._needs)
        self._due = 0.0

    def _due_slices(self, time: float, hurried: bool) -> list[Slice]:
        """The slices whose turn has come: so many a second that all of them come round within the interval."""
        calm = self._settings.scan_interval * self._needs.patience
        interval = self._settings.search_interval if hurried else calm
        count = len(self._slices)
        share = (time - self._time) / interval if interval > 0 else 1.0
        self._due = min(self._due + max(0.0, share) * count, count)
        whole = int(self._due)
        self._due -= whole
        first, self._next_slice = self._next_slice, (self._next_slice + whole) % count
        return [self._slices[(first + number) % count] for number in range(whole)]

    def _is_one_lost(self, detections: Sequence[Detection]) -> bool:
        """Whether a shown face is not among the detections."""
        boxes = [detection.box for detection in detections]
        return any(all(box.iou(shown) < DUPLICATE_OVERLAP for box in boxes) for shown in self._tracker.shown)

    def _search_slice(self, grey: GreyImage, part: Slice) -> list[Detection]:
        view = grey[:, part.left : part.right]
        return [moved(found, part.left, 0) for found in scan(self._detector, view, part.min_face, part.max_face)]

    def _search_around(self, grey: GreyImage, known: Sequence[Box]) -> list[Detection]:
        """What is found around the known faces."""
        return [found for box in known for found in self._search_region(grey, box)]

    def _search_region(self, grey: GreyImage, box: Box) -> list[Detection]:
        height, width = grey.shape
        left, top, right, bottom = box.scaled(self._settings.region).clipped(width, height)
        floor = self._needs.smallest
        if right - left < floor or bottom - top < floor:
            return []
        region = grey[top:bottom, left:right]
        # scan() shrinks the region until a face of this size has the detector's window; the known one is then
        # `region_face` pixels wide, or as much more as the detector's window is larger than the cascade's.
        shown = self._settings.region_face * self._needs.follow
        smallest = max(floor, round(box.width * DETECTOR_WINDOW / shown))
        found = scan(self._follower, region, smallest, round(box.width * REGION_SIZES[1]))
        return [moved(near, left, top) for near in found if near.box.width >= box.width * REGION_SIZES[0]]


def moved(detection: Detection, right: float, down: float) -> Detection:
    """The detection in a picture of which the searched one is a part."""
    box = detection.box
    return Detection(Box(box.x + right, box.y + down, box.width, box.height), detection.score)


def distinct(detections: Sequence[Detection]) -> list[Detection]:
    """The detections without those that show the same face as a surer one.

    >>> twice = [Detection(Box(0, 0, 10, 10), 3), Detection(Box(1, 0, 10, 10), 9)]
    >>> [found.score for found in distinct(twice)]
    [9]
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda found: -found.score):
        if all(detection.box.iou(other.box) < DUPLICATE_OVERLAP for other in kept):
            kept.append(detection)
    return kept
