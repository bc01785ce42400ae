"""Times of every kind, as they come out of files, cameras and pipelines."""

import math
from itertools import pairwise

import pytest

from smiledet.sources.timeline import Timeline

NAN = math.nan


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        ([0.0, 0.1, 0.25, 0.3], [0.0, 0.1, 0.25, 0.3]),
        ([0.0, 0.0, 0.0], [0.0, 0.5, 1.0]),
        ([0.0, 1.0, 0.5, 4.0], [0.0, 1.0, 1.5, 4.0]),
        ([NAN, NAN, NAN], [0.0, 0.5, 1.0]),
        ([7.0, NAN, 9.0], [7.0, 7.5, 9.0]),
        ([0.0, 9.0, 0.0, 2.0, NAN, 1.0, 2.0], [0.0, 9.0, 9.5, 11.5, 12.0, 12.5, 13.5]),
        ([0.0, 1.0, 95443.7, 95444.7], [0.0, 1.0, 1.5, 2.5]),
        ([0.0, math.inf, 2.0, -math.inf, 3.0], [0.0, 0.5, 2.0, 2.5, 3.0]),
        ([1.8e9, 1.8e9 + 0.1], [1.8e9, 1.8e9 + 0.1]),
        ([1e15, 1e15 + 1, 1e15 + 2], [0.0, 1.0, 2.0]),
        ([-5.0, -4.0], [-5.0, -4.0]),
        ([1.0, 1.0 + 1e-9, 2.0], [1.0, 1.5, 2.0]),
    ],
)
def test_time_goes_on(given, placed):
    line = Timeline(step=0.5)
    assert [line.place(time) for time in given] == pytest.approx(placed, abs=1e-9)


def test_whatever_comes_time_increases_by_what_can_be_divided_by():
    line = Timeline()
    times = [0, 1e300, -1e300, NAN, 5, 5, 4.999, 1e11, 2e11, -1, 1e-12, 2e-12, math.inf, 6] * 3
    placed = [line.place(float(time)) for time in times]
    assert all(after - before >= 9e-5 for before, after in pairwise(placed)) and all(map(math.isfinite, placed))
