"""Growing the cascade of regression trees.

Method: V. Kazemi, J. Sullivan, One millisecond face alignment with an ensemble of regression trees, CVPR 2014, sections
2.3 and 2.4, in the geometry of dlib's `shape_predictor`, whose code runs the trees (`smiledet.training.dlib_format`
writes its file). Grown here because whole pixels are all that dlib's own trainer takes, and for speed: residuals are
kept in the few shapes that faces vary by, a matrix product scores all the splits of a node at once, and each tree's
splits are chosen on a part of the faces (J. H. Friedman, Stochastic gradient boosting, 2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smiledet.alignment.landmarks import FACE_SIDE, WINDOW_SIDE
from smiledet.frame import Points
from smiledet.training.recipe import ForestRecipe

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]

EDGE = (WINDOW_SIDE - FACE_SIDE) // 2
REACH = FACE_SIDE - 1
"""dlib's unit: from the middle of the face box's first pixel to the middle of its last."""

CANDIDATES = 40
"""Pairs of pixels drawn for each that is tested, so that most of those tested lie near each other."""

PADDING = 0.05
"""How far outside the mean face the compared pixels may lie, in face boxes."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree; sample goes left where the difference of two pixels is above the threshold.

    Attributes:
        first: Pixel of each split, breadth first, (2 ** depth - 1).
        second: The pixel taken away from it.
        threshold: Whole grey values.
        leaves: What is added to the shape, (2 ** depth, 136) float32, in dlib's units.
    """

    first: Whole
    second: Whole
    threshold: Whole
    leaves: Floats


@dataclass(frozen=True, slots=True)
class Level:
    """One regressor of the cascade.

    Attributes:
        anchors: Landmark that each compared pixel moves with, (pool).
        deltas: Place of the pixel from there, in the mean face's frame, (pool, 2) float32.
        trees: Its trees.
    """

    anchors: Whole
    deltas: Floats
    trees: list[Tree]


@dataclass(frozen=True, slots=True)
class Forest:
    """The cascade: where it starts from and its regressors; see dlib's `shape_predictor`.

    Attributes:
        initial: Start shape, (68, 2) float32 in dlib's units.
        levels: The regressors in their order.
    """

    initial: Floats
    levels: list[Level]


def to_units(points: Points) -> Points:
    """Pixels of the window in dlib's units."""
    return (points - EDGE) / REACH


def _turns(initial: Floats, shapes: Floats) -> tuple[Floats, Floats]:
    """Rotation and scale that take the mean face to each shape (n, 68, 2): cosines and sines times the scale, (n)."""
    centred = initial - initial.mean(axis=0)
    spread = float((centred**2).sum())
    # The start shape is centred, so the others' means drop out of the sums.
    cosines = shapes.reshape(len(shapes), -1) @ centred.ravel() / spread
    quarter = np.stack([-centred[:, 1], centred[:, 0]], axis=1)
    sines = shapes.reshape(len(shapes), -1) @ quarter.ravel() / spread
    return cosines.astype(np.float32), sines.astype(np.float32)


def read_pixels(
    level: Level, initial: Floats, shapes: Floats, windows: npt.NDArray[np.uint8], of: Whole
) -> npt.NDArray[np.int16]:
    """Grey values of a level's pool of pixels, as dlib reads them: (pool, n).

    Args:
        level: Tells the pixels.
        initial: Start shape.
        shapes: Where the points are now, (n, 68, 2).
        windows: The pictures, (windows, WINDOW_SIDE, WINDOW_SIDE).
        of: Whose window each shape lies in, (n).
    """
    cosines, sines = _turns(initial, shapes)
    places = np.ascontiguousarray(shapes.transpose(1, 2, 0))
    flat = windows.reshape(-1)
    begin = of * (WINDOW_SIDE * WINDOW_SIDE)
    pixels = np.empty((len(level.anchors), len(shapes)), np.int16)
    for row, anchor, (x, y) in zip(pixels, level.anchors, level.deltas, strict=True):
        column = np.floor((places[anchor, 0] + cosines * x - sines * y) * REACH + (EDGE + 0.5)).astype(np.int64)
        line = np.floor((places[anchor, 1] + sines * x + cosines * y) * REACH + (EDGE + 0.5)).astype(np.int64)
        inside = (column >= 0) & (column < WINDOW_SIDE) & (line >= 0) & (line < WINDOW_SIDE)
        row[:] = np.where(inside, flat[begin + np.where(inside, line * WINDOW_SIDE + column, 0)], 0)
    return pixels


