"""False alarms told by whole tracks.

A head that turns is a face on every frame, and yet the stronger detectors see it on some frames only: frame by frame
they would call most of its boxes false. A fold in a curtain is seen by none of them on any. So a track is a false alarm
if no reference detector sees a face in it on any frame, and all of its boxes are false then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.detection.following.tracker import FaceTracker
from smiledet.frame import Box, Detection, GreyImage
from smiledet.lab.benchmark.locator.reference_detectors import ReferenceDetectors
from smiledet.lab.benchmark.locator.scores import REFERENCE_TRACKS


@dataclass(frozen=True, slots=True)
class Alarms:
    """What was located for nothing.

    Attributes:
        searcher: Who located, see `smiledet.lab.benchmark.locator.scores.Score`.
        tracks: Faces that it reported, each once however long it was there.
        false_tracks: Those in which no reference detector sees a face on any frame.
        boxes: All boxes that it reported.
        false_boxes: Those of the false tracks.
    """

    searcher: str
    tracks: int
    false_tracks: int
    boxes: int
    false_boxes: int


class AlarmTally:
    """Follows one searcher's tracks. It asks about a track until a reference detector has seen its face.

    Args:
        searcher: See `Alarms`.
        references: What is asked whether a track is a face.
    """

    def __init__(self, searcher: str, references: ReferenceDetectors) -> None:
        self._searcher = searcher
        self._references = references
        self._linker = FaceTracker(REFERENCE_TRACKS)
        self._boxes: Counter[int] = Counter()
        self._faces: set[int] = set()

    def add(self, grey: GreyImage, located: Sequence[tuple[int, Box]]) -> None:
        """Take one frame of a searcher that keeps tracks.

        Args:
            grey: Grey uint8 (height, width).
            located: Track and box, in pixels of `grey`, of each face.
        """
        for track, box in located:
            self._boxes[track] += 1
            if track not in self._faces and self._references.is_face(grey, box):
                self._faces.add(track)

    def add_untracked(self, grey: GreyImage, located: Sequence[Box], time: float, cut: bool) -> None:
        """Take one frame of a searcher that keeps none: its boxes are linked here.

        Args:
            grey: Grey uint8 (height, width).
            located: Boxes, in pixels of `grey`.
            time: Seconds on the source's line.
            cut: Whether the picture has nothing to do with the one before.
        """
        if cut:
            self._linker.forget()
        linked = self._linker.update([Detection(box, 1.0) for box in located], time)
        numbers = {face.search_box: face.track for face in linked}
        # A second box on one face is linked to none; it is judged as that face's.
        self.add(grey, [(numbers[box], box) for box in located if box in numbers])

    @property
    def alarms(self) -> Alarms:
        """The count so far."""
        false = [track for track in self._boxes if track not in self._faces]
        return Alarms(
            self._searcher,
            len(self._boxes),
            len(false),
            self._boxes.total(),
            sum(self._boxes[track] for track in false),
        )


def alarms_in_all(rows: Sequence[Alarms]) -> list[Alarms]:
    """Counts of several clips added up, one for each searcher, in order of appearance."""
    groups: dict[str, list[Alarms]] = {}
    for row in rows:
        groups.setdefault(row.searcher, []).append(row)
    return [
        Alarms(
            searcher,
            sum(each.tracks for each in group),
            sum(each.false_tracks for each in group),
            sum(each.boxes for each in group),
            sum(each.false_boxes for each in group),
        )
        for searcher, group in groups.items()
    ]
