"""An anchor-free network of this project's own that sees faces of all sizes in one pass, and five points of each.

Z. Tian, C. Shen, H. Chen, T. He: FCOS: fully convolutional one-stage object detection, ICCV 2019; as small as YuNet.
Every cell of three maps says whether it is the middle of a face, and where the face's box and points lie from there.
Trained by `smiledet train detector`; see `smiledet.detection.detectors.fcos_network` for how it runs.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.fcos_network import ANSWERS, FcosNetwork, Rows
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import of_size
from smiledet.frame import Box, Detection, GreyImage

FRAMING = Framing(right=-0.003, down=0.0, side=1.026)
"""Of YuNet, which taught the network what a box is."""

SCORE, FAINT = 0.5, 0.3
"""Scores from which a box is a face, 0 to 1: in general, and where something is known to be there."""

OVERLAP = 0.35
"""Intersection over union from which two boxes are one face."""

LARGE_FACES = 320
"""Longer side in pixels to which a larger picture is shrunk for a second search: no face is learnt that is wider."""

TWICE_FROM = 400
"""Longer side from which that second search is made."""

LARGEST, LEAST = 320.0, 190.0
"""Sides of the largest faces that the first search is believed, and of the smallest that the second is, in pixels."""

BELIEVED = 0.65
"""Share of the size asked for from which a box is believed: the network is taught faces of 14 pixels and more, and the
boxes of faces of 20 pixels differ from their true size by a fifth."""

MOST = 5000
"""Boxes that are looked at further, the surest: a picture of noise must not cost seconds."""


def suppressed(rows: Rows, score: float, overlap: float = OVERLAP) -> Rows:
    """The candidates that are faces of their own, surest first.

    One that lies over a surer one is dropped; one that shares a part of its area with a surer one loses that part of
    its score: half a face, or a face and a shoulder, may look like another. N. Bodla and others: Soft-NMS, improving
    object detection with one line of code, ICCV 2017, with the share of the smaller box in place of the intersection
    over union, since a nose in a face is small.

    Args:
        rows: The candidates; their scores are changed in place.
        score: The least that has to be left.
        overlap: Intersection over union from which two are one face.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:MOST]]
    if not len(rows):
        return rows
    boxes = np.concatenate([rows[:, :2], rows[:, 2:4] - rows[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), 0.0, overlap)
    rows = rows[np.sort(np.asarray(kept, int).ravel())]
    areas = (rows[:, 2:4] - rows[:, :2]).prod(axis=1)
    alone = np.ones(len(rows), np.float32)
    for number in range(len(rows) - 1):
        later = slice(number + 1, None)
        if rows[number, 4] * alone[number] >= score:
            shared = np.minimum(rows[number, 2:4], rows[later, 2:4]) - np.maximum(rows[number, :2], rows[later, :2])
            alone[later] *= 1 - shared.clip(min=0).prod(axis=1) / np.minimum(areas[number], areas[later])
    rows[:, 4] *= alone
    rows = rows[rows[:, 4] >= score]
    return np.asarray(rows[np.argsort(-rows[:, 4], kind="stable")])


class FcosDetector(FaceDetector):
    """The network on a grey picture.

    Args:
        file: The network.
        score: From which a box is a face, 0 to 1.
        framing: Maps the network's boxes to those reported; None reports them as they are.

    Raises:
        ModelError: The file is missing or no such network.
    """

    needs = Needs(window=24, rolls=())

    def __init__(self, file: Path, score: float = SCORE, framing: Framing | None = FRAMING) -> None:
        self._network = FcosNetwork(file)
        self._score = score
        self._framing = framing

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`."""
        found = [
            Detection(framed(_box(row), self._framing), float(row[4])) for row in self.rows(image, min_size, max_size)
        ]
        return of_size(found, min_size, max_size, BELIEVED)

    def rows(self, image: GreyImage, min_size: int = 1, max_size: int | None = None) -> Rows:
        """The faces of about these sizes, with their points."""
        if min(image.shape) < min_size:
            return np.empty((0, ANSWERS), np.float32)
        rows = self._network.candidates(image, self._score)
        rows = rows[_sides(rows) <= LARGEST]
        scale = LARGE_FACES / max(image.shape)
        if max(image.shape) > TWICE_FROM and max_size is None:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            large = self._network.candidates(small, self._score)
            back = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
            large[:, :4] *= np.tile(back, 2)
            large[:, 5:] = (large[:, 5:] + 0.5) * np.tile(back, 5) - 0.5
            rows = np.concatenate([rows, large[_sides(large) >= LEAST]])
        return suppressed(rows, self._score)


def _sides(rows: Rows) -> Any:
    return np.sqrt((rows[:, 2:4] - rows[:, :2]).prod(axis=1))


def _box(row: Rows) -> Box:
    left, top, right, bottom = map(float, row[:4])
    return Box(left, top, right - left, bottom - top)


def detector_of(file: Path) -> DetectorKind:
    """The detector of a file that `smiledet train detector` wrote."""
    return DetectorKind(
        scanning=lambda _: FcosDetector(file),
        following=partial(FcosDetector, file, FAINT),
        labelled=(partial(FcosDetector, file), partial(FcosDetector, file, FAINT)),
        raw=partial(FcosDetector, file, framing=None),
        check=partial(FcosNetwork, file),
    )
