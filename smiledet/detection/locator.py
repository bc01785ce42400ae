"""Spending the detector's time where it counts.

A scan of the whole picture costs tens of milliseconds, a search around a known face less than one. So only the
surroundings of the known faces are searched, where each is expected and at about its known size, and between two
searches the face is followed by its look. Where the detector misses it, it is sought tilted, then held by its look for
a while, and its place is looked at for some seconds more. The whole picture is searched a slice at a time (see
`sweep`): what has changed of it within `scan_interval`, or within `search_interval` while no face is
known or one is lost, the rest within `still_interval`; and whole on the first picture, after a cut, and as soon as a
face is lost. Where a network proposes places (see `proposal_network`), new and lost faces are searched for
there, several times a second, and the whole picture is searched much more seldom. A new face has to convince a second
detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from smiledet.detection.detectors.base import DetectorKind, FaceDetector
from smiledet.detection.following.template_follower import ALIKE, CALM, TemplateFollower
from smiledet.detection.following.tracker import FaceTracker, KnownFace
from smiledet.detection.following.verification import Verifier
from smiledet.detection.scheduling.changes import SceneWatch
from smiledet.detection.scheduling.places import PAUSE, LostPlaces, Proposer
from smiledet.detection.scheduling.proposal_network import shipped_network
from smiledet.detection.scheduling.sweep import Sweep
from smiledet.detection.search import DETECTOR_WINDOW, Surroundings, shrunk_face
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.schema import between

DUPLICATE_OVERLAP = 0.3
"""Intersection over union from which two detections are one face."""


LARGE = 160
"""Side in pixels from which the cascade hardly ever misses a face that is there. Of people at a table, of 60 to 130
pixels, it does: with a longer rest they lose their tracks."""

AT_ONCE = 4
"""Searches around known faces that one picture is always good for; where more are due, up to half may wait."""

PUT_OFF = 2.0
"""How long they may wait, counted from when the detector saw them, in `LocatorSettings.redetect_after`."""

STILL_FACTOR = 4
"""How much more seldom what has not changed is searched where a network looks at it anyway."""


@dataclass(frozen=True, slots=True)
class LocatorSettings:
    """How faces are searched for. What each is worth is measured by `smiledet bench locator --config FILE`.

    Attributes:
        min_face: Smallest face sought, as a share of the picture's shorter side; half of it costs four times as much.
            A detector that searches too slowly for it seeks faces some factor larger (see its `needs`).
        scan_interval: Seconds, on the source's time line, in which all that has changed of the picture is searched once
            while faces are being followed; new faces appear that late.
        search_interval: The same while no face is known, or one is lost.
        still_interval: Seconds in which the whole picture is searched once, changed or not: so late appears a face that
            was there and not seen. Halves the cost of one face before a camera; 0 searches everything each time. Four
            times as long where faces are proposed (`proposal_interval`).
        region: Side of what is searched around a known face, in its own sides.
        region_face: Size in pixels to which a known face is shrunk for the search around it; larger is steadier and
            slower. It is in the cascade's pixels: a detector that needs larger faces gets them so much larger.
        redetect_after: Seconds after the detector saw a face in which it is followed by its look alone, which costs a
            quarter; at 25 and at 30 frames a second the cascade is run on every third frame. 0 runs it on every one. Of
            more than four faces that are due at once, up to half may wait, for as long again at most.
        redetect_after_calm: The same for a face of 160 pixels and more, of which the second look has been sure for a
            while, as long as it looks the same: every sixth frame at 30 a second, and a fifth off what locating one
            face before a camera costs. 0 for no such patience.
        coast: Seconds that a face is followed by its look while the detector misses it, as it does a head that turns;
            0 leaves it where it was last, for as long as the tracker keeps it, and searches the picture meanwhile.
        lost_place_memory: Seconds that a place is looked at, ten times a second, where a face was seen that is not
            followed any more: faces that the detector sees now and then, and heads that turn back, are caught soon. 0
            for never.
        tilted: Whether a known face is sought tilted to either side where it is not found upright: heads tilted by
            fifteen to thirty degrees are not lost then. Costs two more searches around a missed face.
        verify: Whether a new face has to convince the detector's second cascade as well, before it is shown, and
            goes on convincing it while it is new; drops false alarms, and delays a faint face.
        proposal_interval: Seconds between two looks of a tiny network that proposes where new faces may be, for
            Viola-Jones to search there at once (see `proposal_network`): a new face appears that late, not
            `scan_interval` late. Other detectors do without. 0 for never.
        proposed_interval: What takes the place of `scan_interval` and `search_interval` where faces are proposed: the
            whole picture is searched that seldom then, for what the network does not see.
        watch_cuts: Whether a hard cut starts everything anew: the old scene's faces go, and the whole picture is
            searched at once. Costs some hundredths of a millisecond a frame.
    """

    min_face: float = field(default=0.11, metadata=between(0.01, 1))
    scan_interval: float = field(default=0.5, metadata=between(0, 60))
    search_interval: float = field(default=0.5, metadata=between(0, 60))
    still_interval: float = field(default=2.5, metadata=between(0, 600))
    region: float = field(default=1.4, metadata=between(1.2, 5))
    region_face: int = field(default=28, metadata=between(DETECTOR_WINDOW, 400))
    redetect_after: float = field(default=0.09, metadata=between(0, 1))
    redetect_after_calm: float = field(default=0.19, metadata=between(0, 1))
    coast: float = field(default=1.0, metadata=between(0, 10))
    lost_place_memory: float = field(default=10.0, metadata=between(0, 60))
    tilted: bool = True
    verify: bool = True
    proposal_interval: float = field(default=0.1, metadata=between(0, 10))
    proposed_interval: float = field(default=4.0, metadata=between(0, 60))
    watch_cuts: bool = True


class FaceLocator:
    """Finds and follows the faces of a video. It belongs to one thread.

    Args:
        detector: Finds faces in the whole picture.
        follower: Finds a known face again; may be more credulous, since something is known to be there.
        tracker: Gives faces their identity.
        settings: See `LocatorSettings`.
        verifier: Has to agree on a new face; None where the detector's word will do.
        proposer: Says where new faces may be; None to sweep the picture alone.
    """

    def __init__(
        self,
        detector: FaceDetector,
        follower: FaceDetector,
        tracker: FaceTracker,
        settings: LocatorSettings | None = None,
        verifier: FaceDetector | None = None,
        proposer: Proposer | None = None,
    ) -> None:
        self._needs = detector.needs
        self._follower = follower
        self._tracker = tracker
        self._settings = settings or LocatorSettings()
        self._verifier = Verifier(verifier) if verifier and self._settings.verify else None
        self._proposer = proposer
        self._scenes = SceneWatch()
        self._template_follower = TemplateFollower()
        self._rolls: dict[int, float] = {}
        self._lost: set[int] = set()
        self._before: GreyImage | None = None
        still = self._settings.still_interval * (STILL_FACTOR if proposer else 1)
        self._sweep = Sweep(detector, self._settings.min_face, still)
        self._lost_places = LostPlaces(0.0)
        self._size: tuple[int, ...] = (0, 0)
        self._time = 0.0

    def locate(self, grey: GreyImage, time: float, independent: bool = False) -> tuple[Face, ...]:
        """The faces of the next frame.

        Args:
            grey: Grey uint8 (height, width); not written to before the next call.
            time: Seconds on the source's line.
            independent: Whether the picture has nothing to do with the one before.

        Returns:
            Confirmed faces, ordered by track.
        """
        fresh = independent or grey.shape != self._size
        if self._settings.watch_cuts and self._scenes.is_cut(grey):
            fresh = True
        if fresh:
            self._start_over(grey)
        known = self._tracker.known(time)
        self._rolls = {face.number: self._rolls[face.number] for face in known if face.number in self._rolls}
        guesses = self._glance(grey, known, time)
        detections, missed = self._search_around(grey, [face for face in known if face.number not in guesses])
        guesses |= self._coast(grey, missed, time)
        self._template_follower.keep_only(guesses)
        lost = {face.number for face in missed if face.shown and face.number not in guesses}
        newly, self._lost = lost - self._lost, lost
        if newly and self._proposer:
            self._proposer.hurry()
        elif newly:
            self._sweep.hurry()
        shown = [face.last for face in known if face.shown]
        found = self._sweep.search(grey, time, self._interval(hurried=not known or bool(lost)), shown)
        found += self._search_lost_places(grey, known, time)
        if self._proposer and not independent:  # a photograph of its own has just been searched whole
            # A face that is held by its look alone may have drifted: what is proposed there is looked at, too.
            seen = [face.expected for face in known if face not in missed]
            found += self._proposer.search(grey, time, seen)
        self._time, self._before = time, grey
        believe = partial(self._believe, self._verifier, grey) if self._verifier else None
        faces = self._tracker.update(distinct(detections + found), time, independent, guesses, believe)
        self._remember_lost_places(known, time)
        return faces

    def _believe(self, look: Verifier, grey: GreyImage, number: int, face: Detection) -> bool | None:
        """What the second look says of a face; None of a head that was found tilted, which it cannot see."""
        return None if self._rolls.get(number) else look.agrees(grey, face)

    def _start_over(self, grey: GreyImage) -> None:
        self._tracker.forget()
        self._size = grey.shape
        self._lost_places = LostPlaces(self._settings.lost_place_memory, PAUSE * self._needs.patience)
        self._sweep.start_over(grey)
        if self._proposer:
            self._proposer.start_over(grey)
        self._before = None

    def _interval(self, hurried: bool) -> float:
        """Seconds in which the whole picture is to be searched."""
        if self._proposer:
            return self._settings.proposed_interval
        return self._settings.search_interval if hurried else self._settings.scan_interval * self._needs.patience

    def _search_lost_places(self, grey: GreyImage, known: Sequence[KnownFace], time: float) -> list[Detection]:
        """What is back where a face was seen lately."""
        places = self._lost_places.due(time, [face.last for face in known])
        return [found for box in places for found in self._around(grey, box).search(self._follower)]

    def _remember_lost_places(self, known: Sequence[KnownFace], time: float) -> None:
        """Note where the faces were that are not followed any more; not those that the second look has taken back."""
        elsewhere = self._tracker.numbers | self._tracker.refuted
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
        around = self._around(grey, face.expected)
        last = self._rolls.pop(face.number, 0.0)
        others = self._needs.rolls if face.shown and self._settings.tilted else ()
        for roll in dict.fromkeys((last, 0.0, *others)):
            found = around.search(self._follower, roll)
            if found:
                if roll:
                    self._rolls[face.number] = roll
                return found
        return []

    def _around(self, grey: GreyImage, box: Box) -> Surroundings:
        shrunk = shrunk_face(self._settings.region_face, self._needs)
        return Surroundings(grey, box, self._settings.region, shrunk, self._needs)

    def _glance(self, grey: GreyImage, known: Sequence[KnownFace], time: float) -> dict[int, Box]:
        """Where the faces are by their look that need not be searched for yet.

        Those are the ones that the detector saw a moment ago, or a little longer ago where they are large and look as
        they did then. Where many are due at once, those that it saw last wait a little longer: faces that one scan has
        found would else be due together ever after, and their pictures late.
        """
        redetect_after, redetect_after_calm = self._settings.redetect_after, self._settings.redetect_after_calm
        guesses = self._by_look(grey, [face for face in known if time - face.seen < redetect_after])
        calm = [
            face
            for face in known
            if redetect_after <= time - face.seen < redetect_after_calm
            and face.last.width >= LARGE
            and face.settled
            and self._template_follower.is_calm(face.number)
        ]
        guesses |= self._by_look(grey, calm, CALM)
        due = [face for face in known if time - face.seen >= redetect_after and face.number not in guesses]
        if len(due) > AT_ONCE:
            due.sort(key=lambda face: face.seen)
            late = due[max(AT_ONCE, len(due) // 2) :]
            guesses |= self._by_look(grey, [face for face in late if time - face.seen < PUT_OFF * redetect_after])
        return guesses

    def _coast(self, grey: GreyImage, missed: Sequence[KnownFace], time: float) -> dict[int, Box]:
        """Where the missed faces are by their look, for a while."""
        return self._by_look(grey, [face for face in missed if time - face.seen <= self._settings.coast])

    def _by_look(self, grey: GreyImage, faces: Sequence[KnownFace], alike: float = ALIKE) -> dict[int, Box]:
        """Where those of the faces are that are shown, and were there on the picture before: their look is from it."""
        guesses: dict[int, Box] = {}
        before = self._before
        if before is None:
            return guesses
        for face in faces:
            if face.shown and face.placed == self._time:
                box = self._template_follower.follow(face.number, before, face.last, grey, face.expected, alike)
                if box is not None:
                    guesses[face.number] = box
        return guesses


def create_locator(
    kind: DetectorKind, tuning: object, tracker: FaceTracker, settings: LocatorSettings | None = None
) -> FaceLocator:
    """A locator with a detector for each use.

    Args:
        kind: The detector.
        tuning: The settings that the configuration has under the detector's name; None for its own.
        tracker: Gives faces their identity.
        settings: See `LocatorSettings`.
    """
    settings = settings or LocatorSettings()
    verifier = kind.verifying() if kind.verifying and settings.verify else None
    scanning = kind.doubtful if verifier and kind.doubtful else kind.scanning
    proposer = None
    if kind.proposed and settings.proposal_interval:
        proposer = Proposer(shipped_network(), kind.proposed(), settings.min_face, settings.proposal_interval)
    return FaceLocator(scanning(tuning), kind.following(), tracker, settings, verifier, proposer)


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
