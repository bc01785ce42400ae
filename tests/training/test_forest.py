"""Trees grown here are what dlib runs."""

from dataclasses import dataclass, replace

import dlib
import numpy as np
import pytest

from smiledet.alignment.landmarks import WINDOW_SIDE, read_trees, window_rectangle
from smiledet.training.boxes import BoxSpread, FramedFace
from smiledet.training.dlib_format import fraction, rounded, whole, write_forest
from smiledet.training.forest import Grower, Tree, fall, place
from smiledet.training.landmarks import starts as windows_of
from smiledet.training.recipe import ForestRecipe

RECIPE = ForestRecipe(
    cascade_depth=3, trees_per_level=12, tree_depth=3, feature_pool_size=60, test_splits=10, shapes=20
)
SPREAD = BoxSpread(np.random.default_rng(0).normal((0.0, -0.1, 1.2), (0.08, 0.05, 0.08), (50, 3)))


@dataclass(frozen=True)
class Starts:
    windows: np.ndarray
    points: np.ndarray


@pytest.fixture(scope="module")
def starts(variant):
    faces = [variant(number) for number in range(20)]
    generator = np.random.default_rng(1)
    framed = [FramedFace(face.image, face.points, None) for face in faces]
    cuts = [cut for face in framed for cut in windows_of(face, SPREAD, 3, generator)]
    windows, points = zip(*cuts, strict=True)
    return Starts(np.stack(windows), np.stack(points))


@pytest.fixture(scope="module")
def forest(starts):
    return Grower(RECIPE, np.random.default_rng(2)).grow(starts.windows, starts.points)


def asked_of_dlib(path, windows):
    unpacked = path.with_suffix(".plain")
    unpacked.write_bytes(read_trees(path))
    trees = dlib.shape_predictor(str(unpacked))
    parts = [trees(window, window_rectangle()).parts() for window in windows]
    return np.array([[(part.x, part.y) for part in row] for row in parts])


def test_each_level_leaves_less(starts):
    left = []
    Grower(RECIPE, np.random.default_rng(2)).grow(starts.windows, starts.points, lambda _, each: left.append(each))
    assert len(left) == 3 and left[0] > left[1] > left[2] > 0


def test_the_grower_knows_where_its_forest_places_the_points(starts, forest):
    found = place(forest, starts.windows)
    mean = np.tile(forest.initial * 127.0 + 32, (len(found), 1, 1))
    error, before = (np.linalg.norm(each - starts.points, axis=2).mean() for each in (found, mean))
    assert error < 0.6 * before


def test_dlib_finds_what_the_grower_does(starts, forest, tmp_path):
    write_forest(forest, tmp_path / "trees.dat")
    found = asked_of_dlib(tmp_path / "trees.dat", starts.windows)
    # dlib reports whole pixels; where rounding sends a face into another leaf, it is a little further off.
    assert np.abs(found - place(forest, starts.windows)).mean() < 0.25 + 0.1
    assert np.median(np.abs(found - place(forest, starts.windows))) < 0.3


def test_short_mantissas_cost_less_than_a_tenth_of_a_pixel(starts, forest):
    levels = [
        replace(level, trees=[replace(tree, leaves=rounded(tree.leaves)) for tree in level.trees])
        for level in forest.levels
    ]
    short = place(replace(forest, levels=levels), starts.windows)
    assert 0 < np.abs(short - place(forest, starts.windows)).mean() < 0.1


def test_leaves_take_four_bytes_a_number(forest, tmp_path):
    write_forest(forest, tmp_path / "trees.dat")
    leaves = sum(tree.leaves.size for level in forest.levels for tree in level.trees)
    assert leaves == 3 * 12 * 8 * 136
    assert 4 * leaves < len(read_trees(tmp_path / "trees.dat")) < 4.4 * leaves
    assert (tmp_path / "trees.dat").stat().st_size < 2.6 * leaves


def test_dlib_reads_every_number(forest, tmp_path):
    """dlib writes the file that it has read again, with the same numbers in its own words."""
    write_forest(forest, tmp_path / "trees.dat")
    (tmp_path / "plain.dat").write_bytes(read_trees(tmp_path / "trees.dat"))
    dlib.shape_predictor(str(tmp_path / "plain.dat")).save(str(tmp_path / "again.dat"))
    windows = np.random.default_rng(1).integers(0, 256, (5, WINDOW_SIDE, WINDOW_SIDE), np.uint8)
    one, again = (asked_of_dlib(tmp_path / name, windows) for name in ("trees.dat", "again.dat"))
    assert (one == again).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -0.375, 1 / 3, -1e-9, 12345.678])
def test_fractions_are_exact_float32(value):
    data = fraction(value)
    mantissa, rest = _read(data)
    exponent, rest = _read(rest)
    assert rest == b"" and mantissa * 2.0**exponent == np.float32(value)


def _read(data):
    size = data[0] & 0x7F
    value = int.from_bytes(data[1 : 1 + size], "little")
    return (-value if data[0] & 0x80 else value), data[1 + size :]


@pytest.mark.parametrize("value", [0, 1, -1, 255, 256, -65536])
def test_whole_numbers(value):
    assert _read(whole(value)) == (value, b"")


def test_rounding_is_to_the_nearest():
    values = np.array([0.0, 1.0, 255.0, 257.0, -1 / 3, 1e-40, -0.999], np.float32)
    short = rounded(values)
    assert short[[0, 1, 2, 5]].tolist() == [0, 1, 255, 0]
    assert np.abs(short - values).max() <= 1.0
    assert np.abs(short[[4, 6]] / values[[4, 6]] - 1).max() < 2**-8


def test_a_leaf_that_is_no_number_is_not_written(forest, tmp_path):
    forest.levels[0].trees[0].leaves[0, 0], kept = np.nan, forest.levels[0].trees[0].leaves[0, 0]
    try:
        with pytest.raises(ValueError, match="no number"):
            write_forest(forest, tmp_path / "trees.dat")
    finally:
        forest.levels[0].trees[0].leaves[0, 0] = kept


def test_falling_down_a_tree():
    """Left where the difference is above the threshold."""
    tree = Tree(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([10, 0, -5]), np.zeros((4, 2), np.float32))
    pixels = np.array([[50, 50, 20, 20], [30, 30, 20, 20], [40, 60, 30, 25]], np.int16)
    assert fall(tree, pixels).tolist() == [0, 1, 3, 3]


def test_empty_leaves_change_nothing(starts):
    """A few samples under deep trees leave most leaves empty."""
    deep = replace(RECIPE, tree_depth=6, trees_per_level=3, cascade_depth=1)
    forest = Grower(deep, np.random.default_rng(1)).grow(starts.windows[:5], starts.points[:5])
    leaves = np.concatenate([tree.leaves for tree in forest.levels[0].trees])
    assert np.isfinite(leaves).all()
    assert (leaves == 0).all(axis=1).any()


def test_further_starts_lie_between_two_faces(starts):
    """With oversampling the trees see the same windows from other start shapes; dlib starts from the mean face."""
    often = replace(RECIPE, oversampling=3)
    one, again = (Grower(often, np.random.default_rng(2)).grow(starts.windows, starts.points) for _ in range(2))
    assert np.array_equal(one.levels[0].trees[0].leaves, again.levels[0].trees[0].leaves)
    assert one.initial == pytest.approx(((starts.points - 32) / 127).mean(axis=0), abs=1e-4)
    before = np.linalg.norm(one.initial * 127.0 + 32 - starts.points, axis=2).mean()
    assert np.linalg.norm(place(one, starts.windows) - starts.points, axis=2).mean() < 0.6 * before
