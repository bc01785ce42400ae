"""The sets that a recipe of the detector names, read as pictures whose faces are known."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from smiledet.errors import UsageError
from smiledet.frame import Image
from smiledet.lab.datasets.base import images_in, read_samples, unpacked
from smiledet.lab.datasets.landmarks68 import read_annotated_faces
from smiledet.lab.datasets.splits import spread
from smiledet.lab.progress import progress
from smiledet.lab.training.detector.pictures import FacePicture, Teacher
from smiledet.lab.training.recipe import DetectorRecipe

log = logging.getLogger(__name__)

LONGEST = 480
"""Longer side in pixels to which pictures are shrunk: the teacher sees no face much wider than 300."""

LARGE = 640
"""Longer side in pixels to which pictures without faces are shrunk, of which pieces are cut."""


def read_pictures(folder: Path, recipe: DetectorRecipe) -> tuple[list[FacePicture], list[FacePicture]]:
    """The pictures of a recipe: what is learnt from, and whole photographs to measure on.

    Args:
        folder: What the recipe's paths are relative to.
        recipe: Names the sets.

    Raises:
        UsageError: A set or the teacher is missing or broken.
    """
    teacher = Teacher(folder / recipe.teacher)
    learnt: list[FacePicture | None] = []
    held_out: list[FacePicture | None] = []
    for data in recipe.photographs:
        layout, _, path = data.partition(":")
        samples = spread(read_samples(f"{layout}:{folder / path}")[1], recipe.count)
        for sample in progress(samples, layout):
            if (image := read(sample.image, LONGEST)) is not None:
                (learnt if sample.split == "train" else held_out).append(teacher.photograph(image))
    if recipe.annotated:
        for number, face in enumerate(spread(read_annotated_faces(folder / recipe.annotated), recipe.count)):
            image = cv2.imread(str(face.image))
            if image is not None:
                scale = min(1.0, LONGEST / max(image.shape))
                picture = teacher.annotated(shrunk(np.asarray(image, np.uint8), scale), face, scale)
                (held_out if is_held_out(number) else learnt).append(picture)
    for path in recipe.crops:
        files = spread(images_in(unpacked(folder / path)), recipe.count)
        learnt += [teacher.crop(image) for image in _images(files, LONGEST, path)]
    for path in recipe.clips:
        learnt += [teacher.photograph(frame) for frame in frames(folder / path, recipe.frames)]
    for path in recipe.faceless:
        files = spread(images_in(unpacked(folder / path)), recipe.count)
        learnt += [teacher.faceless(image) for image in _images(files, LARGE, path)]
    found = [picture for picture in learnt if picture is not None]
    log.info("%d of %d pictures with %d faces", len(found), len(learnt), sum(len(each.boxes) for each in found))
    return found, [picture for picture in held_out if picture is not None]


def is_held_out(number: int) -> bool:
    """Whether an annotated face, counted in the order of its set, is measured on and not learnt from: each third."""
    return number % 3 == 2


def read(path: Path, longest: int) -> Image | None:
    """A picture in colour, shrunk to a longer side; on grey where it is transparent; None where it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        image = cv2.imread(str(path))
    if image is None:
        return None
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 4:
        opaque = image[..., 3:].astype(np.float32) / 255
        image = (image[..., :3] * opaque + 128 * (1 - opaque)).astype(np.uint8)
    return shrunk(np.asarray(image[..., :3], np.uint8), min(1.0, longest / max(image.shape)))


def _images(files: Sequence[Path], longest: int, what: str) -> Iterator[Image]:
    for path in progress(files, what):
        image = read(path, longest)
        if image is not None and min(image.shape[:2]) >= 32:
            yield image


def frames(path: Path, count: int) -> Iterator[Image]:
    """So many frames of a clip, evenly spread.

    Raises:
        UsageError: The clip cannot be read.
    """
    clip = cv2.VideoCapture(str(path))
    total = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
    if total < 1:
        raise UsageError(f"cannot read the clip {path}")
    wanted = set(spread(range(total), count))
    for number in range(total):
        there, frame = clip.read()
        if not there:
            break
        if number in wanted:
            yield shrunk(np.asarray(frame, np.uint8), min(1.0, LONGEST / max(frame.shape)))
    clip.release()


def shrunk(image: Image, scale: float) -> Image:
    """The picture at a scale; none is enlarged."""
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
