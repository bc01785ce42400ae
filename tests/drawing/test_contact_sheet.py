"""A sheet shows every picture whole, each in its cell."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.drawing import contact_sheet


def plain(width: int, height: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_stand_in_reading_order() -> None:
    values = [60, 100, 140, 180, 220]
    sheet = contact_sheet([plain(320, 180, value) for value in values], list("abcde"), columns=2, cell_width=160)
    centres = [np.argwhere((sheet == value).all(axis=2)).mean(axis=0) for value in values]
    order = sorted(range(5), key=lambda index: (round(centres[index][0]), centres[index][1]))
    assert order == [0, 1, 2, 3, 4]
    assert [int((sheet == value).all(axis=2).sum()) >= 160 * 90 for value in values] == [True] * 5


def test_a_picture_of_another_shape_is_shown_whole() -> None:
    upright = np.zeros((400, 200, 3), np.uint8)
    upright[:200], upright[200:] = (0, 0, 255), (255, 0, 0)
    sheet = contact_sheet([plain(320, 180, 99), upright, plain(320, 180, 88)], ["", "", ""], 3, 160)
    red, blue = (sheet == (0, 0, 255)).all(axis=2), (sheet == (255, 0, 0)).all(axis=2)
    assert np.flatnonzero(red.any(axis=0)).size == 45
    assert 88 <= np.flatnonzero(red.any(axis=1)).size + np.flatnonzero(blue.any(axis=1)).size <= 90


def test_captions_show_and_long_ones_are_shortened() -> None:
    images = [plain(320, 180, 128), plain(320, 180, 128)]
    bare = contact_sheet(images, ["", ""], 2, 160)
    captioned = contact_sheet(images, ["first", "a caption far longer than its cell is wide, and then some"], 2, 160)
    columns = np.flatnonzero((bare != captioned).any(axis=(0, 2)))
    assert columns.size and columns.max() < bare.shape[1] - 8
    rows = np.flatnonzero((bare != captioned).any(axis=(1, 2)))
    assert (bare[rows.min() : rows.max() + 1] != 128).all(axis=2).all()


def test_fewer_pictures_than_columns_make_a_narrower_sheet() -> None:
    assert contact_sheet([plain(320, 180, 9)], ["one"], 4, 160).shape[1] < 200


def test_pictures_are_not_written_to() -> None:
    image = plain(320, 180, 50)
    image.setflags(write=False)
    contact_sheet([image], ["one"], 1, 64)
    assert (image == 50).all()


@pytest.mark.parametrize(
    ("pictures", "captions", "columns", "width"),
    [(0, 0, 1, 100), (2, 1, 1, 100), (1, 1, 0, 100), (1, 1, 1, 10)],
)
def test_what_cannot_be_laid_out_is_refused(pictures, captions, columns, width) -> None:
    with pytest.raises(ValueError, match="sheet"):
        contact_sheet([plain(32, 18, 0)] * pictures, ["x"] * captions, columns, width)
