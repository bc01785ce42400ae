"""Plates, bars and boxes: drawn where they should be and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.drawing.geometry import Rect
from smiledet.drawing.shapes import draw_corners, draw_track, fill_plate, fill_rounded, fill_track


def canvas(value: int = 200) -> np.ndarray:
    return np.full((100, 140, 3), value, np.uint8)


def changed(image: np.ndarray, value: int = 200) -> np.ndarray:
    return (image != value).any(axis=2)


@pytest.mark.parametrize("radius", [0, 1, 4, 10, 99])
def test_a_rounded_rectangle_fills_its_middle_and_keeps_to_its_edges(radius) -> None:
    image = canvas()
    fill_rounded(image, Rect(30, 20, 60, 40), radius, (0, 0, 255))
    assert tuple(image[40, 60]) == (0, 0, 255)
    rows, columns = np.nonzero(changed(image))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 59, 30, 89)
    if radius >= 4:
        assert [tuple(image[at]) for at in ((20, 30), (20, 89), (59, 30), (59, 89))] == [(200, 200, 200)] * 4


def test_corners_are_alike() -> None:
    image = canvas()
    fill_rounded(image, Rect(30, 20, 61, 41), 12, (10, 90, 250))
    part = image[20:61, 30:91]
    np.testing.assert_array_equal(part, part[:, ::-1])
    np.testing.assert_array_equal(part, part[::-1])


@pytest.mark.parametrize("rect", [(-20, -20, 60, 60), (120, 80, 60, 60), (-50, 40, 300, 10), (300, 300, 9, 9)])
def test_what_leaves_the_picture_is_cut_off(rect) -> None:
    for draw in (
        lambda image: fill_plate(image, Rect(*rect), 5),
        lambda image: fill_rounded(image, Rect(*rect), 5, (0, 0, 0)),
        lambda image: draw_corners(image, Rect(*rect), 3, (0, 0, 0)),
    ):
        image = canvas()
        draw(image)
        outside = np.ones(image.shape[:2], bool)
        outside[max(0, rect[1]) : max(0, rect[1] + rect[3]), max(0, rect[0]) : max(0, rect[0] + rect[2])] = False
        assert not (changed(image) & outside).any()
        assert changed(image).any() == (rect[0] < 140)


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_white_text_on_a_plate_reads_on_any_picture(ground) -> None:
    image = canvas(ground)
    fill_plate(image, Rect(10, 10, 100, 60), 6)
    shade = image[40, 60].max() / 255
    luminance = shade / 12.92 if shade <= 0.04045 else ((shade + 0.055) / 1.055) ** 2.4
    assert (0.9 + 0.05) / (luminance + 0.05) >= 4.5


def test_a_plate_lets_the_picture_through() -> None:
    dark, bright = canvas(0), canvas(255)
    for image in (dark, bright):
        fill_plate(image, Rect(10, 10, 100, 60), 6)
    assert bright[40, 60, 0] > dark[40, 60, 0] + 30


@pytest.mark.parametrize(("share", "filled"), [(-1, 0), (0, 0), (0.25, 25), (0.5, 50), (1, 100), (7, 100)])
def test_a_bar_is_filled_to_its_share(share, filled) -> None:
    image = canvas()
    bar = Rect(20, 50, 100, 4)
    draw_track(image, bar)
    fill_track(image, bar, share, (0, 255, 0))
    assert (image[52] == (0, 255, 0)).all(axis=1).sum() == filled
    assert changed(image)[52].sum() == 100


def test_the_middle_of_a_box_stays_clear() -> None:
    image = canvas()
    draw_corners(image, Rect(20, 10, 80, 80), 3, (0, 255, 0))
    assert not changed(image)[18:82, 28:92].any()
    assert (image == (0, 255, 0)).all(axis=2).sum() > 100
    assert not changed(image)[10:12, 55:65].any()
