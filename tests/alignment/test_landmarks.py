"""What dlib hands out, as arrays."""

from __future__ import annotations

import dlib
import numpy as np
import pytest

from smiledet.alignment.landmarks import whole_points


@pytest.mark.parametrize("count", [1, 2, 68])
def test_dlibs_points_are_read_as_they_are(count: int) -> None:
    chance = np.random.default_rng(count)
    given = chance.integers(-300, 3000, (count, 2))
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in given])
    found = whole_points(parts)
    assert found.shape == (count, 2) and found.dtype == np.float64
    assert np.array_equal(found, [(part.x, part.y) for part in parts])
