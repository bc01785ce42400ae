"""Affine maps of pictures, boxes and points, and what of a box is seen."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage
from smiledet.lab.training.detector.pictures import Rows

Matrix = npt.NDArray[np.float64]
"""An affine map, (2, 3)."""


def placed(middle: npt.ArrayLike, zoom: float, turn: float, stretch: float, place: npt.ArrayLike) -> Matrix:
    """The affine map, (2, 3), that turns and resizes a picture and brings a point of it to a place."""
    angle = np.deg2rad(turn)
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([stretch, 1 / stretch])
    return np.column_stack([linear, np.asarray(place) - linear @ np.asarray(middle, np.float64)])


def warped(grey: GreyImage, matrix: Matrix, size: tuple[int, int], border: int) -> GreyImage:
    """A picture moved, of a size (width, height), averaged where it shrinks."""
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if zoom < 0.7:
        small = (max(1, round(grey.shape[1] * zoom)), max(1, round(grey.shape[0] * zoom)))
        own = np.array([grey.shape[1] / small[0], grey.shape[0] / small[1]])
        grey = np.asarray(cv2.resize(grey, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = np.column_stack([matrix[:, :2] * own, matrix[:, 2] + matrix[:, :2] @ ((own - 1) / 2)])
    return np.asarray(cv2.warpAffine(grey, matrix, size, borderMode=border), np.uint8)


def moved_points(points: npt.NDArray[Any], matrix: Matrix) -> Rows:
    """Points (…, 2) under an affine map."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def moved_boxes(boxes: Rows, matrix: Matrix) -> Rows:
    """Boxes (n, 4) under an affine map: about the ellipses inscribed in them, which hold what of a face is turned."""
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    middle = moved_points((boxes[:, 2:] + boxes[:, :2]) / 2, matrix)
    reach = np.sqrt((half**2) @ (matrix[:, :2].T ** 2))
    return np.asarray(np.concatenate([middle - reach, middle + reach], axis=1), np.float32)


def areas(boxes: Rows) -> npt.NDArray[np.float32]:
    """Of boxes (n, 4), in square pixels."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def inside(box: Rows, side: int) -> float:
    """Share of a box that lies in the scene."""
    sides = np.clip(box[2:], 0, side) - np.clip(box[:2], 0, side)
    return float(sides.prod() / max(1e-6, areas(box[None])[0]))


def contrast(grey: GreyImage, box: Rows) -> float:
    """Standard deviation of what a box frames, in grey levels."""
    left, top, right, bottom = (int(value) for value in np.rint(np.clip(box, 0, grey.shape[0])))
    piece = grey[top:bottom, left:right]
    return float(cv2.meanStdDev(piece)[1][0, 0]) if piece.size else 0.0


def share(mask: npt.NDArray[np.uint8], box: Rows) -> float:
    """How much of what of a box lies in the scene a mask covers, 0 to 1; 0 where nothing of it does."""
    left, top, right, bottom = (int(value) for value in np.rint(np.clip(box, 0, mask.shape[0])))
    piece = mask[top:bottom, left:right]
    return float(piece.mean()) / 255 if piece.size else 0.0
