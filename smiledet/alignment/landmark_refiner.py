"""Refining a face's landmarks, by a small convolutional network.

Viola-Jones' box says roughly where a face is and nothing of how it is tilted, so trees that start from it are off where
the face is turned or half lit. What they find is enough to cut the face out upright and at its size; in that picture
the network places the points anew.

A cascade of regressors, each in the frame of the one before: Y. Sun, X. Wang, X. Tang: Deep convolutional network
cascade for facial point detection, CVPR 2013; here dlib's trees are its first level and one network is the second. It
was trained here (`smiledet train landmarks`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from smiledet.alignment.chips import ImagePyramid, chip_map, cut_chip
from smiledet.alignment.similarity import Target, inverse, match, similarity_of, transform
from smiledet.alignment.template import INNER, POINT_COUNT
from smiledet.errors import FrameError
from smiledet.frame import ChipSpec, GreyImage, Matrix, Points

Network = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""From views (n, 96, 96, 1), grey, to answers (n, 136), see `MeanFace.points`: the `predict` of an engine."""

VIEW = ChipSpec(size=96, margin=96 / 72, channels=1)
"""What the network sees: chin and ears stand out of Viola-Jones' box, so it is shown a third more."""


class MeanFace:
    """The template as the network sees it: what faces are brought to, and what its answers are counted from.

    Args:
        template: (68, 2), face boxes.
    """

    def __init__(self, template: Points) -> None:
        self._inner = Target.of(template[INNER])
        self._seen = transform(chip_map(np.eye(2, 3), VIEW), template)

    def view_of(self, points: Points) -> Matrix | None:
        """The 2x3 similarity from the frame to face boxes that brings brows, eyes, nose and mouth to the template's.

        Args:
            points: (68, 2), pixels of the frame.

        Returns:
            The map, or None where all those points coincide.
        """
        matched = match(points[INNER], self._inner)
        return similarity_of(matched) if matched.spread[0] + matched.spread[2] > 0 else None

    def points(self, answer: npt.NDArray[np.float32]) -> Points:
        """What the network answers, as points.

        Args:
            answer: (136,), x and y in turn: how far each point lies from the template's, in sides of the view.

        Returns:
            (68, 2), pixels of the view.
        """
        return self._seen + answer.reshape(POINT_COUNT, 2).astype(np.float64) * VIEW.size

    def answer(self, points: Points) -> npt.NDArray[np.float32]:
        """What the network should answer, (136,): the inverse of `points`."""
        return ((points - self._seen) / VIEW.size).ravel().astype(np.float32)


class LandmarkRefiner:
    """Places points that trees have found, more exactly.

    Args:
        network: The network.
        template: (68, 2), face boxes.
    """

    def __init__(self, network: Network, template: Points) -> None:
        self._network, self._mean_face = network, MeanFace(template)

    def refine(self, image: GreyImage | ImagePyramid, points: Points) -> Points:
        """The points of a face.

        Args:
            image: Grey uint8 (height, width), or its pyramid.
            points: As the trees found them, (68, 2), pixels of the image.

        Returns:
            (68, 2) float64, pixels of the image.

        Raises:
            FrameError: The network says something that is no number.
        """
        into = self._mean_face.view_of(points)
        if into is None:
            return points
        view = cut_chip(image, into, VIEW)
        (answer,) = self._network(view[None, :, :, None])
        if not np.isfinite(answer).all():
            raise FrameError("the landmarks' network answers no numbers")
        return transform(inverse(chip_map(into, VIEW)), self._mean_face.points(answer))
