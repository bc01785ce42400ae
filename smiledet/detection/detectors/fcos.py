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
import numpy.typing as npt

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.fcos_network import ANSWERS, USUAL_FILE, FcosNetwork, Rows
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import of_size
from smiledet.frame import Box, Detection, GreyImage
from smiledet.model_index import find_model

SHIPPED = "fcos"
"""The model's name in the index."""

FRAMING = Framing(right=0.001, down=0.007, side=0.995)
"""Medians over 300 faces of GENKI-4K that it and Viola-Jones both find; spread 0.053, 0.042 and 0.082."""

SCORE, FAINT = 0.66, 0.4
"""Scores from which a box is a face, 0 to 1: in general, and where something is known to be there."""

OVERLAP = 0.35
"""Intersection over union from which two boxes are one face."""

AGREED = 0.6
"""Intersection over union from which a candidate has a say in where a surer one lies."""

POSSIBLE, CLEAR, UNLIKELY = 0.3, 0.8, 0.02
"""Scores from which a box is looked at a second time, from which once is enough, and of what is not seen again."""

LOOKED_AT, AROUND = 48, 96
"""Side in pixels to which a box is brought for its second look, and of what is looked at. Of the learning side's 1,743
doubtful boxes that are no face, the mean of both looks leaves 32; of 52 that are one, 44."""

SAME_PLACE = 0.4
"""Intersection over union from which a box is seen again."""

LARGE_FACES = 320
"""Longer side in pixels to which a larger picture is shrunk for a second search: no face is learnt that is wider."""

TWICE_FROM = 400
"""Longer side from which that second search is made."""

LARGEST, LEAST = 320.0, 190.0
"""Sides of the largest faces that the first search is believed, and of the smallest that the second is, in pixels."""

ERROR = 5
"""Pixels by which a box may be smaller than its face: the boxes of faces of 20 pixels differ from them by a fifth."""

TOGETHER = 8
"""Boxes that are looked at a second time at once."""

MOST = 2000
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
    rows = _voted(rows[np.sort(np.asarray(kept, int).ravel())], rows)
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


def _voted(kept: Rows, rows: Rows) -> Rows:
    """The kept with the mean place of the candidates that lie over each, the surer weighing more.

    S. Gidaris, N. Komodakis: Object detection via a multi-region and semantic segmentation-aware CNN model, ICCV 2015,
    section 5.
    """
    weights = (overlaps(kept, rows) > AGREED) * rows[:, 4]
    voted = weights @ rows / weights.sum(axis=1, keepdims=True)
    voted[:, 4] = kept[:, 4]
    return np.asarray(voted, np.float32)


