"""What is LiteRT's own: the integers of full int8 files."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.engines.litert import _real


def test_integers_become_probabilities_that_sum_to_1():
    """A sure answer is 255 of 256 and rounding may lose one more: the file's own sums are not 1."""
    integers = np.array([[255, 0, 0], [128, 64, 63]], np.float32)
    scores = _real(integers, 1 / 256, 0)
    assert scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert scores[0].tolist() == [1, 0, 0]
    assert scores[1] == pytest.approx(integers[1] / 255)
    assert _real(integers - 128, 1 / 256, -128) == pytest.approx(scores)
