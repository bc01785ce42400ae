"""The thread that draws what was read onto a copy of the newest located frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smiledet.drawing.annotate import annotate
from smiledet.drawing.layout import Seat
from smiledet.drawing.sprite_cache import SpriteCache
from smiledet.drawing.stats import StatsLine
from smiledet.frame import Annotation, FaceReading, Frame, Image
from smiledet.tasks.base import Task
from smiledet.telemetry.rate import RateMeter
from smiledet.workers import locator
from smiledet.workers.base import Worker
from smiledet.workers.locator import faces_of
from smiledet.workers.track_labels import TrackLabels

STAGE = "draw"


def annotation_of(frame: Frame) -> Annotation:
    """What was drawn; the bare frame where drawing failed, so that no output loses a frame."""
    annotation: Annotation | None = frame.results.get(STAGE)
    return annotation or Annotation(frame.image, ())


class DrawerWorker(Worker):
    """Labels the faces of a frame from the tracks' labels and draws them.

    Args:
        tasks: What is drawn, in this order.
        track_labels: Each track's latest labels.
        rate: Ticked once a drawn frame.
        stats: What the stats line says now, given the number of faces; None leaves it out.
        draw: Whether to draw; without it the picture stays bare, and the faces are only labelled.
        common: See `Worker`.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        track_labels: TrackLabels,
        rate: RateMeter,
        stats: Callable[[int], StatsLine] | None = None,
        draw: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(STAGE, **common)
        self._tasks = tasks
        self._track_labels = track_labels
        self._rate = rate
        self._stats = stats
        self._draw = draw
        self._seats: dict[int, Seat] = {}
        self._sprites = SpriteCache()

    def process(self, frame: Frame) -> Annotation:
        """Draw one frame."""
        located = frame.results.get(locator.STAGE) is not None
        # A frame on which the locator failed says nothing of its faces: their labels are not forgotten over it.
        readings = self._track_labels.read(faces_of(frame), frame.id) if located else ()
        image = self._drawn(frame, readings) if self._draw else frame.image
        self._rate.tick()
        return Annotation(image, readings)

    def _drawn(self, frame: Frame, readings: Sequence[FaceReading]) -> Image:
        stats = self._stats(len(readings)) if self._stats else None
        return annotate(frame.image, readings, self._tasks, stats, self._seats, self._sprites)
