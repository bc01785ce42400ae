"""Pieces of photographs drawn into a scene."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage
from smiledet.lab.training.detector.geometry import Matrix, moved_points, warped
from smiledet.lab.training.detector.pictures import FacePicture, Rows
from smiledet.lab.training.faces.occlusions import OCCLUSIONS

OCCLUDED = 0.12
"""Share of the pasted faces over which something is drawn."""


def occluded(picture: FacePicture, generator: np.random.Generator) -> GreyImage:
    """The picture, now and then with something drawn over its faces."""
    if generator.random() >= OCCLUDED:
        return picture.grey
    grey = np.array(picture.grey, np.uint8)
    draw = list(OCCLUSIONS.values())[int(generator.integers(len(OCCLUSIONS)))]
    for points in picture.points:
        draw(grey, points, generator)
    return grey


def piece(
    picture: FacePicture, box: Rows, generator: np.random.Generator, whole: bool
) -> tuple[tuple[slice, slice], GreyImage]:
    """What is shown of a picture: rows and columns, and how far each pixel there is, 0 to 255."""
    height, width = picture.grey.shape
    left, top, right, bottom = 0, 0, width, height
    round_one = False
    if not whole or picture.crop:
        kind = generator.random()
        round_one = kind < 0.3
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        reach = half * (1.6 if round_one else generator.uniform(1.2, 2.4, 2))
        if kind < 0.7:
            left, top = (int(value) for value in np.maximum(0, middle - reach))
            right, bottom = (int(value) for value in np.minimum(np.ceil(middle + reach), (width, height)))
    fill = np.full((max(1, bottom - top), max(1, right - left)), 255, np.uint8)
    if round_one:
        fill[:] = 0
        centre, axes = tuple(map(int, middle - (left, top))), tuple(map(int, half * generator.uniform(1.1, 1.4)))
        cv2.ellipse(fill, centre, axes, 0, 0, 360, 255, -1)
        fill = np.asarray(cv2.blur(fill, (max(1, int(0.25 * half[0])),) * 2), np.uint8)
        fill[:1] = fill[-1:] = fill[:, :1] = fill[:, -1:] = 0
    return (slice(top, top + fill.shape[0]), slice(left, left + fill.shape[1])), fill


def from_corner(matrix: Matrix, corner: tuple[int, int]) -> Matrix:
    """The map of a picture's piece that begins at a corner, (x, y)."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ corner])


def blend(scene: GreyImage, grey: GreyImage, fill: GreyImage, matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Draw a piece into a scene, changed in place; returns how far each of its pixels is covered, 0 to 255."""
    side = scene.shape[0]
    height, width = grey.shape
    corners = moved_points(np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32), matrix)
    left, top = (int(value) for value in np.clip(corners.min(axis=0) - 1, 0, side))
    right, bottom = (int(value) for value in np.clip(np.ceil(corners.max(axis=0)) + 1, 0, side))
    covered = np.zeros((side, side), np.uint8)
    if right > left and bottom > top:
        size, there = (right - left, bottom - top), (slice(top, bottom), slice(left, right))
        shifted = np.column_stack([matrix[:, :2], matrix[:, 2] - (left, top)])
        drawn = warped(grey, shifted, size, cv2.BORDER_REPLICATE).astype(np.int32)
        mask = warped(fill, shifted, size, cv2.BORDER_CONSTANT)
        covered[there] = mask
        scene[there] += ((drawn - scene[there]) * mask.astype(np.int32) // 255).astype(np.uint8)
    return covered
