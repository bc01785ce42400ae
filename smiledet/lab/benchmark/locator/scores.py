"""Scoring located faces against a reference: recall, false alarms, track breaks and identity switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.detection.following.tracker import FaceTracker, TrackerSettings
from smiledet.frame import Box, Detection

MATCH = 0.5
"""Intersection over union from which a located box is the reference's face."""

REFERENCE_TRACKS = TrackerSettings(keep=2.5, confirm=1, smoothing=0.0)
"""How the reference's boxes are linked from frame to frame: it may lose a face for so many seconds."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was located, against one reference, over the frames on which the reference was asked.

    Attributes:
        searcher: Who located: `every frame`, `live` (the locator), or `full scan`.
        reference: Whose faces count.
        frames: Frames that both looked at.
        faces: Faces of the reference on them.
        found: Those located, at an intersection over union of at least 0.5.
        recall: The share; None without faces.
        located: Boxes located on those frames.
        false_alarms: Located boxes that are no face of the reference.
        breaks: Times that a face of the reference, after being located under one track, is located under another; None
            for a searcher that keeps no tracks.
        switches: Times that a track, after lying on one face of the reference, lies on another; None likewise.
    """

    searcher: str
    reference: str
    frames: int
    faces: int
    found: int
    recall: float | None
    located: int
    false_alarms: int
    breaks: int | None
    switches: int | None


def matched(located: Sequence[Box], faces: Sequence[Box]) -> dict[int, int]:
    """Which located box is which face: each at most once, the best overlaps first.

    >>> matched([Box(0, 0, 10, 10), Box(50, 0, 10, 10)], [Box(51, 0, 10, 10)])
    {1: 0}

    Args:
        located: Boxes located.
        faces: Boxes of the reference.

    Returns:
        From the index of a located box to that of its face.
    """
    overlaps = sorted(
        ((box.iou(face), -which, -other) for which, box in enumerate(located) for other, face in enumerate(faces)),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for overlap, which, other in overlaps:
        if overlap >= MATCH and -which not in pairs and -other not in pairs.values():
            pairs[-which] = -other
    return pairs


def without_doubles(boxes: Sequence[Box]) -> list[Box]:
    """Boxes of several references, each face once.

    >>> without_doubles([Box(0, 0, 10, 10), Box(1, 0, 10, 10), Box(50, 0, 10, 10)])
    [Box(x=0, y=0, width=10, height=10), Box(x=50, y=0, width=10, height=10)]
    """
    kept: list[Box] = []
    for box in boxes:
        if all(box.iou(other) < MATCH for other in kept):
            kept.append(box)
    return kept


class Tally:
    """Adds up one searcher's score against one reference, frame by frame.

    Args:
        searcher: See `Score`.
        reference: See `Score`.
        tracked: Whether the searcher keeps tracks.
    """

    def __init__(self, searcher: str, reference: str, tracked: bool) -> None:
        self.name = searcher
        self._names = searcher, reference
        self._tracked = tracked
        self._linker = FaceTracker(REFERENCE_TRACKS)
        self._frames = self._faces = self._found = self._located = self._breaks = self._switches = 0
        self._track_of: dict[int, int] = {}
        self._face_of: dict[int, int] = {}

    def add(self, located: Sequence[Box], tracks: Sequence[int], faces: Sequence[Box], time: float, cut: bool) -> None:
        """Take one frame.

        Args:
            located: Boxes located.
            tracks: The track of each; empty for a searcher without tracks.
            faces: The reference's.
            time: Seconds on the source's line.
            cut: Whether the scene cut since the last frame: a face after a cut is another face.
        """
        pairs = matched(located, faces)
        self._frames += 1
        self._faces += len(faces)
        self._found += len(pairs)
        self._located += len(located)
        if not self._tracked:
            return
        if cut:
            self._linker.forget()
        linked = self._linker.update([Detection(box, 1.0) for box in faces], time)
        numbers = {face.search_box: face.track for face in linked}
        for which, other in pairs.items():
            face = numbers.get(faces[other])
            if face is not None:  # a second box on one face is linked to none
                self._follow(tracks[which], face)

    def _follow(self, track: int, face: int) -> None:
        self._breaks += self._track_of.get(face, track) != track
        self._switches += self._face_of.get(track, face) != face
        self._track_of[face], self._face_of[track] = track, face

    @property
    def score(self) -> Score:
        """The score so far."""
        recall = self._found / self._faces if self._faces else None
        alarms = self._located - self._found
        kept = (self._breaks, self._switches) if self._tracked else (None, None)
        return Score(*self._names, self._frames, self._faces, self._found, recall, self._located, alarms, *kept)


def in_all(scores: Sequence[Score]) -> list[Score]:
    """Scores of several clips added up, one for each searcher and reference, in order of appearance."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.searcher, score.reference), []).append(score)
    return [_sum(group) for group in groups.values()]


def _sum(group: Sequence[Score]) -> Score:
    faces, found = sum(each.faces for each in group), sum(each.found for each in group)
    tracked = [each for each in group if each.breaks is not None]
    return Score(
        group[0].searcher,
        group[0].reference,
        sum(each.frames for each in group),
        faces,
        found,
        found / faces if faces else None,
        sum(each.located for each in group),
        sum(each.false_alarms for each in group),
        sum(each.breaks or 0 for each in tracked) if tracked else None,
        sum(each.switches or 0 for each in tracked) if tracked else None,
    )
