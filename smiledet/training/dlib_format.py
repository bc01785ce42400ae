"""Writing a forest as dlib's `shape_predictor` file.

Format: dlib's `serialize.h`, `image_processing/shape_predictor.h` (version 1) and `float_details.h`.
A whole number is a byte that counts its bytes, its top bit the sign, then the bytes, lowest first. A fraction is
mantissa and exponent of two, each such a whole number: 6 bytes as dlib writes a float32, 4 with a mantissa that fits a
byte. Leaves are thousands of small steps that are added up, so a byte's mantissa costs them nothing that can be seen,
and half as many trees more fit a file.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smiledet.training.forest import Floats, Forest, Level, Tree

VERSION = 1
SIGN = 0x80
MANTISSA_BITS = 8


def whole(value: int) -> bytes:
    """A whole number.

    >>> whole(1).hex(), whole(-68).hex(), whole(300).hex(), whole(0).hex()
    ('0101', '8144', '022c01', '0100')
    """
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (SIGN if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def fraction(value: float) -> bytes:
    """A float32, exactly.

    >>> fraction(-0.75).hex()
    '81038102'
    """
    numerator, denominator = float(np.float32(value)).as_integer_ratio()
    return whole(numerator) + whole(1 - denominator.bit_length())


def rounded(values: Floats) -> Floats:
    """The nearest float32 with mantissas of `MANTISSA_BITS`; what is under 2 ** -100 is 0."""
    mantissas, exponents = np.frexp(values.astype(np.float64))
    near = np.ldexp(np.round(mantissas * 2**MANTISSA_BITS), exponents - MANTISSA_BITS)
    return np.where(np.abs(near) < 2.0**-100, 0, near).astype(np.float32)


def _fractions(values: Floats) -> bytes:
    """Many float32 of `MANTISSA_BITS` in dlib's format, four bytes each."""
    mantissas, exponents = np.frexp(rounded(values).astype(np.float64).ravel())
    digits = np.abs(mantissas * 2**MANTISSA_BITS).astype(np.int64)
    powers = np.where(digits == 0, 0, exponents.astype(np.int64) - MANTISSA_BITS)
    quads = np.empty((digits.size, 4), np.uint8)
    quads[:, 0] = np.where(mantissas < 0, 1 | SIGN, 1)
    quads[:, 1] = digits
    quads[:, 2] = np.where(powers < 0, 1 | SIGN, 1)
    quads[:, 3] = np.abs(powers)
    return quads.tobytes()


def _column(values: Floats) -> bytes:
    """A matrix of one column, as dlib heads them: its sizes negated."""
    return whole(-values.size) + whole(-1) + _fractions(values)


def _tree(tree: Tree) -> bytes:
    splits = zip(tree.first.tolist(), tree.second.tolist(), tree.threshold.tolist(), strict=True)
    return b"".join(
        [
            whole(len(tree.first)),
            *(whole(first) + whole(second) + fraction(threshold) for first, second, threshold in splits),
            whole(len(tree.leaves)),
            *(_column(leaf) for leaf in tree.leaves),
        ]
    )


def _places(level: Level) -> bytes:
    return b"".join([whole(len(level.deltas)), *(fraction(each) for each in level.deltas.ravel().tolist())])


def _list(parts: Sequence[bytes]) -> bytes:
    return whole(len(parts)) + b"".join(parts)


def write_forest(forest: Forest, path: Path) -> None:
    """Write a gzipped file that, unpacked, `dlib.shape_predictor` reads.

    Args:
        forest: The cascade; its leaves lose all but `MANTISSA_BITS` of their mantissas.
        path: Where to.

    Raises:
        ValueError: A value is no number, which dlib would read as some other one.
    """
    if not all(math.isfinite(float(tree.leaves.sum())) for level in forest.levels for tree in level.trees):
        raise ValueError("a leaf holds a value that is no number")
    initial = forest.initial.ravel()
    start = whole(-initial.size) + whole(-1) + b"".join(fraction(each) for each in initial.tolist())
    trees = _list([_list([_tree(tree) for tree in level.trees]) for level in forest.levels])
    anchors = _list([_list([whole(anchor) for anchor in level.anchors.tolist()]) for level in forest.levels])
    deltas = _list([_places(level) for level in forest.levels])
    # No time in the head: the same trees give the same file.
    path.write_bytes(gzip.compress(whole(VERSION) + start + trees + anchors + deltas, mtime=0))
