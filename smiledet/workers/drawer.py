"""The thread that draws what was read onto a copy of the newest located frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smiledet.drawing.annotate import annotate
from smiledet.drawing.layout import Seat
from smiledet.drawing.privacy import Cover, PrivacySettings, hidden
from smiledet.drawing.sprite_cache import SpriteCache
from smiledet.drawing.stats import StatsLine
from smiledet.frame import Annotation, FaceReading, Frame, Image
from smiledet.tasks.base import Task
from smiledet.telemetry.rate import RateMeter
from smiledet.workers import locator
from smiledet.workers.base import Worker
from smiledet.workers.explainer import Explainer
from smiledet.workers.locator import Located, faces_of
from smiledet.workers.track_labels import TrackLabels

STAGE = "draw"


def annotation_of(frame: Frame, privacy: PrivacySettings | None = None) -> Annotation:
    """What was drawn; where drawing failed the bare frame, hidden as a whole, so that no output loses a frame."""
    annotation: Annotation | None = frame.results.get(STAGE)
    if annotation is None and privacy is not None and privacy.covers:
        image = hidden(frame.image, privacy)
        return Annotation(image, (), image)
    return annotation or Annotation(frame.image, ())


class DrawerWorker(Worker):
    """Labels the faces of a frame from the tracks' labels and draws them.

    Args:
        tasks: What is drawn, in this order.
        track_labels: Each track's latest labels.
        rate: Ticked once a drawn frame.
        stats: What the stats line says now, given the number of faces; None leaves it out.
        draw: Whether to draw the next frame; where nobody uses the drawing the picture stays bare, and the faces are
            only labelled.
        privacy: What is hidden before anything is drawn; None for nothing.
        explainer: What is drawn beside the picture; None for nothing.
        common: See `Worker`.

    Attributes:
        tasks: See above; any thread may put others in their place.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        track_labels: TrackLabels,
        rate: RateMeter,
        stats: Callable[[int], StatsLine] | None = None,
        draw: Callable[[], bool] = lambda: True,
        privacy: PrivacySettings | None = None,
        explainer: Explainer | None = None,
        **common: Any,
    ) -> None:
        super().__init__(STAGE, **common)
        self.tasks = tasks
        self._track_labels = track_labels
        self._rate = rate
        self._stats = stats
        self._draw = draw
        self._explainer = explainer
        self._cover = Cover(privacy) if privacy is not None and privacy.covers else None
        self._seats: dict[int, Seat] = {}
        self._sprites = SpriteCache()

    def process(self, frame: Frame) -> Annotation:
        """Draw one frame."""
        located: Located | None = frame.results.get(locator.STAGE)
        # A frame on which the locator failed says nothing of its faces: their labels are not forgotten over it.
        readings = self._track_labels.read(faces_of(frame), frame.id) if located else ()
        clean = self._covered(frame, located)
        shown = frame.image if clean is None else clean
        draws = self._draw()
        image = self._drawn(shown, readings) if draws else shown
        if self._explainer is not None:
            image = self._explainer.beside(frame, image)
            clean = shown if clean is None else clean
        self._rate.tick()
        return Annotation(image, readings, clean, draws)

    def _covered(self, frame: Frame, located: Located | None) -> Image | None:
        """The frame with its faces hidden; None where nothing is."""
        if self._cover is None:
            return None
        faces, possible = (located.faces, located.possible) if located else (None, ())
        return self._cover.covered(frame.image, faces, possible, frame.timestamp, frame.independent)

    def _drawn(self, image: Image, readings: Sequence[FaceReading]) -> Image:
        stats = self._stats(len(readings)) if self._stats else None
        return annotate(image, readings, self.tasks, stats, self._seats, self._sprites)
