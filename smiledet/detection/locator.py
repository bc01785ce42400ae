"""Finding and following the faces of a video, spending the detector's time where it counts.

A scan of the whole picture costs tens of milliseconds, a search around a known face less than one. So only the
surroundings of the known faces are searched, where each is expected and at about its known size, and between two
searches the face is followed by template matching. Where the detector misses it, it is sought tilted, then followed by
template matching for a while, and its place is searched for some seconds more. The whole picture is searched a slice at
a time (see `sweep`), and in one scan on the first picture, after a cut, and as soon as a face is lost. Where a network
proposes places (see `proposal_network`), new and lost faces are searched for there, several times a second, and the
whole picture is searched less often. A second detector has to verify a new face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from smiledet.detection.detectors.base import DetectorKind, FaceDetector
from smiledet.detection.following.template_follower import MIN_CORRELATION, STEADY, TemplateFollower
from smiledet.detection.following.tracker import FaceTracker, KnownFace
from smiledet.detection.following.verification import Verifier
from smiledet.detection.scheduling.changes import CutDetector
from smiledet.detection.scheduling.places import LOST_INTERVAL, LostPlaces, Proposer
from smiledet.detection.scheduling.proposal_network import shipped_network
from smiledet.detection.scheduling.sweep import Sweep
from smiledet.detection.search import Surroundings
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.schema import between

DUPLICATE_OVERLAP = 0.3
"""Intersection over union from which two detections are one face."""

SCAN_INTERVAL = 0.5
"""Seconds, on the source's time line, in which all that has changed of the picture is searched once where no network
proposes places: a new face appears that late. A slow detector takes longer while every known face is in sight (see
`Needs.patience`)."""

PROPOSED_SCAN_INTERVAL = 4.0
"""The same where a network proposes places: what it does not see is found that late. With 3 or 5 seconds what is found
on the clips of `smiledet bench locator` differs by chance alone."""

UNCHANGED_INTERVAL = 2.5
"""Seconds in which the whole picture is searched once, changed or not: a face that was there and not seen appears that
late. It halves the cost of one face before a camera, against searching everything each time."""

PROPOSED_UNCHANGED_FACTOR = 4
"""By how much longer that is where a network proposes places, since it sees unchanged parts, too."""

STEADY_FACTOR = 3.4
"""By how much longer than `redetect_after` a large face is followed by template matching alone that is verified and
still matches its template: to every tenth frame at 30 a second. A search costs as much as six frames of that."""

LARGE = 160
"""Side in pixels from which the cascade hardly ever misses a face that is there. Of people at a table, of 60 to 130
pixels, it does: searched for less often they lose their tracks."""

AT_ONCE = 4
"""Searches around known faces that fit into any picture; where more are due, up to half may wait."""

LONGEST_DELAY = 2.0
"""How long they may wait, counted from when the detector saw them, in `LocatorSettings.redetect_after`."""

COAST = 1.0
"""Seconds that a face is followed by template matching while the detector misses it, as it does a head that turns."""


@dataclass(frozen=True, slots=True)
class LocatorSettings:
    """How faces are searched for. What each is worth is measured by `smiledet bench locator --config FILE`.

    Attributes:
        min_face: Smallest face sought, as a share of the picture's shorter side; half of it costs four times as much.
            A detector that searches too slowly for it seeks faces some factor larger (see its `needs`).
        redetect_after: Seconds after the detector saw a face in which it is followed by template matching alone, which
            costs a quarter; at 25 and at 30 frames a second the cascade is run on every third frame. 0 runs it on every
            one. Of more than four faces that are due at once, up to half may wait, for as long again at most; large
            faces that hardly move wait over three times as long.
        proposal_interval: Seconds between two pictures in which a tiny network proposes where new faces may be, for
            Viola-Jones to search there at once: a new face appears that late. Other detectors do without. 0 for never;
            the whole picture is then searched eight times as often instead.
    """

    min_face: float = field(default=0.11, metadata=between(0.01, 1))
    redetect_after: float = field(default=0.09, metadata=between(0, 1))
    proposal_interval: float = field(default=0.1, metadata=between(0, 10))


class FaceLocator:
    """Finds and follows the faces of a video. It belongs to one thread.

    Args:
        detector: Finds faces in the whole picture.
        follower: Finds a known face again; may report fainter ones, since something is known to be there.
        tracker: Gives faces their identity.
        settings: See `LocatorSettings`.
        verifier: Has to agree on a new face; None where the detector alone decides.
        proposer: Searches where new faces may be; None to search the whole picture alone.
        spread: Whether the scan of a new scene is spread over pictures where there is a proposer, so that none of a
            live source waits for it.
    """

    def __init__(
        self,
        detector: FaceDetector,
        follower: FaceDetector,
        tracker: FaceTracker,
        settings: LocatorSettings | None = None,
        verifier: FaceDetector | None = None,
        proposer: Proposer | None = None,
        spread: bool = False,
    ) -> None:
        self._needs = detector.needs
        self._follower = follower
        self._tracker = tracker
        self._settings = settings or LocatorSettings()
        self._verifier = Verifier(verifier) if verifier else None
        self._proposer = proposer
        self._cuts = CutDetector()
        self._template_follower = TemplateFollower()
        self._rolls: dict[int, float] = {}
        self._lost: set[int] = set()
        self._last: GreyImage | None = None
        unchanged = UNCHANGED_INTERVAL * (PROPOSED_UNCHANGED_FACTOR if proposer else 1)
        self._spread = spread and proposer is not None
        self._sweep = Sweep(detector, self._settings.min_face, unchanged, self._spread)
        self._lost_places = LostPlaces()
        self._size: tuple[int, ...] = (0, 0)
        self._time = 0.0

    @property
    def possible(self) -> tuple[Box, ...]:
        """Where the last picture may show further faces, which are not confirmed yet."""
        return self._tracker.unconfirmed

    def locate(self, grey: GreyImage, time: float, independent: bool = False) -> tuple[Face, ...]:
        """The faces of the next frame.

        Args:
            grey: Grey uint8 (height, width); not written to before the next call.
            time: Seconds on the source's line.
            independent: Whether the picture has nothing to do with the one before.

        Returns:
            Confirmed faces, ordered by track.
        """
        is_cut = self._cuts.is_cut(grey)
        if independent or is_cut or grey.shape != self._size:
            self._start_over(grey)
        known = self._tracker.known(time)
        self._rolls = {face.number: self._rolls[face.number] for face in known if face.number in self._rolls}
        followed = self._follow_until_due(grey, known, time)
        detections, missed = self._search_around(grey, [face for face in known if face.number not in followed])
        followed |= self._follow_missed(grey, missed, time)
        self._template_follower.keep_only(followed)
        lost = {face.number for face in missed if face.confirmed and face.number not in followed}
        newly, self._lost = lost - self._lost, lost
        if newly and self._proposer:
            self._proposer.propose_next()
        elif newly:
            self._sweep.search_all_next()
        confirmed = [face.last for face in known if face.confirmed]
        found = self._sweep.search(grey, time, self._scan_interval(all_seen=bool(known) and not lost), confirmed)
        found += self._search_lost_places(grey, known, time)
        searched_whole = independent and not self._spread  # a photograph of its own
        if self._proposer and not searched_whole:
            # A face that is only followed by template matching may have drifted: places on it are searched, too.
            seen = [face.expected for face in known if face not in missed]
            found += self._proposer.search(grey, time, seen)
        self._time, self._last = time, grey
        verify = partial(self._verify, self._verifier, grey) if self._verifier else None
        faces = self._tracker.update(distinct(detections + found), time, independent, followed, verify)
        self._remember_lost_places(known, time)
        return faces

    def _verify(self, verifier: Verifier, grey: GreyImage, number: int, face: Detection) -> bool | None:
        """Whether the second detector sees a face; None of a head that was found tilted, which it cannot see."""
        return None if self._rolls.get(number) else verifier.agrees(grey, face)

    def _start_over(self, grey: GreyImage) -> None:
        self._tracker.forget()
        self._size = grey.shape
        self._lost_places = LostPlaces(LOST_INTERVAL * self._needs.patience)
        self._sweep.start_over(grey)
        if self._proposer:
            self._proposer.start_over(grey)

    def _scan_interval(self, all_seen: bool) -> float:
        """Seconds in which the whole picture is to be searched."""
        if self._proposer:
            return PROPOSED_SCAN_INTERVAL
        return SCAN_INTERVAL * (self._needs.patience if all_seen else 1)

    def _search_lost_places(self, grey: GreyImage, known: Sequence[KnownFace], time: float) -> list[Detection]:
        """What is back where a face was lost lately."""
        places = self._lost_places.due(time, [face.last for face in known])
        return [found for box in places for found in Surroundings(grey, box, self._needs).search(self._follower)]

    def _remember_lost_places(self, known: Sequence[KnownFace], time: float) -> None:
        """Note where the faces were that are not followed any more; not those that turned out to be none."""
        elsewhere = self._tracker.numbers | self._tracker.rejected
        for face in known:
            if face.number not in elsewhere:
                self._lost_places.remember(face.last, time)

    def _search_around(self, grey: GreyImage, known: Sequence[KnownFace]) -> tuple[list[Detection], list[KnownFace]]:
        """What is found around the known faces, and which of them are not among it."""
        detections = [found for face in known for found in self._search_region(grey, face)]
        boxes = [detection.box for detection in detections]
        missed = [face for face in known if all(box.iou(face.last) < DUPLICATE_OVERLAP for box in boxes)]
        return detections, missed

    def _search_region(self, grey: GreyImage, face: KnownFace) -> list[Detection]:
        """The face where it is expected: tilted as it was last, else upright, else tilted to either side."""
        surroundings = Surroundings(grey, face.expected, self._needs)
        last = self._rolls.pop(face.number, 0.0)
        others = self._needs.rolls if face.confirmed else ()
        for roll in dict.fromkeys((last, 0.0, *others)):
            found = surroundings.search(self._follower, roll)
            if found:
                if roll:
                    self._rolls[face.number] = roll
                return found
        return []

    def _follow_until_due(self, grey: GreyImage, known: Sequence[KnownFace], time: float) -> dict[int, Box]:
        """Where the faces are, by template matching, that need not be searched for yet.

        Those are the ones that the detector saw a moment ago, or a little longer ago where they are large and still
        match their templates. Where many are due at once, those that it saw last wait a little longer: faces that one
        scan has found would else be due together ever after, and their pictures late.
        """
        redetect_after = self._settings.redetect_after
        followed = self._follow(grey, [face for face in known if time - face.seen < redetect_after])
        steady = [
            face
            for face in known
            if redetect_after <= time - face.seen < STEADY_FACTOR * redetect_after
            and face.last.width >= LARGE
            and face.verified
            and self._template_follower.is_steady(face.number)
        ]
        followed |= self._follow(grey, steady, STEADY)
        due = [face for face in known if time - face.seen >= redetect_after and face.number not in followed]
        if len(due) > AT_ONCE:
            due.sort(key=lambda face: face.seen)
            late = due[max(AT_ONCE, len(due) // 2) :]
            followed |= self._follow(grey, [face for face in late if time - face.seen < LONGEST_DELAY * redetect_after])
        return followed

    def _follow_missed(self, grey: GreyImage, missed: Sequence[KnownFace], time: float) -> dict[int, Box]:
        """Where the missed faces are, by template matching, for a while."""
        return self._follow(grey, [face for face in missed if time - face.seen <= COAST])

    def _follow(
        self, grey: GreyImage, faces: Sequence[KnownFace], min_correlation: float = MIN_CORRELATION
    ) -> dict[int, Box]:
        """Where the faces are that are shown and had a place in the last picture, of which their templates are cut."""
        followed: dict[int, Box] = {}
        last = self._last
        if last is None:
            return followed
        for face in faces:
            if face.confirmed and face.placed == self._time:
                box = self._template_follower.follow(face.number, last, face.last, grey, face.expected, min_correlation)
                if box is not None:
                    followed[face.number] = box
        return followed


def create_locator(
    kind: DetectorKind,
    tuning: object,
    tracker: FaceTracker,
    settings: LocatorSettings | None = None,
    spread: bool = False,
) -> FaceLocator:
    """A locator with a detector for each use.

    Args:
        kind: The detector.
        tuning: The settings that the configuration has under the detector's name; None for its own.
        tracker: Gives faces their identity.
        settings: See `LocatorSettings`.
        spread: See `FaceLocator`.
    """
    settings = settings or LocatorSettings()
    verifier = kind.verifying() if kind.verifying else None
    scanning = kind.scanning_faint if verifier and kind.scanning_faint else kind.scanning
    proposer = None
    if kind.proposed and settings.proposal_interval:
        proposer = Proposer(shipped_network(), kind.proposed(), settings.min_face, settings.proposal_interval)
    return FaceLocator(scanning(tuning), kind.following(), tracker, settings, verifier, proposer, spread)


def distinct(detections: Sequence[Detection]) -> list[Detection]:
    """The detections without those that show the same face as a surer one.

    >>> twice = [Detection(Box(0, 0, 10, 10), 3), Detection(Box(1, 0, 10, 10), 9)]
    >>> [found.score for found in distinct(twice)]
    [9]
    """
    surest = sorted(detections, key=lambda found: -found.score)
    if len(surest) < 2:  # as on most pictures
        return surest
    boxes = [(float(box.x), float(box.y), float(box.width), float(box.height)) for box in (each.box for each in surest)]
    ranks = [float(rank) for rank in range(len(surest), 0, -1)]  # the scores of some detectors are negative
    kept = cv2.dnn.NMSBoxes(boxes, ranks, 0.0, DUPLICATE_OVERLAP)
    return [surest[int(index)] for index in np.asarray(kept, int).ravel()]
