"""YuNet, from a file that the user brings, run by OpenCV's `cv2.FaceDetectorYN`.

W. Wu, H. Peng, S. Yu: YuNet: a tiny millisecond-level face detector, Machine Intelligence Research 20 (2023). The file
is `face_detection_yunet_….onnx` of OpenCV's model zoo on GitHub (opencv/opencv_zoo, models/face_detection_yunet, MIT).
Tried with the edition of 2026 under OpenCV 4.10 and 4.14.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import of_size
from smiledet.detection.detectors.mtcnn import suppress
from smiledet.errors import ModelError
from smiledet.frame import Box, Detection, GreyImage

FRAMING = Framing(right=-0.003, down=0.0, side=1.026)
"""Medians over 281 faces of GENKI-4K that YuNet and Viola-Jones both find; spread 0.053, 0.042 and 0.082."""

SCORE, FAINT = 0.6, 0.3
"""Scores from which a box is a face, 0 to 1: in general, and where something is known to be there."""

OVERLAP = 0.3
"""Intersection over union from which two boxes are one face."""

LARGE_FACES = 320
"""Longer side in pixels to which a larger picture is shrunk for a second search. The network sees no face much wider
than 300 pixels: of 20 portraits of 2,560x1,920 pixels it finds 3 as they are, and all at this size."""

SMALLEST_INPUT = 64
"""Sides below this are padded: of pictures of up to 32 pixels OpenCV makes faces that are not there, of any size."""

TWICE_FROM = 640
"""Longer side from which that second search is made."""


class YunetDetector(FaceDetector):
    """YuNet on a grey picture, which costs it little: its score on the demo's faces falls by a hundredth.

    Args:
        file: The network.
        score: From which a box is a face, 0 to 1.
        framing: Maps YuNet's boxes to those reported; None reports them as they are.

    Raises:
        ModelError: The file is missing, or is no YuNet network that this OpenCV reads.
    """

    needs = Needs(window=24, rolls=())

    def __init__(self, file: Path, score: float = SCORE, framing: Framing | None = FRAMING) -> None:
        self._network = _load(file, score)
        self._framing = framing

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`."""
        if min(image.shape) < min_size:
            return []
        rows = self._rows(image)
        scale = LARGE_FACES / max(image.shape)
        if max(image.shape) > TWICE_FROM and max_size is None:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            large = self._rows(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
            large[:, :4] *= np.tile([image.shape[1] / size[0], image.shape[0] / size[1]], 2)
            rows = suppress(np.concatenate([rows, large]), OVERLAP)
        found = [Detection(framed(_box(row), self._framing), float(row[4])) for row in rows]
        return of_size(found, min_size, max_size)

    def _rows(self, image: GreyImage) -> Any:
        """The boxes found, float64 (n, 5): left, top, right, bottom, score; surest first."""
        below, beside = (max(0, SMALLEST_INPUT - side) for side in image.shape)
        padded = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        self._network.setInputSize((padded.shape[1], padded.shape[0]))
        found = self._network.detect(cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR))[1]
        if found is None:
            return np.empty((0, 5))
        corners = np.column_stack([found[:, :2], found[:, :2] + found[:, 2:4], found[:, 14]]).astype(np.float64)
        return corners[np.argsort(-corners[:, 4], kind="stable")]


def _load(file: Path, score: float) -> Any:
    if not file.is_file():
        raise ModelError(f"detector yunet: there is no file {file}")
    try:
        network = cv2.FaceDetectorYN.create(str(file), "", (LARGE_FACES, LARGE_FACES), score, OVERLAP)
        network.detect(np.zeros((LARGE_FACES, LARGE_FACES, 3), np.uint8))  # another network fails here
    except cv2.error as problem:
        reason = str(problem.err or problem).strip()
        message = f"detector yunet: {file} is no YuNet network that OpenCV {cv2.__version__} reads"
        raise ModelError(f"{message}: {reason}") from problem
    return network


def _box(row: Any) -> Box:
    left, top, right, bottom = map(float, row[:4])
    return Box(left, top, right - left, bottom - top)


def detector_of(file: Path) -> DetectorKind:
    """The detector of a file."""
    return DetectorKind(
        scanning=lambda _: YunetDetector(file),
        following=partial(YunetDetector, file, FAINT),
        labelled=(partial(YunetDetector, file), partial(YunetDetector, file, FAINT)),
        raw=partial(YunetDetector, file, framing=None),
        check=partial(_load, file, SCORE),
    )