def fall(tree: Tree, pixels: npt.NDArray[np.int16]) -> Whole:
    """The leaf that each sample falls into, (n), given the pool's pixels (pool, n)."""
    left = pixels[tree.first] - pixels[tree.second] > tree.threshold[:, None]
    node = np.zeros(pixels.shape[1], np.int64)
    samples = np.arange(pixels.shape[1])
    while True:
        node = 2 * node + 2 - left[node, samples]
        if node[0] >= len(left):
            return node - len(left)


def place(forest: Forest, windows: npt.NDArray[np.uint8]) -> Points:
    """The points in each window, (n, 68, 2) in pixels of the window: what dlib finds, but for its rounding."""
    shapes = np.repeat(forest.initial[None], len(windows), axis=0)
    for level in forest.levels:
        pixels = read_pixels(level, forest.initial, shapes, windows, np.arange(len(windows)))
        change = np.zeros((len(windows), forest.initial.size), np.float32)
        for tree in level.trees:
            change += tree.leaves[fall(tree, pixels)]
        shapes = shapes + change.reshape(shapes.shape)
    return shapes.astype(np.float64) * REACH + EDGE


class Grower:
    """Grows a forest.

    Args:
        recipe: See `ForestRecipe`.
        generator: Of all random draws.
    """

    def __init__(self, recipe: ForestRecipe, generator: np.random.Generator) -> None:
        self._recipe = recipe
        self._generator = generator

    def grow(
        self,
        windows: npt.NDArray[np.uint8],
        points: Points,
        step: Callable[[int, float], None] | None = None,
    ) -> Forest:
        """Grow a forest that finds the points in the windows.

        Args:
            windows: Grey, (n, WINDOW_SIDE, WINDOW_SIDE).
            points: Annotations in pixels of the windows, (n, 68, 2).
            step: Called after each level with its number and the mean distance that is left, in face boxes.
        """
        units = to_units(points).astype(np.float32)
        initial = units.mean(axis=0)
        basis = self._main_shapes(units - initial)
        # Any stretch of the samples is a random draw of them.
        of = self._generator.permutation(np.tile(np.arange(len(windows)), self._recipe.oversampling))
        targets, shapes = units[of], self._draw_starts(initial, units, len(of))
        levels: list[Level] = []
        for number in range(self._recipe.cascade_depth):
            level = self._draw_pool(initial)
            pixels = read_pixels(level, initial, shapes, windows, of)
            before = (targets - shapes).reshape(len(shapes), -1) @ basis
            residuals = before.copy()
            for _ in range(self._recipe.trees_per_level):
                level.trees.append(self._grow_tree(level, initial, pixels, residuals, basis))
            shapes += ((before - residuals) @ basis.T).reshape(shapes.shape)
            levels.append(level)
            if step:
                step(number, float(np.linalg.norm(targets - shapes, axis=2).mean()))
        return Forest(initial, levels)

    def _draw_starts(self, initial: Floats, units: Floats, count: int) -> Floats:
        """Where the samples start from: one in `oversampling` from the mean face, the others between two faces."""
        one, other = self._generator.integers(0, len(units), (2, count))
        share = self._generator.uniform(0.1, 0.9, (count, 1, 1)).astype(np.float32)
        starts = units[one] * share + units[other] * (1 - share)
        starts[:: self._recipe.oversampling] = initial
        return np.asarray(starts, np.float32)

    def _main_shapes(self, differences: Floats) -> Floats:
        """Orthonormal columns that span most of what the shapes (n, 68, 2) differ by, the largest first."""
        flat = differences.reshape(len(differences), -1).astype(np.float64)
        _, vectors = np.linalg.eigh(flat.T @ flat)
        return np.ascontiguousarray(vectors[:, ::-1][:, : self._recipe.shapes], np.float32)

    def _draw_pool(self, initial: Floats) -> Level:
        low, high = initial.min(axis=0) - PADDING, initial.max(axis=0) + PADDING
        pixels = self._generator.uniform(low, high, (self._recipe.feature_pool_size, 2)).astype(np.float32)
        anchors = np.linalg.norm(pixels[:, None] - initial[None], axis=2).argmin(axis=1)
        return Level(anchors, pixels - initial[anchors], [])

    def _draw_pairs(self, places: Floats) -> tuple[Whole, Whole]:
        """`test_splits` random pairs of pixels, near ones likelier (section 2.3.2 there)."""
        wanted = self._recipe.test_splits
        pairs = self._generator.integers(0, len(places), (wanted * CANDIDATES, 2))
        distances = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
        # The first of many exponential clocks to ring: a weighted draw without replacement.
        clocks = self._generator.exponential(size=len(pairs)) * np.exp(distances / self._recipe.pair_distance)
        clocks[pairs[:, 0] == pairs[:, 1]] = np.inf
        pairs = pairs[np.argpartition(clocks, wanted)[:wanted]]
        return pairs[:, 0], pairs[:, 1]

    def _draw_thresholds(self, differences: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """A threshold for each pair of pixels (tests, n): what some sample's difference is, so that none is idle."""
        tests, count = differences.shape
        if not count:
            return np.zeros(tests, np.int16)
        drawn: npt.NDArray[np.int16] = differences[np.arange(tests), self._generator.integers(0, count, tests)]
        return drawn

    def _grow_tree(
        self, level: Level, initial: Floats, pixels: npt.NDArray[np.int16], residuals: Floats, basis: Floats
    ) -> Tree:
        """One more tree; takes what it explains away from the residuals (n, shapes)."""
        recipe = self._recipe
        part = min(len(residuals), recipe.split_samples)
        begin = int(self._generator.integers(0, len(residuals) - part + 1))
        some = pixels[:, begin : begin + part]
        some_residuals = residuals[begin : begin + part, : recipe.split_shapes]
        places = initial[level.anchors] + level.deltas
        members: list[Whole] = [np.arange(part)]
        first, second, threshold = (np.zeros(2**recipe.tree_depth - 1, np.int64) for _ in range(3))
        for node in range(len(first)):
            ones, others = self._draw_pairs(places)
            inside = members[node]
            within = some[:, inside] if node else some
            differences = within[ones] - within[others]
            thresholds = self._draw_thresholds(differences)
            left = differences > thresholds[:, None]
            best = _best_split(left, some_residuals[inside])
            first[node], second[node], threshold[node] = ones[best], others[best], thresholds[best]
            members += [inside[left[best]], inside[~left[best]]]
        tree = Tree(first, second, threshold, np.zeros((0, 0), np.float32))
        leaf = fall(tree, pixels)
        belongs = (leaf == np.arange(len(first) + 1)[:, None]).astype(np.float32)
        counts = belongs.sum(axis=1, keepdims=True)
        steps = recipe.nu * (belongs @ residuals) / np.maximum(counts + recipe.leaf_weight, 1)
        residuals -= steps[leaf]
        return Tree(first, second, threshold, steps @ basis.T)


def _best_split(left: npt.NDArray[np.bool_], residuals: Floats) -> int:
    """The split (row of `left`, (tests, n)) that leaves the least squared residual (n, shapes) about the two means."""
    sums = left.astype(np.float32) @ residuals
    counts = left.sum(axis=1)
    rest = residuals.sum(axis=0) - sums
    gain = (sums**2).sum(axis=1) / np.maximum(counts, 1) + (rest**2).sum(axis=1) / np.maximum(
        len(residuals) - counts, 1
    )
    return int(gain.argmax())
