"""dlib's files with shorter numbers."""

from __future__ import annotations

import dlib
import numpy as np
import pytest

from smiledet.lab.training.landmarks.dlib_format import MANTISSA_BITS, short, shorten_leaves, whole

SIDE, POINTS = 48, 5


def shapes(count, seed=0):
    """Grey squares with a bright spot, and points that lie about it."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        x, y = (int(each) for each in generator.integers(15, SIDE - 15, 2))
        picture = generator.integers(0, 40, (SIDE, SIDE)).astype(np.uint8)
        picture[y - 4 : y + 4, x - 4 : x + 4] = 220
        spots = [(x, y), (x - 4, y - 4), (x + 4, y - 4), (x - 4, y + 4), (x + 4, y + 4)]
        parts = [dlib.point(*spot) for spot in spots]
        yield picture, dlib.full_object_detection(dlib.rectangle(0, 0, SIDE - 1, SIDE - 1), parts)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A small shape predictor as dlib writes it."""
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 3, 2, 20
    options.oversampling_amount, options.feature_pool_size, options.random_seed = 5, 60, "1"
    pictures, objects = zip(*shapes(30), strict=True)
    path = tmp_path_factory.mktemp("trees") / "grown.dat"
    dlib.train_shape_predictor(list(pictures), [[each] for each in objects], options).save(str(path))
    return path.read_bytes()


def points(data, picture, path):
    path.write_bytes(data)
    found = dlib.shape_predictor(str(path))(picture, dlib.rectangle(0, 0, SIDE - 1, SIDE - 1))
    return np.array([(part.x, part.y) for part in found.parts()])


def test_shorter_leaves_say_the_same(grown, tmp_path):
    shorter = shorten_leaves(grown)
    assert len(shorter) < 0.8 * len(grown)
    pictures = [picture for picture, _ in shapes(10, seed=7)]
    before = [points(grown, picture, tmp_path / "a.dat") for picture in pictures]
    after = [points(shorter, picture, tmp_path / "b.dat") for picture in pictures]
    assert np.abs(np.array(before) - np.array(after)).max() <= 1
    assert len({tuple(each.ravel()) for each in after}) > 1  # they do look at the pictures


def test_what_is_short_already_stays_byte_for_byte(grown):
    shorter = shorten_leaves(grown)
    assert shorten_leaves(shorter) == shorter


@pytest.mark.parametrize(
    ("mantissa", "exponent", "wanted"),
    [
        (3, -2, (3, -2)),
        (-0x12345, -20, (-0x123 // 2, -11)),
        (0xFFFF, -16, (0x80, -7)),
        (0x1FF, 0, (0x80, 2)),
        (0, 0, (0, 0)),
    ],
)
def test_the_nearest_short_number(mantissa, exponent, wanted):
    near, power = wanted
    assert short(mantissa, exponent) == whole(near) + whole(power)
    assert abs(near * 2.0**power - mantissa * 2.0**exponent) <= 2.0**-MANTISSA_BITS * abs(mantissa * 2.0**exponent)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"\x01\x02" + data[2:], "version 2"),
        (lambda data: data[: len(data) // 2], "ends before"),
        (lambda data: data[:2] + b"\x01\x03" + data[4:], "one column"),
    ],
)
def test_something_else_is_refused(grown, damage, words):
    with pytest.raises(ValueError, match=words):
        shorten_leaves(damage(grown))
