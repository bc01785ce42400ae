"""How many faces each detector finds, how many it makes up, and how long it takes.

The seed paper on light-weight networks plots its MTCNN's true positive rate (Figure 10) and shows its faces beside
OpenCV's (Figure 11); here every installed detector is measured on the same pictures, searched as the locator searches a
first picture.

Nobody has drawn boxes on GENKI-4K or on a clip, so the detectors are each other's reference: a face is there where at
least two of them agree. Of a photograph that is known to show one face only the best supported counts; where fewer than
two agree on it, all are asked once more with their settings for labelled photographs, which report fainter faces. Each
such photograph counts as one face to be found, agreed on or not. On clips the agreed faces are those to be found, which
says something only if three detectors or more are compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.locator import LocatorSettings, distinct
from smiledet.detection.search import scan, smallest_face
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection, GreyImage
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.progress import progress
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.sources.choose import create_source

AGREE = 0.4
"""Intersection over union from which two boxes, both in Viola-Jones' framing, show one face."""

FRAME_STEP = 15
"""Every so many frames of a clip one is taken: half a second of most."""

ENOUGH = 3
"""Detectors that must be compared before their agreement says anything about one of them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the detectors saw in one picture.

    Attributes:
        grey: The picture.
        found: Their detections, by name.
        faces: Where faces are; see the module.
        expected: Faces to be found: `faces`, or the one face that is known to be there, agreed on or not.
    """

    grey: GreyImage
    found: Mapping[str, list[Detection]]
    faces: tuple[Box, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """One detector on one set of pictures.

    Attributes:
        detector: Its name.
        found: Faces of the reference that it found.
        faces: Faces to be found.
        recall: The share; None where too few detectors were compared, or there are no faces.
        false_alarms: Detections that are none of those faces.
        milliseconds: Median time a picture.
        curve: (false alarms, share of faces found) as the score asked for falls: the paper's Figure 10.
    """

    detector: str
    found: int
    faces: int
    recall: float | None
    false_alarms: int
    milliseconds: float
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every detector on one set of pictures.

    Attributes:
        source: What was searched.
        pictures: How many pictures of it.
        agreed: Faces that at least two detectors agree on.
        reference: What counts as a face, in words.
        detectors: A row each.
    """

    source: str
    pictures: int
    agreed: int
    reference: str
    detectors: tuple[DetectorFigures, ...]


def read_photographs(data: str, count: int) -> list[GreyImage]:
    """Photographs of a data set, evenly spread over it.

    Args:
        data: LAYOUT:PATH, a set of whole photographs that show one face each.
        count: How many at most.

    Raises:
        UsageError: The data set is missing or broken, or has crops instead of whole photographs.
    """
    _, samples = read_samples(data)
    whole = [sample.image for sample in samples if sample.located is None]
    if not whole:
        raise UsageError(f"--data {data}: these are crops, expected whole photographs (genki4k:PATH, say)")
    count = min(count, len(whole))
    chosen = [whole[number * len(whole) // count] for number in range(count)]
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in chosen]
    return [image for image in images if image is not None]


def read_frames(spec: str, count: int) -> list[GreyImage]:
    """Frames of a clip, half a second apart, grey.

    Args:
        spec: SOURCE, as on the command line.
        count: How many at most.

    Raises:
        UsageError: There is nothing to read.
    """
    frames: list[GreyImage] = []
    number = 0
    with create_source(spec) as source:
        if source.live:
            raise UsageError(f"--clip {spec}: a live source shows nothing twice; expected a clip, a folder or demo")
        while len(frames) < count and (picture := source.read()) is not None:
            if number % FRAME_STEP == 0 or source.still:
                frames.append(cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY))
            number += 1
    return frames


def search(detector: FaceDetector, grey: GreyImage, at_leisure: bool = False) -> list[Detection]:
    """The faces of a whole picture, at the sizes that the locator seeks by default.

    Args:
        detector: The detector.
        grey: Grey uint8 (height, width).
        at_leisure: Seek as small ones with a detector that is too slow for that at run time (its `needs.min_face`).
    """
    share = LocatorSettings().min_face * (1.0 if at_leisure else detector.needs.min_face)
    return distinct(scan(detector, grey, smallest_face(grey, share, detector.needs)))


def compare(
    source: str, pictures: Sequence[GreyImage], names: Sequence[str], one_face: bool
) -> tuple[Comparison, list[Seen]]:
    """Measure detectors on the same pictures, in turn on each.

    Args:
        source: What the pictures are of, for the progress bar and the report.
        pictures: Grey pictures.
        names: The detectors.
        one_face: Whether each picture is known to show exactly one face.

    Raises:
        UsageError: A detector is not installed, or there are no pictures.
    """
    if not pictures:
        raise UsageError(f"{source}: no pictures to measure detectors on")
    detectors = {name: detector_kind(name).scanning(None) for name in names}
    labelled = _LabelledSettings(names)
    for detector in detectors.values():
        search(detector, pictures[0])  # the first search sets buffers up
    taken: dict[str, list[float]] = {name: [] for name in names}
    seen = []
    for grey in progress(pictures, f"searching {source}"):
        found = {}
        for name, detector in detectors.items():
            start = time.perf_counter()
            found[name] = search(detector, grey)
            taken[name].append(1000 * (time.perf_counter() - start))
        faces = agreed_faces({name: [each.box for each in some] for name, some in found.items()})
        if one_face:
            faces = (faces or agreed_faces(labelled.ask(grey)))[:1]
        seen.append(Seen(grey, found, tuple(faces), 1 if one_face else len(faces)))
    telling = one_face or len(names) >= ENOUGH
    rows = tuple(judge(name, seen, statistics.median(taken[name]), telling) for name in names)
    return Comparison(source, len(seen), sum(len(each.faces) for each in seen), _words(one_face), rows), seen


class _LabelledSettings:
    """The detectors' settings for labelled photographs, made when they are first asked for."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._locators: dict[str, LabelledFaceLocator] = {}

    def ask(self, grey: GreyImage) -> dict[str, list[Box]]:
        """Each detector's one face, if it sees one."""
        self._locators = self._locators or {name: LabelledFaceLocator(name) for name in self._names}
        found = {name: locator.locate(grey) for name, locator in self._locators.items()}
        return {name: [] if box is None else [box] for name, box in found.items()}


def agreed_faces(found: Mapping[str, Sequence[Box]]) -> list[Box]:
    """Where at least two detectors see a face, best supported first.

    >>> agreed_faces({"a": [Box(0, 0, 10, 10)], "b": [Box(1, 0, 10, 10), Box(50, 0, 10, 10)]})
    [Box(x=0, y=0, width=10, height=10)]
    """
    left = [(name, box) for name, boxes in found.items() for box in boxes]
    faces = []
    while left:
        support = [_support(name, box, left) for name, box in left]
        best = max(range(len(left)), key=lambda index: (*support[index], -index))
        if support[best][0] == 0:
            break
        face = left[best][1]
        faces.append(face)
        left = [(name, box) for name, box in left if box.iou(face) < AGREE]
    return faces


def _support(name: str, box: Box, others: Sequence[tuple[str, Box]]) -> tuple[int, float]:
    """How many other detectors see that face, and how well their boxes match it together."""
    overlaps: dict[str, float] = {}
    for other, its in others:
        if other != name and box.iou(its) >= AGREE:
            overlaps[other] = max(overlaps.get(other, 0.0), box.iou(its))
    return len(overlaps), sum(overlaps.values())


def judge(name: str, seen: Sequence[Seen], milliseconds: float, telling: bool = True) -> DetectorFigures:
    """Count one detector's hits and false alarms.

    Args:
        name: The detector.
        seen: What all of them saw.
        milliseconds: Its median time a picture.
        telling: Whether the faces say anything about it; its recall is None otherwise.
    """
    hits = sorted((score, hit) for each in seen for score, hit in _hits(each.found[name], each.faces))
    faces = sum(each.expected for each in seen)
    found = sum(hit for _, hit in hits)
    recall = found / faces if telling and faces else None
    return DetectorFigures(
        name, found, faces, recall, len(hits) - found, milliseconds, () if recall is None else _curve(hits, faces)
    )


def _hits(found: Sequence[Detection], faces: Sequence[Box]) -> Iterator[tuple[float, bool]]:
    """Score of each detection, surest first, and whether it is a face that no surer one is."""
    left = list(faces)
    for detection in sorted(found, key=lambda each: -each.score):
        face = max(left, key=detection.box.iou, default=None)
        hit = face is not None and detection.box.iou(face) >= AGREE
        if hit and face is not None:
            left.remove(face)
        yield detection.score, hit


def _curve(hits: Sequence[tuple[float, bool]], faces: int) -> tuple[tuple[int, float], ...]:
    """False alarms and share of faces found after each further false alarm; `hits` are in rising order of score."""
    points = []
    alarms = found = 0
    for _, hit in reversed(hits):
        if hit:
            found += 1
        else:
            points.append((alarms, found / faces))
            alarms += 1
    return (*points, (alarms, found / faces))


def _words(one_face: bool) -> str:
    if one_face:
        return "one face a photograph: where most detectors agree (at least two, IoU 0.4)"
    return "the faces that at least two detectors agree on (IoU 0.4); what one alone sees counts as a false alarm"
