"""Where the 68 points of a face lie: an ensemble of regression trees.

V. Kazemi, J. Sullivan: One millisecond face alignment with an ensemble of regression trees, CVPR 2014, as dlib has it;
the seed thesis' choice (section 3.2). The shipped trees were trained here (`smiledet train landmarks`).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import cv2
import dlib
import numpy as np

from smiledet.alignment.similarity import match, similarity_of, transform
from smiledet.alignment.template import INNER, POINT_COUNT
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage, Matrix, Points

WINDOW_SIDE = 192
"""Side of the picture that the trees look at, in pixels."""

FACE_SIDE = 128
"""Side of the face box inside that picture, centred."""

SECOND_LOOK = 0.08
"""See `LandmarkPredictor`; in face boxes. Of HELEN's and AFW's photographs more than half are looked at twice, of the
clips' frames one in ten to one in four."""

GZIP = b"\x1f\x8b"
"""What a gzipped file begins with."""

SIGN = 0x80
"""The sign's bit where dlib writes whole numbers."""


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


def cut_window(image: GreyImage, box: Box) -> GreyImage:
    """What the trees see of a face: grey uint8 (WINDOW_SIDE, WINDOW_SIDE), the picture's edge repeated outwards."""
    return warp_window(image, window_map(box))


def warp_window(image: GreyImage, into: Matrix) -> GreyImage:
    """The window that a 2x3 map takes the frame into; see `cut_window`."""
    window: GreyImage = cv2.warpAffine(
        image, into, (WINDOW_SIDE, WINDOW_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return window


def window_rectangle() -> dlib.rectangle:
    """The face box in the window, as dlib wants it (corners inclusive)."""
    edge = (WINDOW_SIDE - FACE_SIDE) // 2
    return dlib.rectangle(edge, edge, edge + FACE_SIDE - 1, edge + FACE_SIDE - 1)


def whole_points(parts: dlib.points) -> Points:
    """What dlib found, as an array (n, 2) float64.

    dlib's points are no buffer, and asking each for its coordinates costs as much as half the trees. Their pickle has
    them in native code's own words: the count, then for each number a byte that counts its bytes, its top bit the sign,
    and the bytes. In and about a window a byte does for all of them.
    """
    written = np.frombuffer(parts.__getstate__()[0], np.uint8)
    if len(written) != 2 + 4 * len(parts):
        return np.array([(part.x, part.y) for part in parts], np.float64).reshape(len(parts), 2)
    heads, values = written[2::2], written[3::2].astype(np.float64)
    values[heads > SIGN] *= -1
    return values.reshape(-1, 2)


def read_trees(path: Path) -> bytes:
    """A shape predictor's file as dlib wrote it, which may have been gzipped: the leaves shrink to half.

    Raises:
        OSError, EOFError, zlib.error: It cannot be read or ends too early.
    """
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(GZIP) else data


def _load(trees: bytes) -> dlib.shape_predictor:
    """Trees from memory: dlib's own reader takes file names alone, but its pickles hold the same bytes."""
    predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)
    predictor.__setstate__((trees,))
    return predictor


def start_points(trees: bytes) -> Points:
    """Where a shape predictor's trees start from: the mean face in its window, (68, 2).

    Args:
        trees: The file: a version, then a matrix of one column, whose sizes dlib writes negated; each fraction is a
            mantissa and an exponent of two, each such a number as `whole_points` tells.

    Raises:
        ValueError: The file holds something else.
    """
    place = 0

    def whole() -> int:
        nonlocal place
        size = trees[place] & ~SIGN
        value = int.from_bytes(trees[place + 1 : place + 1 + size], "little")
        negative = trees[place] & SIGN
        place += 1 + size
        return -value if negative else value

    _, rows, columns = whole(), whole(), whole()
    if (rows, columns) != (-2 * POINT_COUNT, -1):
        raise ValueError(f"a start shape of {-rows} rows, expected {2 * POINT_COUNT}")
    units = np.array([math.ldexp(whole(), whole()) for _ in range(-rows)]).reshape(POINT_COUNT, 2)
    edge = (WINDOW_SIDE - FACE_SIDE) / 2
    placed: Points = units * (FACE_SIDE - 1) + edge
    return placed


def astray(into: Matrix, box: Box) -> float:
    """How far a window lies from where a box would have it, in face boxes: its centre, and its edge from there.

    Args:
        into: 2x3 similarity from the frame to the window.
        box: In the frame.
    """
    (cosine, _, right), (sine, _, down) = into.tolist()
    x, y = box.centre
    scale = FACE_SIDE / box.width
    moved = math.hypot(cosine * x - sine * y + right - WINDOW_SIDE / 2, sine * x + cosine * y + down - WINDOW_SIDE / 2)
    return moved / FACE_SIDE + math.hypot(cosine / scale - 1, sine / scale) / 2


class LandmarkPredictor:
    """Finds the 68 iBUG points inside a face box.

    Viola-Jones' box says roughly where the face is, and nothing of how it is tilted. Where the points that the trees
    find say that it lies otherwise, they are sought again in the window in which these points lie as the trees expect
    them: upright, in the middle, at their size.

    Args:
        path: dlib shape-predictor file, be it gzipped or not.
        second_look: How far a window has to lie from where the points want it, see `astray`, before they are sought
            again; infinite for never.

    Raises:
        UsageError: The file is missing or is not a shape predictor of 68 points.
    """

    def __init__(self, path: Path, second_look: float = SECOND_LOOK) -> None:
        try:
            trees = read_trees(path)
            self._predictor = _load(trees)
        except (OSError, EOFError, zlib.error, RuntimeError) as problem:
            raise UsageError(f"cannot read the landmark model {path}: {problem}") from problem
        self._rectangle = window_rectangle()
        # Trees for some other number of points would load just as well.
        blank = np.zeros((WINDOW_SIDE, WINDOW_SIDE), np.uint8)
        found = self._predictor(blank, self._rectangle).num_parts
        if found != POINT_COUNT:
            raise UsageError(f"the landmark model {path} has {found} points, expected {POINT_COUNT}")
        self._expected = start_points(trees)[INNER]
        self._second_look = second_look

    def predict(self, image: GreyImage, box: Box) -> Points:
        """The points of the face in `box`.

        Args:
            image: Grey uint8 (height, width).
            box: The face, square, framed as Viola-Jones does; may overlap the picture's edge.

        Returns:
            (68, 2) float64, pixels of `image`; points may lie outside of it.
        """
        into = window_map(box)
        points = self._seek(image, into)
        placed: Points = (points - into[:, 2]) / into[0, 0]
        # The points' own similarity tells where the window should have been.
        matched = match(placed[INNER], self._expected)
        if matched.spread[0] + matched.spread[2] == 0:
            return placed
        better = similarity_of(matched)
        if astray(better, box) <= self._second_look:
            return placed
        return transform(cv2.invertAffineTransform(better), self._seek(image, better))

    def _seek(self, image: GreyImage, into: Matrix) -> Points:
        return whole_points(self._predictor(warp_window(image, into), self._rectangle).parts())
