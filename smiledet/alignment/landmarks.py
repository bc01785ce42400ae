"""Where the 68 points of a face lie: an ensemble of regression trees, refined by a network.

V. Kazemi, J. Sullivan: One millisecond face alignment with an ensemble of regression trees, CVPR 2014, as dlib has it;
the seed thesis' choice (section 3.2). The shipped trees were trained here (`smiledet train landmarks`).
"""

from __future__ import annotations

from pathlib import Path

import dlib
import numpy as np

from smiledet.alignment.chips import ImagePyramid, pyramid_of
from smiledet.alignment.landmark_refiner import LandmarkRefiner
from smiledet.alignment.template import POINT_COUNT
from smiledet.errors import ModelError
from smiledet.frame import Box, GreyImage, Matrix, Points

WINDOW_SIDE = 192
"""Side of the picture that the trees are given, in pixels."""

FACE_SIDE = 128
"""Side of the face box inside that picture, centred."""

REACH = 1.25
"""How much of a picture the trees see, in sides of the face box: hardly more than the points' bounds."""


def window_map(box: Box) -> Matrix:
    """The 2x3 map from the frame to the trees' window, in which `box` has a fixed place and size.

    dlib reports whole pixels. At a fixed scale their rounding costs every face the same 0.4 % of its width, however
    small it is in the frame, and the trees always see the scale that they were trained on.
    """
    centre_x, centre_y = box.centre
    scale = FACE_SIDE / box.width
    return np.array(
        [
            [scale, 0.0, WINDOW_SIDE / 2 - scale * centre_x],
            [0.0, scale, WINDOW_SIDE / 2 - scale * centre_y],
        ]
    )


def cut_window(image: GreyImage | ImagePyramid, box: Box) -> GreyImage:
    """What the trees see of a face: grey uint8 (WINDOW_SIDE, WINDOW_SIDE), the picture's edge repeated outwards."""
    return pyramid_of(image).square(window_map(box), WINDOW_SIDE)


def window_rectangle() -> dlib.rectangle:
    """The face box in the window, as dlib wants it (corners inclusive)."""
    edge = (WINDOW_SIDE - FACE_SIDE) // 2
    return dlib.rectangle(edge, edge, edge + FACE_SIDE - 1, edge + FACE_SIDE - 1)


def whole_points(parts: dlib.points) -> Points:
    """What dlib found, as an array (n, 2) float64.

    dlib's points are no buffer, and asking each for its coordinates costs as much as half the trees; their text,
    `points[(33, 79), (33, 96), ...]`, is written in native code and read back in it, twenty times faster (as whole
    numbers, which they are; reading fractions takes five times as long).
    """
    text = str(parts).removeprefix("points").translate(_WITHOUT_BRACKETS)
    return np.fromstring(text, dtype=np.int64, sep=" ").astype(np.float64).reshape(len(parts), 2)


_WITHOUT_BRACKETS = str.maketrans("[](),", "     ")


class LandmarkPredictor:
    """Finds the 68 iBUG points inside a face box.

    Args:
        path: dlib shape-predictor file.
        refiner: What places the trees' points more exactly; None for the trees alone.

    Raises:
        ModelError: The file is missing or is not a shape predictor of 68 points.
    """

    def __init__(self, path: Path, refiner: LandmarkRefiner | None = None) -> None:
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as problem:
            raise ModelError(f"cannot read the landmark model {path}: {problem}") from problem
        self._refiner = refiner
        self._rectangle = window_rectangle()
        # Trees for some other number of points would load just as well.
        blank = np.zeros((WINDOW_SIDE, WINDOW_SIDE), np.uint8)
        found = self._predictor(blank, self._rectangle).num_parts
        if found != POINT_COUNT:
            raise ModelError(f"the landmark model {path} has {found} points, expected {POINT_COUNT}")

    def predict(self, image: GreyImage | ImagePyramid, box: Box) -> Points:
        """The points of the face in `box`.

        Args:
            image: Grey uint8 (height, width), or its pyramid.
            box: The face, square, framed as Viola-Jones does; may overlap the picture's edge.

        Returns:
            (68, 2) float64, pixels of `image`; points may lie outside of it.
        """
        pyramid = image if isinstance(image, ImagePyramid) else ImagePyramid(image, box)
        points = self._trees(pyramid, box)
        return self._refiner.refine(pyramid, points) if self._refiner else points

    def _trees(self, pyramid: ImagePyramid, box: Box) -> Points:
        part = pyramid.part(box, FACE_SIDE, REACH)
        if part is None:
            found = self._predictor(cut_window(pyramid, box), self._rectangle)
            into = window_map(box)
            placed: Points = (whole_points(found.parts()) - into[:, 2]) / into[0, 0]
            return placed
        # A large face need not be brought to the window's size: whole pixels are fine enough there.
        (x, y), step = part.origin, part.step
        left, top, side = round((box.x - x) / step), round((box.y - y) / step), round(box.width / step)
        found = self._predictor(part.pixels, dlib.rectangle(left, top, left + side - 1, top + side - 1))
        points: Points = whole_points(found.parts()) * step + np.array([x, y])
        return points
