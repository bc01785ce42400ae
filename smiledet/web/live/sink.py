"""The sink that shows a run on the page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from smiledet.columns import face_columns
from smiledet.frame import Annotation, FaceReading, Frame
from smiledet.sinks.base import Sink
from smiledet.tasks.base import Task
from smiledet.web.live.hub import ALL, GONE, Artist, Hubs, Shown

SECONDS_KEPT = 600
"""Of the history that a viewer who comes later is shown."""

SMILE, SMILING = "smile", "smiling"


class History:
    """Means a second: people, and the probability of each label.

    Args:
        clock: Seconds since 1970; tests bring their own.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seconds: deque[dict[str, Any]] = deque(maxlen=SECONDS_KEPT)
        self._smiling: set[int] = set()
        self._now: int | None = None
        self._frames = 0
        self._people = 0
        self._sums: dict[str, dict[str, float]] = {}
        self._counts: dict[str, int] = {}
        self.smiles = 0

    def add(self, readings: Sequence[FaceReading]) -> None:
        """Take a frame's faces."""
        second = int(self._clock())
        if second != self._now:
            self._finish()
            self._now = second
        self._frames += 1
        self._people += len(readings)
        for reading in readings:
            for task, prediction in reading.predictions.items():
                sums = self._sums.setdefault(task, {})
                self._counts[task] = self._counts.get(task, 0) + 1
                for label, score in prediction.scores.items():
                    sums[label] = sums.get(label, 0.0) + score
        self._count_smiles(readings)

    def seconds(self) -> list[dict[str, Any]]:
        """The seconds that are over: `time`, `people`, and `scores` by task and label."""
        return list(self._seconds)

    def since(self, second: int) -> list[dict[str, Any]]:
        """The seconds that are over and came after one."""
        if not self._seconds or self._seconds[-1]["time"] <= second:
            return []
        return [each for each in self.seconds() if each["time"] > second]

    def _count_smiles(self, readings: Sequence[FaceReading]) -> None:
        """A smile begins where a face's label turns to smiling."""
        smiling = {each.track for each in readings if SMILE in each.predictions and each.smile.label == SMILING}
        self.smiles += len(smiling - self._smiling)
        self._smiling = smiling

    def _finish(self) -> None:
        if self._now is not None and self._frames:
            scores = {
                task: {label: round(value / self._counts[task], 4) for label, value in sums.items()}
                for task, sums in self._sums.items()
            }
            self._seconds.append({"time": self._now, "people": round(self._people / self._frames, 2), "scores": scores})
        self._frames, self._people, self._sums, self._counts = 0, 0, {}, {}


class PageSink(Sink):
    """Hands every frame to the hubs; never waits for a viewer.

    Args:
        names: Of the sources; the only one is known as `ALL`, too.
        tasks: What is read.
        uses_drawing: Whether the drawer is to draw, for the figures that it draws beside the faces; otherwise they are
            drawn here while somebody looks.

    Attributes:
        hubs: Where the viewers follow.
        histories: The last minutes of each source, and of all together.
        tasks: See above; any thread may put others in their place.
    """

    reads_heads = True

    description = "page"

    def __init__(self, names: Sequence[str], tasks: Sequence[Task], uses_drawing: bool = False) -> None:
        self.uses_drawing = uses_drawing
        self.hubs = Hubs(names)
        self._artists = {name: Artist() for name in names}
        self.tasks = tuple(tasks)
        self.histories = {name: History() for name in names}
        self.histories.setdefault(ALL, History() if self.hubs.several else self.histories[names[0]])
        self._readings: dict[str, tuple[int, Sequence[FaceReading]]] = {}

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        size = (frame.image.shape[1], frame.image.shape[0])
        tasks = self.tasks
        rows = [{"track": face.track, **face_columns(face, tasks, size)} for face in annotation.readings]
        shown = Shown(
            *(frame.id, annotation.image, frame.image, rows, frame.captured_ns),
            *(annotation.readings, tasks, None if annotation.drawn else self._artists[frame.source]),
        )
        self.hubs.put(frame.source, shown)
        self.histories[frame.source].add(annotation.readings)
        if self.hubs.several:
            now = frame.captured_ns
            self._readings[frame.source] = (now, annotation.readings)
            there = (readings for then, readings in self._readings.values() if now - then < 1e9 * GONE)
            self.histories[ALL].add([face for readings in there for face in readings])

    @override
    def close(self) -> None:
        self.hubs.close()
