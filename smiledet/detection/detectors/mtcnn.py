"""Multi-task cascaded convolutional networks: proposals, refined twice.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao: Joint face detection and alignment using multitask cascaded convolutional networks,
IEEE Signal Processing Letters 23 (2016); the detector of the seed paper on light-weight networks (its section III-C,
Figures 10 and 11). Weights and thresholds are those of the `mtcnn` package, 1.0.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import of_size
from smiledet.detection.detectors.mtcnn_networks import output_network, proposal_network, refining_network, weight_file
from smiledet.frame import Box, Detection, GreyImage

FRAMING = Framing(right=0.024, down=0.010, side=1.086)
"""Medians over 587 faces of GENKI-4K that MTCNN and Viola-Jones both find; spread 0.059, 0.036 and 0.088."""

Rows = npt.NDArray[np.float64]
"""Candidates, of shape (n, 5): left, top, right, bottom, score."""

CELL, STRIDE = 12, 2
"""What P-Net looks at, and how far apart, in pixels."""

BATCH = 64
"""Candidates that a refining network is shown at once. A photograph may have thousands: of a mosaic of 380 faces all at
once take 300 MB, 64 at a time 20, in the same time."""

PYRAMID_STEP = 0.709
"""From one size to the next: half the area."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which the networks' candidates go on, 0 to 1; the package's own by default.

    Attributes:
        proposed: Of P-Net.
        refined: Of R-Net.
        final: Of O-Net.
    """

    proposed: float = 0.6
    refined: float = 0.7
    final: float = 0.8


FOLLOWING = Thresholds(0.5, 0.5, 0.6)
"""To find a known face again."""

LABELLED = (Thresholds(), FOLLOWING, Thresholds(0.4, 0.3, 0.3))


class MtcnnDetector(FaceDetector):
    """MTCNN, run by OpenCV.

    Args:
        thresholds: See `Thresholds`.
        framing: Maps MTCNN's boxes to those reported; None reports them as they are.

    Raises:
        UsageError: The `mtcnn` package is not installed, or its files are damaged.
    """

    # Of 40 faces of GENKI-4K it finds all down to 24 pixels (Viola-Jones' framing), the smallest size tried.
    needs = Needs(window=24, rolls=())

    def __init__(self, thresholds: Thresholds | None = None, framing: Framing | None = FRAMING) -> None:
        self._propose = proposal_network()
        self._refiners = ((refining_network(), 24), (output_network(), 48))
        self._thresholds = thresholds or Thresholds()
        self._framing = framing

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`."""
        if min(image.shape) < min_size:
            return []
        rows = square(self._proposals(image, min_size, max_size))
        limits = (self._thresholds.refined, self._thresholds.final)
        for (network, side), limit in zip(self._refiners, limits, strict=True):
            if not len(rows):
                return []
            shifts, scores = _refine(network, image, rows, side)
            sides = rows[:, 2:4] - rows[:, :2] + 1
            rows = np.column_stack([rows[:, :4] + shifts * np.tile(sides, 2), scores[:, 1]])
            rows = rows[rows[:, 4] > limit]
            # The last time a box inside a larger one goes as well.
            rows = square(suppress(rows, 0.7)) if side == 24 else suppress(rows, 0.7, of_smaller=True)
        found = [Detection(framed(_box(row), self._framing), float(row[4])) for row in rows]
        return of_size(found, min_size, max_size)

    def _proposals(self, image: GreyImage, min_size: int, max_size: int | None) -> Rows:
        """P-Net's candidates at every size sought, pixels of `image`."""
        height, width = image.shape
        factor = 1.0 if self._framing is None else self._framing.side
        cell = smallest = min_size / factor  # MTCNN's own box of the smallest face
        largest = min(height, width) if max_size is None else min(height, width, max_size / factor)
        rows = [np.empty((0, 5))]
        while cell <= max(largest, smallest):
            scale = CELL / cell
            size = (max(CELL, round(width * scale)), max(CELL, round(height * scale)))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            boxes, scores = _run(self._propose, small[None, None])
            there = scores[0, 1] > self._thresholds.proposed
            down, right = np.nonzero(there)
            corner = STRIDE * np.column_stack([right, down])
            cells = np.column_stack([corner + 1, corner + CELL]) + boxes[0][:, there].T * (CELL - 1)
            cells *= np.tile([width / size[0], height / size[1]], 2)
            rows.append(suppress(np.column_stack([cells, scores[0, 1][there]]), 0.5))
            cell /= PYRAMID_STEP
        return suppress(np.concatenate(rows), 0.7)


def _run(network: Any, pictures: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Boxes and scores for pictures (n, 1, height, width)."""
    network.setInput((pictures.astype(np.float32) - 127.5) / 128)
    boxes, scores = network.forward(["box", "score"])
    return boxes, scores


def _refine(
    network: Any, image: GreyImage, rows: Rows, side: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What a refining network says of every candidate."""
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    answers = [_run(network, np.stack([cut_patch(image, row, side) for row in batch])[:, None]) for batch in batches]
    shifts, scores = zip(*answers, strict=True)
    return np.concatenate(shifts), np.concatenate(scores)


def cut_patch(image: GreyImage, row: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.uint8]:
    """What a candidate frames, as a square of `side` pixels; mid-grey where it leaves the picture.

    Larger faces are averaged down, which the package leaves out: with it 118 to 120 of 120 photographs of GENKI-4K are
    found, whatever sizes are sought, without it 116 to 119.
    """
    left, top, right, bottom = row[:4]
    factor = max(1, math.ceil((right - left) / side))
    across, down = (right - left) / (side * factor), (bottom - top) / (side * factor)
    # A pixel's value stands at its centre.
    matrix = np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(image, matrix, (side * factor, side * factor), flags=flags, borderValue=128)
    return np.asarray(cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def square(rows: Rows) -> Rows:
    """The candidates with their shorter sides grown about their centres to the longer ones."""
    centres = (rows[:, :2] + rows[:, 2:4]) / 2
    half = (rows[:, 2:4] - rows[:, :2]).max(axis=1, keepdims=True, initial=0) / 2
    return np.column_stack([centres - half, centres + half, rows[:, 4]])


def suppress(rows: Rows, overlap: float, of_smaller: bool = False) -> Rows:
    """The candidates, surest first, without those that lie over a surer one.

    Args:
        rows: The candidates.
        overlap: Largest overlap that is let stand, as a share of both areas together.
        of_smaller: As a share of the smaller area instead.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    areas = (rows[:, 2:4] - rows[:, :2]).prod(axis=1)
    left = np.arange(len(rows))
    kept = []
    while len(left):
        first, left = left[0], left[1:]
        kept.append(first)
        shared = np.minimum(rows[first, 2:4], rows[left, 2:4]) - np.maximum(rows[first, :2], rows[left, :2])
        both = shared.clip(min=0).prod(axis=1)
        whole = np.minimum(areas[first], areas[left]) if of_smaller else areas[first] + areas[left] - both
        left = left[both <= overlap * whole]
    return rows[kept]


def _box(row: npt.NDArray[np.float64]) -> Box:
    left, top, right, bottom = map(float, row[:4])
    return Box(left, top, right - left, bottom - top)


def _check() -> None:
    for network in ("pnet", "rnet", "onet"):
        weight_file(network)


DETECTOR = DetectorKind(
    scanning=lambda _: MtcnnDetector(),
    following=partial(MtcnnDetector, FOLLOWING),
    labelled=tuple(partial(MtcnnDetector, thresholds) for thresholds in LABELLED),
    raw=partial(MtcnnDetector, framing=None),
    check=_check,
)
