"""What the landmark teacher is shown: a face cut out of its photograph, and cut again in a thousand other ways.

A thousand annotated faces are few, so hardly a cut is shown twice: the box is placed as Viola-Jones would place it or
by the points themselves, then turned, stretched and mirrored, lit from somewhere, blurred, or partly covered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.similarity import fit_similarity, transform
from smiledet.alignment.template import INNER, MIRRORED
from smiledet.frame import Box, GreyImage, Matrix, Points
from smiledet.training.boxes import BoxSpread, FramedFace

VIEW_SIDE = 96
"""Side of the pictures that the teacher sees, in pixels."""

BOX_SIDE = 72
"""Side of the face box inside such a picture, centred: chin and ears stand out of Viola-Jones' box."""

SHARE_OF_BOXES = 0.6
"""Share of the views that start from a box; the others, from the points, are what a second look will be like."""

COARSE = 0.6
"""Scale below which the photograph is halved first, so that the warp skips no pixels."""


def placed(template: Points) -> Points:
    """Points in face boxes, (n, 2), as they lie in a view."""
    inside: Points = template * BOX_SIDE + (VIEW_SIDE - BOX_SIDE) / 2
    return inside


def map_of_box(box: Box) -> Matrix:
    """The 2x3 map from the photograph to a view of the face in `box`."""
    scale = BOX_SIDE / box.width
    x, y = box.centre
    return np.array([[scale, 0.0, VIEW_SIDE / 2 - scale * x], [0.0, scale, VIEW_SIDE / 2 - scale * y]])


def map_of_points(points: Points, template: Points) -> Matrix:
    """The 2x3 similarity from the photograph to the view in which brows, eyes, nose and mouth lie as the template's.

    Args:
        points: (68, 2), pixels of the photograph.
        template: (68, 2), face boxes.
    """
    return fit_similarity(points[INNER], placed(template[INNER]))


def cut_view(image: GreyImage, matrix: Matrix) -> GreyImage:
    """Warp a view out of a photograph: grey uint8 (VIEW_SIDE, VIEW_SIDE)."""
    matrix = matrix.copy()
    while math.hypot(matrix[0, 0], matrix[1, 0]) < COARSE and min(image.shape) > 2:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5)
        matrix[:, :2] *= 2
    view = cv2.warpAffine(
        image, matrix, (VIEW_SIDE, VIEW_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(view, np.uint8)


def mirrored_points(points: Points) -> Points:
    """Points of a view, (68, 2), as its mirror image has them."""
    flipped: Points = points[MIRRORED].copy()
    flipped[:, 0] = VIEW_SIDE - 1 - flipped[:, 0]
    return flipped


def random_map(face: FramedFace, template: Points, spread: BoxSpread, generator: np.random.Generator) -> Matrix:
    """The 2x3 map to a view such as the teacher may get, or worse: from a box or from points that are nearly right."""
    if generator.random() < SHARE_OF_BOXES:
        own = face.box if generator.random() < 0.4 else None
        matrix = map_of_box(own or spread.draw(face.points, generator))
        turn, zoom, shift = 12.0, 0.06, 2.0
    else:
        matrix = map_of_points(face.points, template)
        turn, zoom, shift = 5.0, 0.03, 1.0
    angle, scale = math.radians(generator.normal(0, turn)), math.exp(generator.normal(0, zoom))
    stretch, shear = math.exp(generator.normal(0, 0.05)), generator.normal(0, 0.04)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    centre = np.array([VIEW_SIDE / 2, VIEW_SIDE / 2])
    moved = linear @ matrix
    moved[:, 2] += centre - linear @ centre + generator.normal(0, shift, 2)
    return np.asarray(moved)


def worn(view: npt.NDArray[np.float32], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """A view, float32 0 to 255, as a worse camera in other light would have taken it."""
    chance = generator.random(5)
    if chance[0] < 0.3:
        side = int(generator.uniform(32, 80))
        small = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)
        view = np.asarray(cv2.resize(small, (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_LINEAR), np.float32)
    elif chance[0] < 0.4:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), generator.uniform(0.5, 1.6)), np.float32)
    if chance[1] < 0.3:
        slope = np.linspace(-1, 1, VIEW_SIDE, dtype=np.float32)
        across, down = generator.uniform(-35, 35, 2)
        view = view + np.float32(across) * slope + np.float32(down) * slope[:, None]
    mean = view.mean()
    view = (view - mean) * np.float32(generator.uniform(0.6, 1.4)) + np.float32(mean + generator.normal(0, 18))
    if chance[2] < 0.35:
        width, height = generator.integers(8, 36, 2)
        x, y = generator.integers(0, VIEW_SIDE - width), generator.integers(0, VIEW_SIDE - height)
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
        float32 (VIEW_SIDE, VIEW_SIDE) 0 to 255, and (68, 2) pixels of the view.
    """
    matrix = random_map(face, template, spread, generator)
    view, points = cut_view(face.image, matrix), transform(matrix, face.points)
    if generator.random() < 0.5:
        view, points = np.ascontiguousarray(view[:, ::-1]), mirrored_points(points)
    return worn(view.astype(np.float32), generator), points


def random_views(
    faces: Sequence[FramedFace], template: Points, spread: BoxSpread, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A view of each face: float32 (n, VIEW_SIDE, VIEW_SIDE, 1), and points float32 (n, 136) in views, -0.5 to 0.5."""
    views, points = zip(*(random_view(face, template, spread, generator) for face in faces), strict=True)
    targets = np.stack(points).reshape(len(points), -1) / VIEW_SIDE - 0.5
    return np.stack(views)[..., None], targets.astype(np.float32)
