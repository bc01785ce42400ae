"""Least-squares maps between two sets of points.

Method: seed thesis (asynchronous smile detector), section 3.2 'Face Alignment'. An affine map from the landmarks to the
template is fitted first; the ratio of its largest to its smallest singular value tells how far it would distort the
face.
Only where that is small is the face aligned, and then by the similarity (rotation, scale, translation, no shear).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf

import numpy as np
import numpy.typing as npt

from smiledet.frame import Matrix, Points

ON_A_LINE = 1e-12
"""Determinant over squared trace of the points' spread below which they count as lying on a line."""


@dataclass(frozen=True, slots=True)
class Match:
    """What both maps are fitted from: two sets of points in their first two moments.

    On some fifty points it is the calls that cost: this takes the few that need arrays once for both maps, and what
    is left is arithmetic on single numbers.

    Attributes:
        source_mean: Mean of the points that are mapped, (x, y).
        target_mean: Mean of those that they are to come nearest to.
        spread: Sums of products of the centred source with itself: xx, xy, yy.
        shared: Of the centred source with the centred target: xx, xy, yx, yy.
    """

    source_mean: tuple[float, float]
    target_mean: tuple[float, float]
    spread: tuple[float, float, float]
    shared: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Target:
    """Points that others are matched to, prepared once for many of them.

    Attributes:
        mean: Their mean, (x, y).
        weights: (3, n): x and y of each without the mean, and 1.
    """

    mean: tuple[float, float]
    weights: npt.NDArray[np.float64]

    @classmethod
    def of(cls, points: Points) -> Target:
        """Of points (n, 2)."""
        x, y = points.mean(axis=0).tolist()
        return cls((x, y), np.vstack([points[:, 0] - x, points[:, 1] - y, np.ones(len(points))]))


def match(source: Points, target: Target) -> Match:
    """The moments of two sets of points.

    Args:
        source: (n, 2).
        target: As many.
    """
    count = len(source)
    # Seen from one of them, so that points far from the picture's corner lose no digits; from their mean costs more.
    moved = source - source[0]
    # The target's coordinates sum to zero, so it does not matter where the source is seen from.
    (a, c), (b, d), (sum_x, sum_y) = (target.weights @ moved).tolist()
    (xx, xy), (_, yy) = (moved.T @ moved).tolist()
    first_x, first_y = source[0].tolist()
    spread = xx - sum_x * sum_x / count, xy - sum_x * sum_y / count, yy - sum_y * sum_y / count
    return Match((first_x + sum_x / count, first_y + sum_y / count), target.mean, spread, (a, b, c, d))


def affine_of(matched: Match) -> Matrix:
    """The 2x3 affine map that takes the source nearest to the target, in least squares.

    Args:
        matched: Of at least 3 points; where all lie on a line, the map is the least-norm one.
    """
    # Normal equations about the means: two by two, solved in closed form. A general solver costs more than the trees.
    xx, xy, yy = matched.spread
    determinant = xx * yy - xy * xy
    if determinant > ON_A_LINE * (xx + yy) ** 2:
        a, b, c, d = matched.shared
        linear = np.array(
            [
                [(yy * a - xy * c) / determinant, (xx * c - xy * a) / determinant],
                [(yy * b - xy * d) / determinant, (xx * d - xy * b) / determinant],
            ]
        )
    else:
        linear = (np.linalg.pinv(np.array([[xx, xy], [xy, yy]])) @ np.reshape(matched.shared, (2, 2))).T
    return _about_means(linear, matched)


def similarity_of(matched: Match) -> Matrix:
    """The 2x3 rotation, uniform scale and translation that takes the source nearest to the target, in least squares.

    Umeyama (1991) in closed form for the plane, where a proper rotation and scale are one complex number; never
    mirrors.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned = np.array([[5.0, 5.0], [5.0, 7.0], [3.0, 7.0], [3.0, 5.0]])
    >>> similarity_of(match(square, Target.of(turned))).round(6)
    array([[ 0., -2.,  5.],
           [ 2.,  0.,  5.]])

    Args:
        matched: Of at least 2 distinct points.

    Raises:
        ValueError: All the source points coincide.
    """
    spread = matched.spread[0] + matched.spread[2]
    if spread == 0:
        raise ValueError("a similarity needs at least two distinct points; all the given ones coincide")
    cosine = (matched.shared[0] + matched.shared[3]) / spread
    sine = (matched.shared[1] - matched.shared[2]) / spread
    return _about_means(np.array([[cosine, -sine], [sine, cosine]]), matched)


def _about_means(linear: Matrix, matched: Match) -> Matrix:
    """The 2x3 map with a linear part (2, 2) that takes the one mean to the other."""
    (from_x, from_y), (to_x, to_y) = matched.source_mean, matched.target_mean
    (a, b), (c, d) = linear.tolist()
    return np.array([[a, b, to_x - a * from_x - b * from_y], [c, d, to_y - c * from_x - d * from_y]])


def distortion(matrix: Matrix) -> float:
    """Ratio of the largest to the smallest singular value of a map's linear part; 1 is a similarity, inf a collapse.

    >>> distortion(np.array([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    3.0
    """
    (a, b), (c, d) = matrix[:, :2].tolist()
    # Of two by two in closed form; the smaller one from the determinant, which loses no digits where it is near 0.
    largest = (hypot(a + d, c - b) + hypot(a - d, b + c)) / 2
    product = abs(a * d - b * c)
    return largest * largest / product if product > 0 else inf


def inverse(matrix: Matrix) -> Matrix:
    """The 2x3 map back.

    >>> inverse(np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 1.0]]))
    array([[ 0. ,  0.5, -0.5],
           [-0.5,  0. ,  2.5]])

    Raises:
        ZeroDivisionError: There is none.
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    determinant = a * d - b * c
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def transform(matrix: Matrix, points: Points) -> Points:
    """The points (n, 2) mapped by a 2x3 affine map."""
    mapped: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped
