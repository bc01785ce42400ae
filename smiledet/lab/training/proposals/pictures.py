"""Photographs in which it is known where the faces are, and where there might be some.

A network that is to say where Viola-Jones should look learns what Viola-Jones calls a face: the boxes are its own,
where something else speaks for them as well: dlib's detector, an annotation, or that the photograph is a crop of one
face. What only one of them sees is neither face nor background.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.haar import HaarDetector, HaarSettings
from smiledet.detection.detectors.hog import HogDetector
from smiledet.detection.search import scan, smallest_face
from smiledet.frame import Box, GreyImage
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.landmarks68 import read_annotated_faces
from smiledet.lab.datasets.splits import spread
from smiledet.lab.training.landmarks.boxes import AGREED, CROP_FACE, bounds
from smiledet.lab.training.recipe import ProposalRecipe

log = logging.getLogger(__name__)

SMALLEST = 0.15
"""Smallest face sought, in the photograph's shorter side."""

LARGEST_SIDE = 480
"""Side in pixels to which the photographs are shrunk before they are searched."""

KEPT_FACE = 80
"""Side in pixels to which the photographs' faces are shrunk when they are kept; all that is learnt is smaller."""


@dataclass(frozen=True, slots=True)
class FacePicture:
    """A photograph and what is known of its faces.

    Attributes:
        grey: Grey uint8 (height, width).
        faces: What are faces, in pixels of `grey`, framed as Viola-Jones does.
        doubtful: What might be.
    """

    grey: GreyImage
    faces: tuple[Box, ...]
    doubtful: tuple[Box, ...] = ()


class FaceFinder:
    """Decides what is a face. It belongs to one thread."""

    def __init__(self) -> None:
        self._sure = HaarDetector(HaarSettings(1.08, 4))
        self._faint = HaarDetector(HaarSettings(1.1, 1))
        self._other: FaceDetector = HogDetector(-0.2)

    def photograph(self, grey: GreyImage) -> FacePicture | None:
        """A whole photograph: a face is what both detectors see; None where there is none."""
        smallest = _smallest(grey)
        sure = _boxes(self._sure, grey, smallest)
        if not sure:
            return None
        others = _boxes(self._other, grey, max(smallest, round(0.85 * min(box.width for box in sure))))
        faces = [box for box in sure if _known(box, others)]
        return _kept(grey, faces, [*sure, *others, *_boxes(self._faint, grey, smallest)]) if faces else None

    def annotated(self, grey: GreyImage, around: Box) -> FacePicture | None:
        """A photograph of which one face is annotated: it is one where Viola-Jones sees it there.

        Args:
            grey: Grey uint8 (height, width).
            around: The bounds of the face's points, in pixels.
        """
        sure = _boxes(self._sure, grey, _smallest(grey))
        faces = [box for box in sure if box.iou(around) > AGREED]
        if not faces:
            return None
        return _kept(grey, faces[:1], [*sure, *_boxes(self._faint, grey, _smallest(grey))])

    def crop(self, grey: GreyImage) -> FacePicture | None:
        """A crop of one face: it is the only one that Viola-Jones sees."""
        if min(grey.shape) < 100:
            grey = np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
        found = _boxes(self._sure, grey, max(24, round(CROP_FACE * min(grey.shape))))
        return _kept(grey, found, []) if len(found) == 1 else None


def read_face_pictures(folder: Path, recipe: ProposalRecipe) -> tuple[list[FacePicture], list[FacePicture]]:
    """The photographs of a recipe, those without a sure face left out.

    Args:
        folder: What the recipe's paths are relative to.
        recipe: Names the sets.

    Returns:
        What is learnt from, of the sets' training splits and the annotated photographs; and what is measured on, of the
        test splits of the sets of whole photographs.

    Raises:
        UsageError: A set is missing or broken.
    """
    finder = FaceFinder()
    learnt: list[FacePicture | None] = []
    held_out: list[FacePicture | None] = []
    for data in recipe.photographs:
        for split, pictures in (("train", learnt), ("test", held_out)):
            count = recipe.count if split == "train" else min(recipe.count, recipe.measured)
            if count:
                pictures += [finder.photograph(grey) for grey, _ in _greys(_files(folder, data, split, count))]
    if recipe.annotated:
        for face in spread(read_annotated_faces(folder / recipe.annotated), recipe.count):
            around = bounds(face.points)
            learnt += [finder.annotated(grey, around.times(scale)) for grey, scale in _greys([face.image])]
    for data in recipe.crops:
        learnt += [finder.crop(grey) for grey, _ in _greys(_files(folder, data, "train", recipe.count))]
    found = [picture for picture in learnt if picture is not None]
    log.info("%d of %d photographs with %d faces", len(found), len(learnt), sum(len(each.faces) for each in found))
    return found, [picture for picture in held_out if picture is not None]


def _files(folder: Path, data: str, split: str, count: int) -> Sequence[Path]:
    layout, colon, path = data.partition(":")
    _, samples = read_samples(f"{layout}:{folder / path}" if colon else data)
    return [sample.image for sample in spread([each for each in samples if each.split == split], count)]


def _greys(paths: Sequence[Path]) -> Iterator[tuple[GreyImage, float]]:
    """The photographs that can be read, none larger than what is searched, and by how much they were shrunk."""
    for path in paths:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            scale = min(1.0, LARGEST_SIDE / max(grey.shape))
            yield _shrunk(np.asarray(grey, np.uint8), scale), scale


def _smallest(grey: GreyImage) -> int:
    return smallest_face(grey, SMALLEST)


def _boxes(detector: FaceDetector, grey: GreyImage, smallest: int) -> list[Box]:
    return [found.box for found in scan(detector, grey, max(detector.needs.smallest, smallest))]


def _known(box: Box, others: Sequence[Box]) -> bool:
    return any(box.iou(other) >= AGREED for other in others)


def _kept(grey: GreyImage, faces: Sequence[Box], all_boxes: Sequence[Box]) -> FacePicture:
    """The picture as it is kept: shrunk, since nothing of it is shown as large as it is."""
    scale = min(1.0, KEPT_FACE / min(box.width for box in faces))
    doubtful = [box for box in all_boxes if not _known(box, faces)]
    return FacePicture(
        _shrunk(grey, scale), tuple(box.times(scale) for box in faces), tuple(box.times(scale) for box in doubtful)
    )


def _shrunk(grey: GreyImage, scale: float) -> GreyImage:
    if scale >= 1:
        return grey
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
