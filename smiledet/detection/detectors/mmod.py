"""dlib's convolutional face detector, `mmod_human_face_detector.dat`.

D. King: Max-margin object detection, arXiv 1502.00046. The file lies in the package `face_recognition_models`. It finds
faces from every side, and costs a hundred times what the cascade does on a processor: one to two frames of a camera a
second while it searches, some six while it follows one face.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import dlib
import numpy as np

from smiledet.detection.detectors.base import DetectorKind, FaceDetector, Needs
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.detectors.hog import box_of, of_size
from smiledet.detection.detectors.packages import package_file
from smiledet.errors import ModelError
from smiledet.frame import Detection, GreyImage

FRAMING = Framing(right=0.024, down=-0.007, side=1.189)
"""Medians over 120 faces of GENKI-4K that dlib and Viola-Jones both find; spread 0.055, 0.060 and 0.148."""


def weights_file() -> Path:
    """Where the network's file is installed.

    Raises:
        ModelError: It is not.
    """
    return package_file("mmod", "face_recognition_models", "models/mmod_human_face_detector.dat")


class MmodDetector(FaceDetector):
    """dlib's CNN detector.

    Args:
        framing: Maps dlib's boxes to those reported; None reports them as they are.

    Raises:
        ModelError: `face_recognition_models` is not installed, or its file is damaged.
    """

    # Of 40 faces of GENKI-4K shrunk to a size (Viola-Jones' framing) it finds 97.5 % at 80 pixels and 12.5 % at 64. It
    # searches about 100 pixels in a millisecond on one core, so neither small faces nor frequent scans are to be had.
    needs = Needs(window=80, enlarge=2.0, min_face=2.5, slice_pixels=None, patience=10.0, follow=0.97, rolls=())

    def __init__(self, framing: Framing | None = FRAMING) -> None:
        path = weights_file()
        try:
            self._network = dlib.cnn_face_detection_model_v1(str(path))
        except RuntimeError as problem:
            raise ModelError(f"detector mmod: dlib cannot read {path}: reinstall 'smiledet[mmod]'") from problem
        self._framing = framing

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`."""
        if min(image.shape) < min_size:
            return []
        found = [
            Detection(framed(box_of(face.rect), self._framing), face.confidence)
            for face in self._network(np.ascontiguousarray(image), 0)
        ]
        return of_size(found, min_size, max_size)


DETECTOR = DetectorKind(
    scanning=lambda _: MmodDetector(),
    following=MmodDetector,
    labelled=(MmodDetector,),
    raw=partial(MmodDetector, framing=None),
    check=weights_file,
)
