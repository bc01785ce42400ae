"""Photographs with 68 iBUG points each: `<name>.jpg` beside `<name>.pts`, in any depth of folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smiledet.alignment.template import POINT_COUNT
from smiledet.errors import UsageError
from smiledet.frame import Points
from smiledet.lab.datasets.base import images_in, unpacked


@dataclass(frozen=True, slots=True)
class AnnotatedFace:
    """One annotated face.

    Attributes:
        image: The file.
        points: (68, 2) float64, 0-based pixels of the picture.
    """

    image: Path
    points: Points


def read_points(path: Path) -> Points:
    """The points of an iBUG `.pts` file, (68, 2) float64 in pixels as they stand there.

    Raises:
        UsageError: The file does not hold 68 points.
    """
    try:
        body = path.read_text().partition("{")[2].partition("}")[0]
        points = np.array([line.split() for line in body.strip().splitlines()], dtype=np.float64)
    except (OSError, ValueError) as problem:
        raise UsageError(f"{path} is no .pts file: {problem}") from problem
    if points.shape != (POINT_COUNT, 2):
        raise UsageError(f"{path} holds points of shape {points.shape}, expected ({POINT_COUNT}, 2)")
    if not np.isfinite(points).all():
        raise UsageError(f"{path} holds points that are no numbers")
    return points


def read_annotated_faces(root: Path) -> list[AnnotatedFace]:
    """Every picture under a folder (or in a `.tar.gz`) that has a `.pts` file beside it, sorted by path.

    Raises:
        UsageError: There are none, or one is broken.
    """
    folder = unpacked(root.expanduser())
    faces = [
        AnnotatedFace(image, read_points(image.with_suffix(".pts")))
        for image in images_in(folder)
        if image.with_suffix(".pts").is_file()
    ]
    if not faces:
        raise UsageError(f"no annotated faces under {folder}: expected NAME.jpg beside NAME.pts")
    return faces
