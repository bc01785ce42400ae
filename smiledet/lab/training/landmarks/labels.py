"""Faces that nobody has annotated, their points named by the teacher.

Only faces from which the trees can start at run time count, those that Viola-Jones frames, and only those of which the
teacher is sure: it says the same of their mirror images, and the same again at a second look.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from smiledet.detection.detectors.haar import HaarDetector, HaarSettings
from smiledet.frame import Box, GreyImage
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.datasets.splits import spread
from smiledet.lab.training.landmarks.boxes import CROP_FACE, FramedFace, frames
from smiledet.lab.training.landmarks.teacher import LandmarkTeacher
from smiledet.lab.training.recipe import LandmarkTeacherRecipe

log = logging.getLogger(__name__)

SMALLEST_FACE = 48
"""Side in pixels of the smallest face sought in a photograph: smaller ones show the trees less than they read."""

CROP_EDGE = 0.24
"""By how much crops are widened, in shorter sides, so that Viola-Jones' box has room about the face."""

SMALL_CROP = 100
"""Crops whose shorter side is under so many pixels are doubled."""


def unlabelled_faces(data: str, folder: Path, count: int) -> Iterator[tuple[GreyImage, Box]]:
    """The faces that Viola-Jones finds in the training split of a set: all in a photograph, the surest in a crop.

    Args:
        data: LAYOUT:PATH.
        folder: What the path is relative to.
        count: Photographs taken at most, evenly spread over the set; 0 for all.

    Yields:
        The photograph, grey uint8, and the face's box in it.

    Raises:
        UsageError: The set is missing or broken.
    """
    layout, colon, path = data.partition(":")
    _, samples = read_samples(f"{layout}:{folder / path}" if colon else data)
    learnt = [sample for sample in samples if sample.split == "train"]
    detector = HaarDetector(HaarSettings(1.05, 3))
    for sample in spread(learnt, count) if count else learnt:
        image = cv2.imread(str(sample.image), cv2.IMREAD_GRAYSCALE)
        if image is not None:
            yield from _faces(np.asarray(image, np.uint8), sample, detector)


def _faces(grey: GreyImage, sample: Sample, detector: HaarDetector) -> Iterator[tuple[GreyImage, Box]]:
    if sample.located is None:
        for found in detector.detect(grey, SMALLEST_FACE):
            yield grey, found.box
        return
    if min(grey.shape) < SMALL_CROP:
        grey = np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    edge = round(CROP_EDGE * min(grey.shape))
    wide = np.asarray(cv2.copyMakeBorder(grey, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)
    for found in detector.detect(wide, round(CROP_FACE * min(grey.shape)))[:1]:
        yield wide, found.box


def label_faces(folder: Path, recipe: LandmarkTeacherRecipe, teacher: LandmarkTeacher) -> list[FramedFace]:
    """The unlabelled faces of a recipe whose points the teacher is sure of.

    Args:
        folder: What the recipe's paths are relative to.
        recipe: Names the sets.
        teacher: Names the points.

    Raises:
        UsageError: A set is missing or broken.
    """
    kept: list[FramedFace] = []
    for data in recipe.unlabelled:
        found = list(unlabelled_faces(data, folder, recipe.faces))
        if not found:
            continue
        images, boxes = [image for image, _ in found], [box for _, box in found]
        labelled = [
            FramedFace(image, points, box)
            for image, box, points, doubt in zip(images, boxes, *teacher.place(images, boxes), strict=True)
            if doubt < recipe.doubt and frames(box, points)
        ]
        log.info("%s: the teacher is sure of %d of %d faces", data, len(labelled), len(found))
        kept += labelled
    return kept
