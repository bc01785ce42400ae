"""The landmark teacher: a network that places the 68 points, however long it takes.

It never runs in the pipeline. It names the points of faces that nobody has annotated
(`smiledet.lab.training.landmarks.labels`); the small network that does run learns from both.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.alignment.chips import box_map, chip_map, cut_chip
from smiledet.alignment.landmark_refiner import VIEW, MeanFace
from smiledet.alignment.similarity import transform
from smiledet.frame import Box, GreyImage, Matrix, Points
from smiledet.lab.training.landmarks.boxes import OUTER_CORNERS
from smiledet.lab.training.landmarks.views import mirrored_points

FACES_AT_ONCE = 256
"""Faces whose views are in memory together."""


class LandmarkTeacher:
    """Places the points of faces.

    Args:
        network: See `landmark_network.build_network`.
        template: (68, 2) in face boxes.
        looks: How often it looks at a face; each look but the first is where the one before has placed the points.
    """

    def __init__(self, network: keras.Model, template: Points, looks: int) -> None:
        self._network, self._mean_face, self._looks = network, MeanFace(template), looks

    def place(self, images: Sequence[GreyImage], boxes: Sequence[Box]) -> tuple[Points, npt.NDArray[np.float64]]:
        """The points of some faces.

        Args:
            images: The photographs, grey uint8, one a face.
            boxes: The faces, as Viola-Jones frames them.

        Returns:
            (n, 68, 2) pixels of the photographs, and each face's doubt (n): by how much the answers to the view and to
            its mirror image lie apart, and the last two looks, in distances between the eyes' outer corners.
        """
        points, doubt = [], []
        for begin in range(0, len(images), FACES_AT_ONCE):
            part = slice(begin, begin + FACES_AT_ONCE)
            found = self._place(images[part], boxes[part])
            points.append(found[0])
            doubt.append(found[1])
        return np.concatenate(points), np.concatenate(doubt)

    def _place(self, images: Sequence[GreyImage], boxes: Sequence[Box]) -> tuple[Points, npt.NDArray[np.float64]]:
        maps = [box_map(box) for box in boxes]
        before: Points | None = None
        for look in range(self._looks):
            direct, other = self._look(images, maps)
            points = (direct + other) / 2
            if look + 1 < self._looks:
                seen = [self._mean_face.view_of(each) for each in points]
                before, maps = points, [old if new is None else new for old, new in zip(maps, seen, strict=True)]
        across = np.linalg.norm(points[:, OUTER_CORNERS[1]] - points[:, OUTER_CORNERS[0]], axis=1)
        doubt = np.linalg.norm(direct - other, axis=2).mean(axis=1) / 2
        if before is not None:
            doubt = doubt + np.linalg.norm(points - before, axis=2).mean(axis=1)
        return points, doubt / np.maximum(across, 1e-6)

    def _look(self, images: Sequence[GreyImage], maps: Sequence[Matrix]) -> tuple[Points, Points]:
        """What the views say, and what their mirror images do: each (n, 68, 2), pixels of the photographs."""
        views = np.stack([cut_chip(image, into, VIEW) for image, into in zip(images, maps, strict=True)])
        answers = []
        for seen in (views, views[:, :, ::-1]):
            said = self._network.predict(np.ascontiguousarray(seen[..., None], np.float32), verbose=0, batch_size=64)
            answers.append([self._mean_face.points(each) for each in np.asarray(said)])
        answers[1] = [mirrored_points(each) for each in answers[1]]
        back = [cv2.invertAffineTransform(chip_map(into, VIEW)) for into in maps]
        direct, other = (
            np.stack([transform(each, points) for each, points in zip(back, answer, strict=True)]) for answer in answers
        )
        return direct, other
