"""How often each face carried each label: the table at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from typing_extensions import override

from smiledet.frame import Annotation, Frame
from smiledet.sinks.base import Sink

TRACKS_KEPT = 100
"""Faces remembered one by one; a run of days meets more, and they are counted together."""

OTHERS = 0
"""The track under which later faces are counted."""


class Tally(Sink):
    """Counts frames, faces and labels in memory.

    Args:
        on_frame: Called for every frame, in the sink's thread; None for nobody.
        source: The name of the source whose frames are counted; None for all.

    Attributes:
        frames: Frames seen.
        faces: Faces seen, one a face and frame.
        with_faces: Frames in which there was one.
        labels: How often each face (by track; `OTHERS` for those past `TRACKS_KEPT`) carried a label, by task.
    """

    description = "tally"
    uses_drawing = False

    def __init__(self, on_frame: Callable[[], object] | None = None, source: str | None = None) -> None:
        self._on_frame = on_frame
        self.of_source = source
        self.frames = 0
        self.faces = 0
        self.with_faces = 0
        self.labels: dict[int, dict[str, Counter[str]]] = {}

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self.frames += 1
        if self._on_frame is not None:
            self._on_frame()
        self.faces += len(annotation.readings)
        self.with_faces += bool(annotation.readings)
        for reading in annotation.readings:
            known = reading.face.track in self.labels or len(self.labels) < TRACKS_KEPT
            of_face = self.labels.setdefault(reading.face.track if known else OTHERS, {})
            for task, prediction in reading.predictions.items():
                of_face.setdefault(task, Counter())[prediction.label] += 1

    @override
    def close(self) -> None:
        pass

    def rows(self) -> list[tuple[str, str, str, str]]:
        """A row a face and task: face, task, the label it carried most, and every label with its share of the frames.

        >>> tally = Tally()
        >>> tally.labels = {1: {"smile": Counter({"smiling": 3, "not smiling": 1})}}
        >>> tally.rows()
        [('1', 'smile', 'smiling', 'smiling 75 %, not smiling 25 %')]
        """
        rows = []
        for track, tasks in sorted(self.labels.items(), key=lambda item: (item[0] == OTHERS, item[0])):
            for task, counts in tasks.items():
                total = sum(counts.values())
                shares = ", ".join(f"{label} {100 * number / total:.0f} %" for label, number in counts.most_common(3))
                rows.append(("later" if track == OTHERS else str(track), task, counts.most_common(1)[0][0], shares))
        return rows
