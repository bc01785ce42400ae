"""Least-squares maps against geometry that was worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from smiledet.alignment.similarity import Target, affine_of, distortion, inverse, match, similarity_of, transform
from smiledet.frame import Matrix, Points

SQUARE: Points = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
CLOUD: Points = np.random.default_rng(7).normal(size=(30, 2)) * (40, 25) + (300, 200)


def fit_affine(source: Points, target: Points) -> Matrix:
    return affine_of(match(source, Target.of(target)))


def fit_similarity(source: Points, target: Points) -> Matrix:
    return similarity_of(match(source, Target.of(target)))


ROOT = 2**0.5


@pytest.mark.parametrize("fit", [fit_similarity, fit_affine])
def test_points_far_from_the_corner_lose_no_digits(fit):
    target = CLOUD * 3 + 1
    far = np.array([1e6, -2e6])
    found = fit(CLOUD + far, target)
    assert transform(found, CLOUD + far) == pytest.approx(target, abs=1e-6)


@pytest.mark.parametrize("matrix", [[[3, 1, -4], [0.5, 2, 7]], [[0, -1, 0], [1, 0, 2]]])
def test_a_map_and_its_inverse_lead_back(matrix):
    matrix = np.array(matrix, float)
    assert transform(inverse(matrix), transform(matrix, CLOUD)) == pytest.approx(CLOUD)


def test_a_map_onto_a_line_has_no_inverse():
    with pytest.raises(ZeroDivisionError):
        inverse(np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]]))


@pytest.mark.parametrize("fit", [fit_similarity, fit_affine])
@pytest.mark.parametrize(
    ("target", "matrix"),
    [
        ([[0, 0], [2, 0], [2, 2], [0, 2]], [[1, 0, 0], [0, 1, 0]]),
        ([[5, -3], [7, -3], [7, -1], [5, -1]], [[1, 0, 5], [0, 1, -3]]),
        ([[0, 0], [6, 0], [6, 6], [0, 6]], [[3, 0, 0], [0, 3, 0]]),
        # A quarter turn that takes x to y: (2, 0) goes to (0, 2).
        ([[0, 0], [0, 2], [-2, 2], [-2, 0]], [[0, -1, 0], [1, 0, 0]]),
        # An eighth of a turn, twice the size, and (7, 1) on.
        (
            [[7, 1], [7 + 2 * ROOT, 1 + 2 * ROOT], [7, 1 + 4 * ROOT], [7 - 2 * ROOT, 1 + 2 * ROOT]],
            [[ROOT, -ROOT, 7], [ROOT, ROOT, 1]],
        ),
    ],
    ids=["same", "moved", "scaled", "quarter turn", "all at once"],
)
def test_exact_maps(
    fit: Callable[[Points, Points], Matrix], target: list[list[float]], matrix: list[list[float]]
) -> None:
    assert fit(SQUARE, np.array(target, float)) == pytest.approx(np.array(matrix, float))


def test_a_similarity_between_noisy_points_is_the_nearest_one() -> None:
    """Whichever way its four numbers are nudged, the points lie farther apart."""
    noisy = transform(_turn(0.4, 1.7), CLOUD) + np.random.default_rng(8).normal(size=CLOUD.shape) * 6
    found = fit_similarity(CLOUD, noisy)
    best = _error(found, CLOUD, noisy)
    for nudge in ([[1, 0, 0], [0, 1, 0]], [[0, -1, 0], [1, 0, 0]], [[0, 0, 100], [0, 0, 0]], [[0, 0, 0], [0, 0, 100]]):
        for sign in (-1e-3, 1e-3):
            assert _error(found + sign * np.array(nudge), CLOUD, noisy) > best


def test_an_affine_map_between_noisy_points_is_the_nearest_one() -> None:
    noisy = transform(np.array([[1.2, 0.3, 4], [-0.2, 0.8, 9]]), CLOUD)
    noisy += np.random.default_rng(9).normal(size=CLOUD.shape) * 6
    found = fit_affine(CLOUD, noisy)
    homogeneous = np.hstack([CLOUD, np.ones((len(CLOUD), 1))])
    assert found == pytest.approx(np.linalg.lstsq(homogeneous, noisy, rcond=None)[0].T)


def test_a_similarity_has_no_shear_and_never_mirrors() -> None:
    mirrored = CLOUD * (-1, 1)
    linear = fit_similarity(CLOUD, mirrored)[:, :2]
    assert linear[0, 0] == linear[1, 1]
    assert linear[0, 1] == -linear[1, 0]
    assert np.linalg.det(linear) > 0
    # The affine map is free to.
    assert fit_affine(CLOUD, mirrored)[:, :2] == pytest.approx(np.array([[-1, 0], [0, 1]]), abs=1e-9)


def test_points_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two distinct points"):
        fit_similarity(np.full((5, 2), 3.0), SQUARE[[0, 1, 2, 3, 0]])


def test_points_on_a_line_give_a_map_that_squashes() -> None:
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert distortion(fit_affine(line, line)) > 1e6
    assert np.isfinite(fit_affine(line, line)).all()


@pytest.mark.parametrize(
    ("linear", "expected"),
    [
        ([[1, 0], [0, 1]], 1.0),
        ([[3, 0], [0, 1.5]], 2.0),
        ([[0, -3], [1.5, 0]], 2.0),  # turned by a quarter
        ([[-1, 0], [0, 1]], 1.0),  # a mirror image is not skewed
        ([[1, 1], [0, 1]], ((3 + 5**0.5) / (3 - 5**0.5)) ** 0.5),  # a shear: singular values² are (3 ± √5) / 2
        ([[1, 2], [2, 4]], float("inf")),
        ([[0, 0], [0, 0]], float("inf")),
    ],
)
def test_distortion(linear: list[list[float]], expected: float) -> None:
    # Of a singular matrix rounding may leave a tiny singular value instead of none.
    found = distortion(np.hstack([np.array(linear, float), [[7.0], [9.0]]]))
    assert found == pytest.approx(expected) or (math.isinf(expected) and found > 1e12)


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.5])
def test_distortion_of_a_fit_does_not_depend_on_pose(angle: float) -> None:
    stretched = CLOUD * (2.1, 1)
    target = transform(_turn(angle, 0.01), CLOUD)
    assert distortion(fit_affine(stretched, target)) == pytest.approx(2.1)


def test_transform() -> None:
    turned = transform(np.array([[0.0, -1.0, 10.0], [1.0, 0.0, 20.0]]), np.array([[1.0, 0.0], [2.0, 3.0]]))
    assert turned == pytest.approx(np.array([[10.0, 21.0], [7.0, 22.0]]))


def _turn(angle: float, scale: float) -> Matrix:
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cosine, -sine, 12.0], [sine, cosine, -5.0]])


def _error(matrix: Matrix, source: Points, target: Points) -> float:
    return float(((transform(matrix, source) - target) ** 2).sum())


def test_the_closed_forms_are_what_linear_algebra_finds() -> None:
    chance = np.random.default_rng(11)
    for _ in range(50):
        source = chance.normal(size=(51, 2)) * chance.uniform(1, 200, 2) + chance.uniform(-100, 2000, 2)
        target = source @ chance.normal(size=(2, 2)) / 200 + chance.normal(size=(51, 2)) * 0.1
        found = fit_affine(source, target)
        homogeneous = np.hstack([source, np.ones((51, 1))])
        assert found == pytest.approx(np.linalg.lstsq(homogeneous, target, rcond=None)[0].T, rel=1e-7, abs=1e-9)
        largest, smallest = np.linalg.svd(found[:, :2], compute_uv=False)
        assert distortion(found) == pytest.approx(largest / smallest)
