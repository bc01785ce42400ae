"""Pictures in one file, so that a training that goes on need not find their faces again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smiledet.lab.training.detector.pictures import FacePicture
from smiledet.lab.training.detector.sets import read_pictures
from smiledet.lab.training.recipe import DetectorRecipe

KEPT = ("pictures.npz", "held-out.npz")
"""In a run's folder."""


def kept_pictures(output: Path, folder: Path, recipe: DetectorRecipe) -> tuple[list[FacePicture], list[FacePicture]]:
    """What is learnt from and what is measured on: as a run's folder has it, or else found now and kept there.

    Args:
        output: The run's folder.
        folder: What the recipe's paths are relative to.
        recipe: See `read_pictures`.
    """
    files = [output / name for name in KEPT]
    if not all(file.is_file() for file in files):
        for pictures, file in zip(read_pictures(folder, recipe), files, strict=True):
            save(pictures, file)
    learnt, held_out = (load(file) for file in files)
    return learnt, held_out


def save(pictures: Sequence[FacePicture], path: Path) -> None:
    """Write pictures to an `.npz` file; it is never half there."""
    partial = path.with_suffix(".partial.npz")
    empty = np.empty((0, 4), np.float32)
    none = FacePicture(np.empty((0, 0), np.uint8), empty, np.empty((0, 5, 2), np.float32), empty)
    every = [*pictures, none]
    np.savez(
        partial,
        pixels=np.concatenate([picture.grey.ravel() for picture in every]),
        shapes=np.array([picture.grey.shape for picture in pictures]).reshape(-1, 2),
        counts=np.array([(len(picture.boxes), len(picture.doubtful)) for picture in pictures]).reshape(-1, 2),
        boxes=np.concatenate([picture.boxes for picture in every]),
        points=np.concatenate([picture.points for picture in every]),
        doubtful=np.concatenate([picture.doubtful for picture in every]),
        crops=np.array([picture.crop for picture in pictures]),
    )
    partial.replace(path)


def load(path: Path) -> list[FacePicture]:
    """What `save` wrote."""
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    pictures = []
    pixel = face = doubt = 0
    for (height, width), (faces, doubts), crop in zip(arrays["shapes"], arrays["counts"], arrays["crops"], strict=True):
        grey = arrays["pixels"][pixel : pixel + height * width].reshape(height, width)
        boxes, points = arrays["boxes"][face : face + faces], arrays["points"][face : face + faces]
        pictures.append(FacePicture(grey, boxes, points, arrays["doubtful"][doubt : doubt + doubts], bool(crop)))
        pixel, face, doubt = pixel + height * width, face + faces, doubt + doubts
    return pictures
