"""Photographs in which it is known where the faces are, and where there might be some.

A teacher, YuNet from a file that does not ship, names boxes and points. A face of a whole photograph is what MTCNN or
an annotation confirms; of a crop of one face it is what the teacher is sure of. What is neither is doubtful: it is
learnt as a face no more than as background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.mtcnn import MtcnnDetector
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage, Image
from smiledet.lab.datasets.landmarks68 import AnnotatedFace
from smiledet.lab.training.landmarks.boxes import AGREED, bounds

FAINT, SURE = 0.3, 0.7
"""Scores of the teacher from which something may be a face, and from which a crop shows one."""

ENLARGED_BELOW = 200
"""Pictures with a shorter longer side are enlarged to twice their size for the teacher."""

EYES, MOUTH = (slice(36, 42), slice(42, 48)), (48, 54)
NOSE = 30
"""Of the 68 points."""

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FacePicture:
    """A picture and what is known of its faces; all in its pixels.

    Attributes:
        grey: Grey uint8 (height, width).
        boxes: Of the faces, float32 (n, 4): left, top, right, bottom, as the teacher frames them.
        points: Of the faces, float32 (n, 5, 2): the eyes, the nose's tip and the mouth's corners, left in the picture
            first.
        doubtful: What may be a face, float32 (m, 4).
        crop: Whether it is a crop of one face and not a whole photograph.
    """

    grey: GreyImage
    boxes: Rows
    points: Rows
    doubtful: Rows
    crop: bool = False


class Teacher:
    """YuNet. It belongs to one thread.

    Args:
        file: The network, see `smiledet.detection.detectors.yunet`.

    Raises:
        UsageError: There is no such file.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise UsageError(f"the teacher {file} is missing: the recipe names YuNet's file under the data folder")
        self._network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), FAINT, 0.3)
        self._other = MtcnnDetector()

    def photograph(self, image: Image) -> FacePicture:
        """A whole photograph: what MTCNN sees as well is a face."""
        boxes, points, _ = self._look(image)
        grey = _grey(image)
        others = [found.box for found in self._other.detect(grey, 24)] if len(boxes) else []
        agreed = np.array([_known(box, others) for box in boxes], bool)
        unseen = np.array([_corners(box) for box in others if not _known_to(box, boxes)], np.float32)
        doubtful = np.concatenate([boxes[~agreed], unseen.reshape(-1, 4)])
        return FacePicture(grey, boxes[agreed], points[agreed], doubtful)

    def annotated(self, image: Image, face: AnnotatedFace, scale: float) -> FacePicture | None:
        """A photograph of which one face is annotated: that one is known by its points; None where nothing is there."""
        seen = self.photograph(image)
        marks = five_points(face.points * scale)
        around = bounds(face.points * scale)
        every = np.concatenate([seen.boxes, seen.doubtful])
        overlaps = [_box(row).iou(around) for row in every]
        if not overlaps or max(overlaps) < AGREED:
            return None
        own = every[int(np.argmax(overlaps))]
        others = [index for index, row in enumerate(seen.boxes) if not np.array_equal(row, own)]
        doubtful = seen.doubtful[[not np.array_equal(row, own) for row in seen.doubtful]]
        boxes = np.concatenate([own[None], seen.boxes[others]])
        return FacePicture(seen.grey, boxes, np.concatenate([marks[None], seen.points[others]]), doubtful)

    def crop(self, image: Image) -> FacePicture | None:
        """A crop of one face: the sure one nearest to its middle; None where none is."""
        boxes, points, scores = self._look(image)
        middle = np.array(image.shape[1::-1]) / 2
        sure = scores >= SURE
        if not sure.any():
            return None
        away = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - middle).max(axis=1) + 1e6 * ~sure
        own = int(np.argmin(away))
        if away[own] > 0.25 * max(image.shape):
            return None
        rest = np.arange(len(boxes)) != own
        return FacePicture(_grey(image), boxes[[own]], points[[own]], boxes[rest], crop=True)

    def faceless(self, image: Image) -> FacePicture:
        """A picture that shows nobody: what the teacher is sure of all the same is doubtful."""
        boxes, _, scores = self._look(image)
        none = np.empty((0, 5, 2), np.float32)
        return FacePicture(_grey(image), np.empty((0, 4), np.float32), none, boxes[scores >= SURE])

    def _look(self, image: Image) -> tuple[Rows, Rows, npt.NDArray[np.float32]]:
        """Boxes, points and scores of all that may be a face."""
        factor = 2 if max(image.shape) < ENLARGED_BELOW else 1
        seen = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else image
        self._network.setInputSize((seen.shape[1], seen.shape[0]))
        found = self._network.detect(seen)[1]
        rows = np.empty((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1) / factor
        points = rows[:, 4:14].reshape(-1, 5, 2) / factor
        return corners.astype(np.float32), points.astype(np.float32), rows[:, 14]


def five_points(points: npt.NDArray[np.float64]) -> Rows:
    """The five points of 68."""
    eyes = [points[eye].mean(axis=0) for eye in EYES]
    return np.array([*eyes, points[NOSE], *points[list(MOUTH)]], np.float32)


def _grey(image: Image) -> GreyImage:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _box(row: Rows) -> Box:
    left, top, right, bottom = map(float, row)
    return Box(left, top, right - left, bottom - top)


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _known(row: Rows, others: Sequence[Box]) -> bool:
    return any(_box(row).iou(other) >= AGREED for other in others)


def _known_to(box: Box, rows: Rows) -> bool:
    return any(_box(row).iou(box) >= AGREED for row in rows)
