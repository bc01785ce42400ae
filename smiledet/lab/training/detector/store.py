"""Pictures in one file, so that a training that goes on need not find their faces again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smiledet.lab.training.detector.pictures import FacePicture


def save(pictures: Sequence[FacePicture], path: Path) -> None:
    """Write pictures to an `.npz` file; it is never half there."""
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        pixels=np.concatenate([picture.grey.ravel() for picture in pictures]),
        shapes=np.array([picture.grey.shape for picture in pictures]),
        counts=np.array([(len(picture.boxes), len(picture.doubtful)) for picture in pictures]),
        boxes=np.concatenate([picture.boxes for picture in pictures]),
        points=np.concatenate([picture.points for picture in pictures]),
        doubtful=np.concatenate([picture.doubtful for picture in pictures]),
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
