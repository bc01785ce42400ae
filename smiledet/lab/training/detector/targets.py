"""What each cell of the network's maps is to answer for a scene, and the loss.

A face is told by the few cells about its middle, on the map of its size (FCOS, section 3.2, with the sampling about
centres of its later editions). Scores: T.-Y. Lin and others, Focal loss for dense object detection, ICCV 2017. Boxes:
H. Rezatofighi and others, Generalized intersection over union, CVPR 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from smiledet.detection.detectors.fcos_network import ANSWERS, STRIDES
from smiledet.lab.training.detector.pictures import Rows
from smiledet.lab.training.detector.scenes import Scene

SIZES = ((0.0, 46.0), (38.0, 96.0), (80.0, 1e9))
"""Sides in pixels of the faces of each map; those near a limit are told by both."""

MIDDLE, RING = 0.16, 0.34
"""How far from a face's middle, along each axis in sides of the box, a cell is one of the face, and is neither."""

NEAREST = 0.56
"""The same in cells: what is at least one of a small face."""

BOX_WEIGHT, POINT_WEIGHT = 2.0, 1.0
"""Of a term of the loss against the scores'."""

UNKNOWN = -1.0
"""Of a cell that is not to be learnt; 1 face, 0 none."""


def targets(scene: Scene) -> npt.NDArray[np.float32]:
    """What the cells are to answer, float32 (cells, ANSWERS), map by map as `joined` has them.

    A score, then the middle of the box from the cell's, its sides and the points from the cell's middle, all in cells.
    """
    maps = [
        _map_targets(scene, scene.grey.shape[0] // stride, stride, *sizes)
        for stride, sizes in zip(STRIDES, SIZES, strict=True)
    ]
    return np.concatenate([cells.reshape(-1, ANSWERS) for cells in maps])


def _map_targets(scene: Scene, count: int, stride: int, low: float, high: float) -> npt.NDArray[np.float32]:
    cells = np.zeros((count, count, ANSWERS), np.float32)
    middles: npt.NDArray[np.float64] = np.arange(count, dtype=np.float64) + 0.5
    for box in scene.doubtful / stride:
        cells[_about(box, middles, 0.5)] = UNKNOWN, *[0] * (ANSWERS - 1)
    sides = np.sqrt((scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1))
    for index in np.argsort(-sides):  # smaller faces last: they stand before larger ones
        box, points = scene.boxes[index] / stride, scene.points[index] / stride
        if not 0.6 * low <= sides[index] <= 1.6 * high:
            continue
        ring = _about(box, middles, RING)
        cells[ring] = UNKNOWN, *[0] * (ANSWERS - 1)
        if low <= sides[index] <= high:
            own = _about(box, middles, MIDDLE)
            rows, columns = own
            shape = (rows.size, columns.size)
            x, y = np.broadcast_to(middles[columns], shape), np.broadcast_to(middles[rows], shape)
            (left, top), (right, bottom) = box[:2], box[2:]
            values = [np.ones(shape), (left + right) / 2 - x, (top + bottom) / 2 - y]
            values += [np.full(shape, right - left), np.full(shape, bottom - top)]
            for along, down in points:
                values += [along + 0.5 / stride - x, down + 0.5 / stride - y]
            cells[own] = np.stack(values, axis=-1)
    return cells


def _about(box: Rows, middles: npt.NDArray[np.float64], reach: float) -> tuple[Any, Any]:
    """The cells whose middles are so near to a box's middle, as an index of rows and columns."""
    (x, y), (width, height) = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    columns = np.flatnonzero(np.abs(middles - x) <= max(reach * width, NEAREST))
    rows = np.flatnonzero(np.abs(middles - y) <= max(reach * height, NEAREST))
    return rows[:, None], columns[None]


def loss(wanted: Any, answered: Any) -> Any:
    """The loss of a batch.

    Args:
        wanted: See `targets`, (n, cells, ANSWERS).
        answered: The network's, of the same shape: a logit, the middle, logarithms of the sides, the points.
    """
    label = wanted[..., 0]
    face = ops.cast(label > 0.5, "float32")
    faces = 1 + ops.sum(face)
    return (
        ops.sum(_focal(label, answered[..., 0]))
        + BOX_WEIGHT * ops.sum(face * _box_loss(wanted[..., 1:5], answered[..., 1:5]))
        + POINT_WEIGHT * ops.sum(face * _point_loss(wanted, answered[..., 5:]))
    ) / faces


def _focal(label: Any, logit: Any) -> Any:
    """The focal loss, gamma 2 and alpha 0.4, of the cells that are to be learnt."""
    face = ops.cast(label > 0.5, "float32")
    none = ops.cast(ops.abs(label) < 0.5, "float32")
    sure = ops.sigmoid(logit)
    return 4 * (0.4 * face * (1 - sure) ** 2 * ops.softplus(-logit) + 0.6 * none * sure**2 * ops.softplus(logit))


def _box_loss(wanted: Any, answered: Any) -> Any:
    """One less the generalised intersection over union."""
    sides = ops.exp(ops.clip(answered[..., 2:], -4, 5))
    theirs = ops.maximum(wanted[..., 2:4], 1e-3)
    ours_low, ours_high = answered[..., :2] - sides / 2, answered[..., :2] + sides / 2
    low, high = wanted[..., :2] - theirs / 2, wanted[..., :2] + theirs / 2
    shared = ops.prod(ops.maximum(0.0, ops.minimum(ours_high, high) - ops.maximum(ours_low, low)), axis=-1)
    union = ops.prod(sides, axis=-1) + ops.prod(theirs, axis=-1) - shared
    around = ops.prod(ops.maximum(ours_high, high) - ops.minimum(ours_low, low), axis=-1)
    return 1 - shared / (union + 1e-6) + (around - union) / (around + 1e-6)


def _point_loss(wanted: Any, answered: Any) -> Any:
    """Smooth L1 of the points' errors in sides of the face, its bend at a twentieth, summed over the points."""
    side = ops.sqrt(ops.maximum(ops.prod(wanted[..., 3:5], axis=-1, keepdims=True), 1e-4))
    apart = ops.abs(wanted[..., 5:] - answered) / side
    return ops.sum(ops.where(apart < 0.05, 10 * apart**2, apart - 0.025), axis=-1)
