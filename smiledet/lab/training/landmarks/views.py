"""What the landmark networks learn from: a face cut out of its photograph, and cut again in a thousand other ways.

A thousand annotated faces are few, so hardly a cut is shown twice: the box is placed as Viola-Jones would place it or
by the points themselves, as the trees or a look before would find them, then turned, stretched and mirrored, lit from
somewhere, blurred, or partly covered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.chips import box_map, chip_map, cut_chip
from smiledet.alignment.landmark_refiner import VIEW, MeanFace
from smiledet.alignment.similarity import transform
from smiledet.alignment.template import MIRRORED
from smiledet.frame import Matrix, Points
from smiledet.lab.training.landmarks.boxes import BoxSpread, FramedFace

SHARE_OF_BOXES = 0.6
"""Share of the views that start from a box; the others, from the points, are what a second look will be like."""


def mirrored_points(points: Points) -> Points:
    """Points of a view, (68, 2), as its mirror image has them."""
    flipped: Points = points[MIRRORED].copy()
    flipped[:, 0] = VIEW.size - 1 - flipped[:, 0]
    return flipped


def random_map(face: FramedFace, template: Points, spread: BoxSpread, generator: np.random.Generator) -> Matrix:
    """The 2x3 map from the photograph to face boxes of a view such as a network may get, or worse.

    From a box, or from points that are nearly right.
    """
    matrix = None if generator.random() < SHARE_OF_BOXES else MeanFace(template).view_of(face.points)
    if matrix is None:
        own = face.box if generator.random() < 0.4 else None
        matrix = box_map(own or spread.draw(face.points, generator))
        turn, zoom, shift = 12.0, 0.06, 0.028
    else:
        turn, zoom, shift = 5.0, 0.03, 0.014
    angle, scale = math.radians(generator.normal(0, turn)), math.exp(generator.normal(0, zoom))
    stretch, shear = math.exp(generator.normal(0, 0.05)), generator.normal(0, 0.04)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    centre = np.array([0.5, 0.5])
    moved = linear @ matrix
    moved[:, 2] += centre - linear @ centre + generator.normal(0, shift, 2)
    return np.asarray(moved)


def worn(view: npt.NDArray[np.float32], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """A view, float32 0 to 255, as a worse camera in other light would have taken it."""
    chance = generator.random(5)
    if chance[0] < 0.3:
        side = int(generator.uniform(32, 80))
        small = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)
        view = np.asarray(cv2.resize(small, (VIEW.size, VIEW.size), interpolation=cv2.INTER_LINEAR), np.float32)
    elif chance[0] < 0.4:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), generator.uniform(0.5, 1.6)), np.float32)
    if chance[1] < 0.3:
        slope = np.linspace(-1, 1, VIEW.size, dtype=np.float32)
        across, down = generator.uniform(-35, 35, 2)
        view = view + np.float32(across) * slope + np.float32(down) * slope[:, None]
    mean = view.mean()
    view = (view - mean) * np.float32(generator.uniform(0.6, 1.4)) + np.float32(mean + generator.normal(0, 18))
    if chance[2] < 0.35:
        width, height = generator.integers(8, 36, 2)
        x, y = generator.integers(0, VIEW.size - width), generator.integers(0, VIEW.size - height)
        covered = view[y : y + height, x : x + width]
        covered[:] = generator.uniform(0, 255) if chance[3] < 0.5 else covered[::-1, ::-1].copy()
    if chance[4] < 0.3:
        view = view + generator.normal(0, generator.uniform(2, 8), view.shape).astype(np.float32)
    return np.clip(view, 0, 255)


def random_view(
    face: FramedFace, template: Points, spread: BoxSpread, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float32], Points]:
    """A view to learn from, and its points.

    Returns:
        float32 (VIEW.size, VIEW.size) 0 to 255, and (68, 2) pixels of the view.
    """
    matrix = random_map(face, template, spread, generator)
    view, points = cut_chip(face.image, matrix, VIEW), transform(chip_map(matrix, VIEW), face.points)
    if generator.random() < 0.5:
        view, points = np.ascontiguousarray(view[:, ::-1]), mirrored_points(points)
    return worn(view.astype(np.float32), generator), points


def random_views(
    faces: Sequence[FramedFace], template: Points, spread: BoxSpread, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A view of each face: float32 (n, VIEW.size, VIEW.size, 1), and what a network should answer, float32 (n, 136)."""
    views, points = zip(*(random_view(face, template, spread, generator) for face in faces), strict=True)
    mean_face = MeanFace(template)
    return np.stack(views)[..., None], np.stack([mean_face.answer(each) for each in points])
