"""Following faces from frame to frame, so that each keeps an identity.

Detections are matched to tracks greedily by overlap with where the track is expected to be; matched boxes are smoothed
with an exponential moving average over **time**, so that a clip read at full speed is shown as it is live. A face that
is not found is kept for a moment at its last place, because Viola-Jones misses a face now and then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smiledet.detection.following.verification import ACCEPTED, Votes
from smiledet.frame import Box, Detection, Face
from smiledet.schema import between


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are followed.

    Attributes:
        min_overlap: Intersection over union with the expected box from which a detection is the same face.
        keep: Seconds that an unseen face is kept at its last place.
        confirm: Detections, without a longer break, before a new face is shown; raising it drops false alarms and
            delays faces. That a second detector verifies the face, where there is one, counts as one of them.
        smoothing: Time constant in seconds of the box's moving average; 0 shows the detector's own box.
    """

    min_overlap: float = field(default=0.25, metadata=between(0.01, 1))
    keep: float = field(default=0.4, metadata=between(0, 10))
    confirm: int = field(default=2, metadata=between(1, 100))
    smoothing: float = field(default=0.06, metadata=between(0, 10))


UNCONFIRMED_SHARE = 0.4
"""Of `TrackerSettings.keep`: how long a face that was never shown is kept while it is not seen."""

NEW_SPEED = 0.5
"""Share of the newest speed in a face's speed: Viola-Jones' boxes jump by a few pixels, and so would a face's expected
place."""


@dataclass(frozen=True, slots=True)
class KnownFace:
    """What the tracker knows of a face before it has seen the next picture.

    Attributes:
        number: Its track.
        last: Where it was last, by the detector or by template matching.
        expected: Where it should be now.
        seen: When the detector last saw it, seconds on the source's line.
        placed: When its place was last known, by the detector or by template matching.
        confirmed: Whether it is shown.
        verified: Whether it is certain to be a face: the second detector is not asked any more, or, where there is
            none, the first has seen it often.
    """

    number: int
    last: Box
    expected: Box
    seen: float
    placed: float
    confirmed: bool
    verified: bool = False


@dataclass(slots=True)
class _Track:
    """What is remembered of a face: a handful of numbers, however long it lives."""

    number: int
    box: Box
    detected: Box
    velocity: tuple[float, float]
    score: float
    seen: float
    hits: int = 0
    placed: float = 0.0
    votes: Votes = field(default_factory=Votes)
    confirmed: bool = False

    def expected(self, now: float) -> Box:
        """Where the face should be now, if it goes on as it moved."""
        elapsed = now - self.placed
        return Box(
            self.detected.x + self.velocity[0] * elapsed,
            self.detected.y + self.velocity[1] * elapsed,
            self.detected.width,
            self.detected.height,
        )


