"""The locator against a full scan of every frame, and against stronger detectors on some of them.

The locator is run along the clip's own time line, frame by frame as in every-frame mode, and once more as it would run
live: a frame that comes while it is still busy with an earlier one is dropped. The full scan has the same detector, the
same settings and the same smallest face. Stronger references are asked on every so-many-th frame only: dlib's HOG
detector on the picture enlarged until the smallest face fills its window, and MTCNN and MMOD likewise where they are
installed. On every frame the quicker of them judge the boxes that locator and full scan do not agree on, and on every
so-many-th MMOD does as well; what both see is taken for a face. False alarms are told by whole tracks, too (see
`smiledet.lab.benchmark.locator.alarms`).

Locator and full scan take turns on every frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smiledet.config import Config
from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import create_locator, distinct
from smiledet.detection.scheduling.changes import CutDetector
from smiledet.detection.search import scan, smallest_face
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage
from smiledet.lab.benchmark.detectors.measure import search
from smiledet.lab.benchmark.locator.alarms import Alarms, AlarmTally
from smiledet.lab.benchmark.locator.reference_detectors import ReferenceDetectors
from smiledet.lab.benchmark.locator.runs import EVERY_FRAME, LIVE, SCAN, Cost, Runner, TimedPicture, cost
from smiledet.lab.benchmark.locator.scores import Score, Tally, matched, without_doubles
from smiledet.lab.progress import progress

SCANNED_FACES, FACES = "scan's faces", "judged faces"
JUDGED_BY_ALL = "judged by all"
"""The faces on those pictures alone on which the slow references were asked: what any of them sees is one."""

SLOW = ("mmod",)
"""References that take a second a picture, and so judge on every so-many-th only."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The locator on one clip, or one set of photographs.

    Attributes:
        source: What faces were located in.
        frames: How many pictures of it.
        cuts: Hard cuts between them that the locator's own watch saw; 0 for photographs.
        scores: A row a searcher and reference.
        costs: A row a searcher.
        alarms: A row a searcher; none without a quick reference.
    """

    source: str
    frames: int
    cuts: int
    scores: tuple[Score, ...]
    costs: tuple[Cost, ...]
    alarms: tuple[Alarms, ...]


def references(names: Sequence[str]) -> dict[str, FaceDetector]:
    """The stronger detectors, by name.

    Raises:
        UsageError: One is not installed.
    """
    return {name: detector_kind(name).scanning(None) for name in names}


def compare(
    source: str, pictures: Iterable[TimedPicture], strong: Mapping[str, FaceDetector], every: int, config: Config
) -> Comparison:
    """Run the locator, the full scan and the references over the same pictures, in turn on each.

    Args:
        source: What the pictures are of, for the progress bar and the report.
        pictures: The pictures.
        strong: The stronger references, by name.
        every: They are asked on every so-many-th picture.
        config: The detector, and the settings of locator and tracker.

    Raises:
        UsageError: There are no pictures, or the detector is not installed.
    """
    kind = detector_kind(config.detector)
    tuning = getattr(config, config.detector, None)
    scanner = kind.scanning(tuning)
    runners = [
        Runner(name, create_locator(kind, tuning, FaceTracker(config.tracker), config.locator))
        for name in (EVERY_FRAME, LIVE)
    ]
    rows, cut_detector, cuts, spent = _Scores(tuple(strong)), CutDetector(), 0, []
    quick = ReferenceDetectors([strong[name] for name in strong if name not in SLOW])
    everybody = ReferenceDetectors(list(strong.values()))
    tallies = {name: AlarmTally(name, quick) for name in (EVERY_FRAME, LIVE, SCAN)}
    share = config.locator.min_face * scanner.needs.min_face
    for number, picture in enumerate(progress(pictures, f"locating in {source}")):
        cut = picture.cut or cut_detector.is_cut(picture.grey)
        cuts += cut and not picture.cut
        for runner in runners:
            runner.locate(picture)
        start = time.thread_time()
        scanned = distinct(scan(scanner, picture.grey, smallest_face(picture.grey, share, scanner.needs)))
        spent.append(time.thread_time() - start)
        faces = {SCAN: [each.box for each in scanned]}
        if number % every == 0:
            seen_by = {name: search(detector, picture.grey, at_leisure=True) for name, detector in strong.items()}
            faces |= {name: [each.box for each in found] for name, found in seen_by.items()}
            if any(name in SLOW for name in strong):
                seen = [box for name in strong for box in faces[name]]
                faces[JUDGED_BY_ALL] = _judged(everybody, picture.grey, faces[SCAN], runners, seen)
        if quick.available:
            faces[FACES] = judged = _judged(quick, picture.grey, faces[SCAN], runners)
            faces[SCANNED_FACES] = [box for box in judged if box in set(faces[SCAN])]
            for runner in runners:
                tallies[runner.searcher].add(picture.grey, [(each.track, each.box) for each in runner.faces or ()])
            tallies[SCAN].add_untracked(picture.grey, faces[SCAN], picture.time, cut)
        rows.add(runners, faces, picture.time, cut)
    if not spent:
        raise UsageError(f"{source}: no pictures to locate faces in")
    costs = [cost(runner.searcher, runner.taken, spent) for runner in runners]
    alarms = tuple(tally.alarms for tally in tallies.values()) if quick.available else ()
    return Comparison(source, len(spent), cuts, rows.scores, (*costs, cost(SCAN, spent, spent)), alarms)


def _judged(
    references: ReferenceDetectors,
    grey: GreyImage,
    scanned: list[Box],
    runners: Sequence[Runner],
    seen: Sequence[Box] = (),
) -> list[Box]:
    """Every box of scan and locators that is a face: two agree on it, it is among `seen`, or a detector sees it."""
    located = [face.box for runner in runners for face in runner.faces or ()]
    agreed = [scanned[which] for which in matched(scanned, located)]
    agreed += [box for box in (*scanned, *located) if matched([box], seen)]
    return references.faces(grey, without_doubles(agreed), (*scanned, *located))


class _Scores:
    """Every searcher's score against every reference.

    The stronger references are taken together too, and with the full scan: what any of them sees is no false alarm.
    """

    def __init__(self, strong: tuple[str, ...]) -> None:
        judged = (SCANNED_FACES, FACES, JUDGED_BY_ALL)
        self._unions: dict[str, tuple[str, ...]] = {name: (name,) for name in (SCAN, *judged, *strong)}
        if len(strong) > 1:
            self._unions[" or ".join(strong)] = strong
        if strong:
            self._unions["any of them"] = (SCAN, *strong)
        self._tallies: dict[tuple[str, str], Tally] = {}

    def add(self, runners: Sequence[Runner], faces: Mapping[str, Sequence[Box]], time: float, cut: bool) -> None:
        """Take one picture: what was located, and what each reference that was asked sees."""
        for reference, names in self._unions.items():
            if all(name in faces for name in names):
                seen = without_doubles([box for name in reversed(names) for box in faces[name]])
                for runner in runners:
                    if runner.faces is not None:
                        tally = self._tally(runner.searcher, reference, tracked=True)
                        boxes, tracks = [face.box for face in runner.faces], [face.track for face in runner.faces]
                        tally.add(boxes, tracks, seen, time, cut)
                if SCAN not in names and SCANNED_FACES not in names:
                    self._tally(SCAN, reference, tracked=False).add(faces[SCAN], (), seen, time, cut)

    def _tally(self, searcher: str, reference: str, tracked: bool) -> Tally:
        return self._tallies.setdefault((searcher, reference), Tally(searcher, reference, tracked))

    @property
    def scores(self) -> tuple[Score, ...]:
        """A row each, the searchers one after the other."""
        order = [EVERY_FRAME, LIVE, SCAN]
        return tuple(tally.score for tally in sorted(self._tallies.values(), key=lambda each: order.index(each.name)))
