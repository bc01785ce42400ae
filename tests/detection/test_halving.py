"""Shrinking in halves: the same picture as in one step, but for rounding, and never an empty or a shifted one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.detection.search import HALVED_BELOW, HALVED_BY, halvable, resized
from smiledet.frame import GreyImage


def picture(width: int, height: int) -> GreyImage:
    noise = np.random.default_rng(3).integers(0, 256, (height, width)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


@pytest.mark.parametrize("side", [240, 241, 242, 243, 390])
def test_halved_before_is_the_same_but_for_rounding(side: int) -> None:
    whole = picture(side, side)
    left, top, right, bottom = halvable((0, 0, side, side), 0.1)
    view, size = whole[top:bottom, left:right], (round(right * 0.1), round(bottom * 0.1))
    once = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
    apart = np.abs(resized(view, size, 0.1).astype(int) - once)
    assert apart.mean() < 1 and apart.max() <= 4  # of 255; half a pixel aside: 4 and 19


@pytest.mark.parametrize("scale", [HALVED_BELOW + 0.01, 0.5, 1.0, 1.7])
def test_what_is_shrunk_less_stays_as_it_was(scale: float) -> None:
    view = picture(101, 67)
    assert halvable((3, 4, 101, 67), scale) == (3, 4, 101, 67)
    size = round(101 * scale), round(67 * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    assert np.array_equal(resized(view, size, scale), cv2.resize(view, size, interpolation=how))


@pytest.mark.parametrize("width", range(1, 10))
def test_nothing_becomes_empty(width: int) -> None:
    left, top, right, bottom = halvable((5, 5, 5 + width, 300), HALVED_BELOW)
    assert 0 < right - left <= width and width - (right - left) < HALVED_BY and bottom > top
    assert resized(picture(right - left, bottom - top), (2, 3), HALVED_BELOW).shape == (3, 2)


def test_what_is_not_halvable_is_shrunk_all_the_same() -> None:
    assert resized(picture(201, 203), (20, 21), 0.1).shape == (21, 20)
