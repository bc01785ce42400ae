"""Least-squares maps between two sets of points.

Method: seed thesis (asynchronous smile detector), section 3.2 'Face Alignment'. An affine map from the landmarks to the
template is fitted first; the ratio of its largest to its smallest singular value tells how far it would distort the
face.
Only where that is small is the face aligned, and then by the similarity (rotation, scale, translation, no shear).
"""

from __future__ import annotations

import numpy as np

from smiledet.frame import Matrix, Points


def fit_affine(source: Points, target: Points) -> Matrix:
    """The 2x3 affine map that takes `source` nearest to `target`, in least squares.

    Args:
        source: (n, 2), n of at least 3 and not all on a line, else the map is the least-norm one.
        target: (n, 2).
    """
    # Normal equations about the means: two by two, solved in closed form. A general solver costs more than the trees.
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_centred, to_centred = source - source_mean, target - target_mean
    linear = np.linalg.pinv(from_centred.T @ from_centred) @ (from_centred.T @ to_centred)
    return np.hstack([linear.T, (target_mean - source_mean @ linear)[:, None]])


def fit_similarity(source: Points, target: Points) -> Matrix:
    """The 2x3 rotation, uniform scale and translation that takes `source` nearest to `target`, in least squares.

    Umeyama (1991) in closed form for the plane, where a proper rotation and scale are one complex number; never
    mirrors.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> turned = np.array([[5.0, 5.0], [5.0, 7.0], [3.0, 7.0], [3.0, 5.0]])
    >>> fit_similarity(square, turned).round(6)
    array([[ 0., -2.,  5.],
           [ 2.,  0.,  5.]])

    Args:
        source: (n, 2), n of at least 2 distinct points.
        target: (n, 2).

    Raises:
        ValueError: All the source points coincide.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_centred, to_centred = source - source_mean, target - target_mean
    spread = float((from_centred**2).sum())
    if spread == 0:
        raise ValueError("a similarity needs at least two distinct points; all the given ones coincide")
    cosine = float((from_centred * to_centred).sum()) / spread
    sine = float((from_centred[:, 0] * to_centred[:, 1] - from_centred[:, 1] * to_centred[:, 0]).sum()) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def distortion(matrix: Matrix) -> float:
    """Ratio of the largest to the smallest singular value of a map's linear part; 1 is a similarity, inf a collapse.

    >>> distortion(np.array([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    3.0
    """
    largest, smallest = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return float(largest / smallest) if smallest > 0 else float("inf")


def transform(matrix: Matrix, points: Points) -> Points:
    """The points (n, 2) mapped by a 2x3 affine map."""
    mapped: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped
