"""An anchor-free network of this project's own that sees faces of all sizes in one pass, and five points of each.

Z. Tian, C. Shen, H. Chen, T. He: FCOS: fully convolutional one-stage object detection, ICCV 2019; as small as YuNet.
Every cell of three maps says whether it is the middle of a face, and where the face's box and points lie from there.
Trained by `smiledet train detector`, run by OpenCV, like the other networks that find faces.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import of_size
from smiledet.errors import ModelError
from smiledet.frame import Box, Detection, GreyImage

STRIDES = (8, 16, 32)
"""Pixels from cell to cell of the three maps."""

ANSWERS = 15
"""Of a cell: a logit, where the middle of the box lies, logarithms of its sides, five points; in cells, from it."""

INPUT = "pixels"
OUTPUTS = ("eighth", "sixteenth", "thirtysecond")
"""Names in the file."""

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

WITHIN = 0.6
"""Share of the smaller of two boxes from which both are one face: a face's eye or half of it may look like another."""

SMALLEST_INPUT = 64
"""Sides below this are padded."""

MOST = 5000
"""Boxes that are looked at further, the surest: a picture of noise must not cost seconds."""

Rows = npt.NDArray[np.float32]
"""Candidates, (n, 15): left, top, right, bottom, score and five points, x and y in turn: the eyes, the nose's tip, the
mouth's corners, left in the picture first."""


class FcosNetwork:
    """The network in OpenCV's engine. It belongs to one thread.

    Args:
        path: The ONNX file.

    Raises:
        ModelError: It is missing or no such network.
    """

    def __init__(self, path: Path) -> None:
        try:
            # From memory: OpenCV cannot open every path there is on Windows.
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
            self.candidates(np.zeros((SMALLEST_INPUT, SMALLEST_INPUT), np.uint8), FAINT)
        except (OSError, cv2.error, ValueError) as problem:
            reason = str(getattr(problem, "err", None) or problem).strip().splitlines()[0]
            raise ModelError(f"detector fcos: {path} is no such network: {reason}") from problem

    def candidates(self, grey: GreyImage, score: float) -> Rows:
        """What may be a face, several times over.

        Args:
            grey: Grey uint8 (height, width).
            score: The least, above 0 and below 1.
        """
        below, beside = (max(SMALLEST_INPUT, -(-side // STRIDES[-1]) * STRIDES[-1]) - side for side in grey.shape)
        padded = cv2.copyMakeBorder(grey, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        self._network.setInput(padded.astype(np.float32)[None, None])
        maps = self._network.forward(list(OUTPUTS))
        logit = float(np.log(score / (1 - score)))
        rows = [decoded(answers[0], stride, logit) for answers, stride in zip(maps, STRIDES, strict=True)]
        return np.concatenate(rows)


def decoded(answers: npt.NDArray[np.float32], stride: int, logit: float) -> Rows:
    """The candidates of a map (ANSWERS, rows, columns) that are at least so sure.

    >>> answers = np.full((15, 2, 2), -9, np.float32)
    >>> answers[:5, 1, 0] = [0, 0.5, 0, np.log(4), np.log(2)]  # right of its cell's middle, four cells wide, two high
    >>> decoded(answers, 8, logit=-1)[0, :5]
    array([-8. ,  4. , 24. , 20. ,  0.5], dtype=float32)
    """
    rows, columns = np.nonzero(answers[0] >= logit)
    there = answers[:, rows, columns]
    cells = np.stack([columns, rows]).astype(np.float32) + 0.5
    middles = (there[1:3] + cells) * stride
    half = np.exp(np.clip(there[3:5], -4, 6)) * (stride / 2)
    points = (there[5:].reshape(5, 2, -1) + cells) * stride - 0.5
    scores = 1 / (1 + np.exp(-there[:1]))
    found = np.concatenate([middles - half, middles + half, scores, points.reshape(10, -1)])
    return np.ascontiguousarray(found.T, np.float32)


def suppressed(rows: Rows, overlap: float = OVERLAP) -> Rows:
    """The candidates, surest first, without those that lie over a surer one or within one.

    Args:
        rows: The candidates.
        overlap: Intersection over union from which two are one face.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:MOST]]
    if not len(rows):
        return rows
    sides = rows[:, 2:4] - rows[:, :2]
    boxes = np.concatenate([rows[:, :2], sides], axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), 0.0, overlap)
    rows = rows[np.sort(np.asarray(kept, int).ravel())]
    areas = (rows[:, 2:4] - rows[:, :2]).prod(axis=1)
    alone = np.ones(len(rows), bool)
    for number in range(len(rows)):
        if alone[number]:
            shared = np.minimum(rows[number, 2:4], rows[:, 2:4]) - np.maximum(rows[number, :2], rows[:, :2])
            within = shared.clip(min=0).prod(axis=1) > WITHIN * np.minimum(areas[number], areas)
            within[: number + 1] = False
            alone &= ~within
    return np.asarray(rows[alone])


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
        return of_size(found, min_size, max_size)

    def rows(self, image: GreyImage, min_size: int = 1, max_size: int | None = None) -> Rows:
        """The faces of about these sizes, with their points."""
        if min(image.shape) < min_size:
            return np.empty((0, ANSWERS), np.float32)
        rows = self._network.candidates(image, self._score)
        scale = LARGE_FACES / max(image.shape)
        if max(image.shape) > TWICE_FROM and max_size is None:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            large = self._network.candidates(small, self._score)
            back = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
            large[:, :4] *= np.tile(back, 2)
            large[:, 5:] = (large[:, 5:] + 0.5) * np.tile(back, 5) - 0.5
            rows = np.concatenate([rows, large])
        return suppressed(rows)


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
