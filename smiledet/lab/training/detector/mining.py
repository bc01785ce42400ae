"""Hard negatives: what the network takes for a face and is none, to be shown to it again.

K.-K. Sung, T. Poggio: Example-based learning for view-based human face detection, PAMI 20(1), 1998, section 2.3, call
it bootstrapping. Most of a picture without faces is never taken for one, and teaches nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np

from smiledet.detection.detectors.fcos import suppressed
from smiledet.detection.detectors.fcos_network import FcosNetwork
from smiledet.frame import Box
from smiledet.lab.training.detector.graph import to_onnx
from smiledet.lab.training.detector.pictures import FacePicture, Rows
from smiledet.lab.training.detector.scenes import SMALLEST, Mistake, Pictures

LOOKED = 160
"""Pictures that are looked at each time."""

LONGER = (160, 640)
"""Longer sides in pixels at which they are looked at."""

SCORE = 0.3
"""From which something counts as taken for a face."""

APART = 0.25
"""Intersection over union with everything that may be a face, below which a box is a mistake."""


def mistakes_of(
    network: keras.Model, file: Path, pictures: Pictures, generator: np.random.Generator
) -> Iterator[Mistake]:
    """Look at some pictures, half of them without faces, for boxes that are none.

    Args:
        network: See `smiledet.lab.training.detector.network.build`.
        file: The ONNX file that it is written to and run from.
        pictures: What scenes are made of.
        generator: Of every random draw.
    """
    file.write_bytes(to_onnx(network))
    runner = FcosNetwork(file)
    sets = [kind for kind in (pictures.whole, pictures.faceless) if kind]
    for number in range(LOOKED if sets else 0):
        kind = sets[number % len(sets)]
        picture = kind[int(generator.integers(len(kind)))]
        if len(picture.boxes) or not len(picture.doubtful):
            longer = np.exp(generator.uniform(*np.log(LONGER)))
            yield from _mistakes_in(picture, runner, float(longer / max(picture.grey.shape)))


def _mistakes_in(picture: FacePicture, runner: FcosNetwork, zoom: float) -> Iterator[Mistake]:
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    seen = np.asarray(cv2.resize(picture.grey, None, fx=zoom, fy=zoom, interpolation=how), np.uint8)
    faces = [_box(row * zoom) for row in np.concatenate([picture.boxes, picture.doubtful])]
    for row in suppressed(runner.candidates(seen[None], SCORE)[1], SCORE):
        box = _box(row[:4])
        if box.area >= SMALLEST**2 and not any(face.iou(box) >= APART for face in faces):
            x, y = box.centre
            yield Mistake(picture, (x / zoom, y / zoom), zoom)


def _box(row: Rows) -> Box:
    left, top, right, bottom = map(float, row)
    return Box(left, top, right - left, bottom - top)