class FaceTracker:
    """Gives detections an identity. It belongs to one thread.

    Args:
        settings: See `TrackerSettings`.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._tracks: list[_Track] = []
        self._next = 1
        self._verifies = False
        self.rejected: set[int] = set()
        """Tracks that the last update took back: the second detector sees no face there."""

    def forget(self) -> None:
        """Drop every track: the next picture has nothing to do with the last. Numbers are not used again."""
        self._tracks.clear()

    def expected(self, now: float) -> list[Box]:
        """Where the known faces should be at a time, seconds on the source's line."""
        return [track.expected(now) for track in self._tracks]

    def known(self, now: float) -> list[KnownFace]:
        """The known faces at a time, seconds on the source's line."""
        return [
            KnownFace(
                track.number,
                track.detected,
                track.expected(now),
                track.seen,
                track.placed,
                track.confirmed,
                track.confirmed and (track.votes.accepted if self._verifies else track.hits >= ACCEPTED),
            )
            for track in self._tracks
        ]

    @property
    def unconfirmed(self) -> tuple[Box, ...]:
        """Where the faces are that are not shown yet."""
        return tuple(track.detected for track in self._tracks if not track.confirmed)

    @property
    def numbers(self) -> set[int]:
        """The known faces' tracks."""
        return {track.number for track in self._tracks}

    def update(
        self,
        detections: Sequence[Detection],
        now: float,
        at_once: bool = False,
        followed: Mapping[int, Box] | None = None,
        verify: Callable[[int, Detection], bool | None] | None = None,
    ) -> tuple[Face, ...]:
        """Take one picture's detections.

        Args:
            detections: What the detector found, in pixels of the full frame.
            now: Time of the picture, seconds on the source's line; must not run backwards.
            at_once: Show new faces at once (a photograph on its own, which no other picture can confirm).
            followed: Where known faces are that the detector may have missed, by track; they stay known for it.
            verify: (track, face) -> whether a second detector sees that face too, or None where it cannot say. A new
                face is verified each time that it is detected and shown once the answer is yes; then until it is
                accepted, or rejected, which takes it back (see `Votes`). None for no second detector.

        Returns:
            The confirmed faces, ordered by track.
        """
        for track, detection in self._match(detections, now):
            self._follow(track, detection, now)
        for track in self._tracks:
            if followed and track.seen != now and track.number in followed:
                self._place(track, followed[track.number], now)
        self.rejected = set()
        self._verifies = verify is not None
        if verify is not None:
            self._verify(verify, now)
        self._tracks = [track for track in self._tracks if self._worth_keeping(track, now)]
        for track in self._tracks:
            likely = at_once or track.hits >= self._settings.confirm
            track.confirmed = track.confirmed or (likely and (track.votes.yes > 0 or verify is None))
        return tuple(
            Face(track.box, track.score, track.number, track.detected)
            for track in sorted(self._tracks, key=lambda track: track.number)
            if track.confirmed
        )

    def _verify(self, verify: Callable[[int, Detection], bool | None], now: float) -> None:
        """Ask the second detector about the faces that it has not accepted yet, and drop those that it rejects."""
        for track in self._tracks:
            hardly_seen = track.confirmed and track.votes.few and track.placed == now
            if not track.votes.accepted and (track.seen == now or hardly_seen):
                vote = verify(track.number, Detection(track.detected, track.score))
                if vote:
                    track.hits += track.votes.yes == 0
                    track.votes.yes += 1
                elif vote is False and track.confirmed:
                    track.votes.no += 1
        self.rejected = {track.number for track in self._tracks if track.votes.rejected}
        self._tracks = [track for track in self._tracks if track.number not in self.rejected]

    def _match(self, detections: Sequence[Detection], now: float) -> list[tuple[_Track, Detection]]:
        """Pair each detection with the track that it overlaps most; what is left over starts tracks of its own.

        Returns:
            Every track that was detected, new ones included, with its detection.
        """
        overlaps = sorted(
            (
                (track.expected(now).iou(detection.box), -which, track, detection)
                for track in self._tracks
                for which, detection in enumerate(detections)
            ),
            key=lambda row: row[:2],
            reverse=True,
        )
        pairs: list[tuple[_Track, Detection]] = []
        taken: set[int] = set()
        matched: set[int] = set()
        for overlap, minus_which, track, detection in overlaps:
            if overlap < self._settings.min_overlap:
                break
            if track.number not in matched and -minus_which not in taken:
                matched.add(track.number)
                taken.add(-minus_which)
                pairs.append((track, detection))
        for which, detection in enumerate(detections):
            if which not in taken and not self._covered(detection.box, now):
                track = _Track(self._next, detection.box, detection.box, (0.0, 0.0), detection.score, now, placed=now)
                self._tracks.append(track)
                pairs.append((track, detection))
                self._next += 1
        return pairs

    def _covered(self, box: Box, now: float) -> bool:
        """Whether a second box lies on a known face: Viola-Jones sometimes reports a face twice, in two sizes."""
        centre_x, centre_y = box.centre
        return any(
            known.x <= centre_x <= known.x + known.width and known.y <= centre_y <= known.y + known.height
            for known in self.expected(now)
        )

    def _follow(self, track: _Track, detection: Detection, now: float) -> None:
        self._place(track, detection.box, now)
        track.score, track.seen = detection.score, now
        track.hits += 1

    def _place(self, track: _Track, box: Box, now: float) -> None:
        """Move a track to where its face is now."""
        elapsed = now - track.placed
        if elapsed > 0:
            (old_x, old_y), (new_x, new_y) = track.detected.centre, box.centre
            measured = ((new_x - old_x) / elapsed, (new_y - old_y) / elapsed)
            x, y = ((1 - NEW_SPEED) * old + NEW_SPEED * new for old, new in zip(track.velocity, measured, strict=True))
            track.velocity = (x, y)
        share = 1.0 if self._settings.smoothing == 0 else 1 - math.exp(-elapsed / self._settings.smoothing)
        track.box = _between(track.box, box, share)
        track.detected, track.placed = box, now

    def _worth_keeping(self, track: _Track, now: float) -> bool:
        if now in (track.seen, track.placed):
            return True
        # One that was seen too seldom to be shown is more likely to be a false alarm.
        return now - track.seen <= self._settings.keep * (1 if track.confirmed else UNCONFIRMED_SHARE)


def _between(old: Box, new: Box, share: float) -> Box:
    return Box(
        old.x + share * (new.x - old.x),
        old.y + share * (new.y - old.y),
        old.width + share * (new.width - old.width),
        old.height + share * (new.height - old.height),
    )