class FcosDetector(FaceDetector):
    """The network on a grey picture.

    Args:
        file: The network.
        score: From which a box is a face, 0 to 1.
        framing: Maps the network's boxes to those reported; None reports them as they are.

    Raises:
        ModelError: The file is missing or no such network.
    """

    needs = Needs(window=24, rolls=(), sure=0.8)

    def __init__(self, file: Path, score: float = SCORE, framing: Framing | None = FRAMING) -> None:
        self._network = FcosNetwork(file)
        self._score = score
        self._framing = framing

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`."""
        found = [
            Detection(framed(_box(row), self._framing), float(row[4])) for row in self.rows(image, min_size, max_size)
        ]
        return of_size(found, max(1, min_size - ERROR), max_size)

    def hand_back(self) -> None:
        """See `FaceDetector.hand_back`."""
        self._network.hand_back()

    def rows(self, image: GreyImage, min_size: int = 1, max_size: int | None = None) -> Rows:
        """The faces of about these sizes, with their points."""
        if min(image.shape) < min_size:
            return np.empty((0, ANSWERS), np.float32)
        possible = min(POSSIBLE, self._score)
        _, rows = self._network.candidates(image[None], possible)
        rows = rows[_sides(rows) <= LARGEST]
        scale = LARGE_FACES / max(image.shape)
        if max(image.shape) > TWICE_FROM and max_size is None:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            _, large = self._network.candidates(small[None], possible)
            back = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
            large[:, :4] *= np.tile(back, 2)
            large[:, 5:] = (large[:, 5:] + 0.5) * np.tile(back, 5) - 0.5
            rows = np.concatenate([rows, large[_sides(large) >= LEAST]])
        return self._looked_at_again(suppressed(rows, possible), image)

    def _looked_at_again(self, rows: Rows, image: GreyImage) -> Rows:
        """The rows with the scores of a second look at the doubtful ones; those that are left are faces."""
        doubtful = np.flatnonzero(rows[:, 4] < CLEAR)
        for some in np.split(doubtful, range(TOGETHER, len(doubtful), TOGETHER)):
            # A stack that is not full goes one by one: LiteRT keeps memory for few sizes.
            for stack in [some] if len(some) == TOGETHER else some[:, None]:
                seen = self._second_looks(rows[stack], image)
                rows[stack, 4] = expit((logit(rows[stack, 4]) + logit(seen)) / 2)
        rows = rows[rows[:, 4] >= self._score]
        return np.asarray(rows[np.argsort(-rows[:, 4], kind="stable")])

    def _second_looks(self, rows: Rows, image: GreyImage) -> npt.NDArray[np.float32]:
        """The scores of faces in pictures of each alone, enlarged or shrunk to a size that the network knows well."""
        sides = rows[:, 2:4] - rows[:, :2]
        scales = LOOKED_AT / np.sqrt(sides.prod(axis=1)).clip(min=1)
        shifts = AROUND / 2 - scales[:, None] * (rows[:, :2] + rows[:, 2:4]) / 2
        views = [
            cv2.warpAffine(
                image,
                np.array([[scale, 0, across], [0, scale, down]]),
                (AROUND, AROUND),
                borderMode=cv2.BORDER_REPLICATE,
            )
            for scale, (across, down) in zip(scales, shifts, strict=True)
        ]
        pictures, seen = self._network.candidates(np.stack(views), UNLIKELY)
        half = scales[:, None] * sides / 2
        own = np.concatenate([AROUND / 2 - half, AROUND / 2 + half], axis=1)
        scores = np.full(len(rows), UNLIKELY, np.float32)
        there = overlaps(own, seen)[pictures, np.arange(len(seen))] > SAME_PLACE
        np.maximum.at(scores, pictures[there], seen[there, 4])
        return scores


def overlaps(ones: Rows, others: Rows) -> Rows:
    """Intersection over union of the boxes that begin the rows, (n, m)."""
    areas = [(each[:, 2:4] - each[:, :2]).prod(axis=1) for each in (ones, others)]
    across, down = (
        (
            np.minimum(ones[:, None, axis + 2], others[:, axis + 2]) - np.maximum(ones[:, None, axis], others[:, axis])
        ).clip(min=0)
        for axis in (0, 1)
    )
    shared = across * down
    return np.asarray(shared / (areas[0][:, None] + areas[1] - shared), np.float32)


def logit(scores: Rows) -> Any:
    """The logarithms of the scores' odds."""
    return np.log(scores / (1 - scores))


def expit(odds: Any) -> Any:
    """The scores of which those are the logarithms of the odds."""
    return 1 / (1 + np.exp(-odds))


def _sides(rows: Rows) -> Any:
    return np.sqrt((rows[:, 2:4] - rows[:, :2]).prod(axis=1))


def _box(row: Rows) -> Box:
    left, top, right, bottom = map(float, row[:4])
    return Box(left, top, right - left, bottom - top)


def detector_of(file: Path | None = None) -> DetectorKind:
    """The detector of a file that `smiledet train detector` wrote; None for the one that ships."""

    def made(score: float = SCORE, framing: Framing | None = FRAMING) -> FcosDetector:
        return FcosDetector(file or find_model("detector", SHIPPED).file(USUAL_FILE), score, framing)

    return DetectorKind(
        scanning=lambda _: made(),
        following=partial(made, FAINT),
        labelled=(made, partial(made, FAINT)),
        raw=partial(made, framing=None),
        check=made,
    )


DETECTOR = detector_of()
