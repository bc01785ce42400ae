from shutil import copyfile

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.datasets.census import take_census
from smiledet.lab.datasets.sheet import CELL, class_sheet, pictures


def test_classes_are_counted_by_split(fer2013):
    census = take_census(read_samples(f"fer2013:{fer2013}")[1])
    assert list(census.counts) == ["train", "test", "private"]
    assert census.counts["train"] == dict.fromkeys(census.classes, 3)
    assert (census.identities, census.duplicates) == (None, 0)


def test_ages_are_counted_by_decade(utkface):
    samples = read_samples(f"utkface:{utkface}", "age")[1]
    samples.append(Sample(samples[0].image, "101", "train", target=101.0))
    samples.append(Sample(samples[0].image, "5", "train", target=5.9))
    census = take_census(samples)
    assert census.classes == ["0-9", "20-29", "100-109"]
    assert census.groups["gender"] == {"man": 10, "woman": 10}


def test_people_and_copies_across_splits_are_seen(picture, tmp_path):
    one, two = (picture(tmp_path / f"{number}.png", number) for number in (1, 2))
    copies = [copyfile(one, tmp_path / f"copy{number}.png") for number in range(3)]
    samples = [
        Sample(one, "a", "train", identity="p"),
        Sample(copies[0], "a", "train", identity="q"),
        Sample(copies[1], "a", "test", identity="q"),
        Sample(copies[2], "b", "train", identity="p"),
        Sample(two, "b", "test", identity="p"),
    ]
    census = take_census(samples)
    assert (census.identities, census.identities_across) == (2, 2)
    assert (census.duplicates, census.duplicates_across, census.duplicates_at_odds) == (3, 1, 1)


def coloured(path, colour, shape=(60, 60)):
    cv2.imwrite(str(path), np.full((*shape, 3), colour, np.uint8))
    return path


def test_the_sheet_has_a_row_a_class(tmp_path):
    blue = [Sample(coloured(tmp_path / f"b{n}.png", (255, 0, 0)), "blue", "train") for n in range(5)]
    red = [Sample(coloured(tmp_path / "r.png", (0, 0, 255), (30, 90)), "red", "test")]
    sheet = class_sheet([("set", [*red, *blue])], columns=3)
    rows = sheet.shape[0] // 2
    assert [int((sheet[part] == (255, 0, 0)).all(2).sum()) > 0 for part in (slice(0, rows), slice(rows, None))] == [
        True,
        False,
    ]
    assert (sheet[rows:] == (0, 0, 255)).all(2).sum() == CELL * CELL // 3  # whole, in its own shape
    assert (sheet == (255, 0, 0)).all(2).sum() == 3 * CELL * CELL


def test_pictures_that_cannot_be_read_are_passed_over(tmp_path):
    (tmp_path / "broken.png").write_text("no picture")
    good = Sample(coloured(tmp_path / "good.png", (9, 9, 9)), "a", "train")
    bad = Sample(tmp_path / "broken.png", "a", "train")
    assert [sample for _, sample in pictures([bad, good, bad], 3)] == [good]
    with pytest.raises(UsageError, match="can be read"):
        class_sheet([("set", [bad])])


@pytest.mark.parametrize("box", [Box(-0.3, -0.3, 1.6, 1.6), Box(0.2, 0.2, 0.5, 0.5), Box(-9, -9, 30, 30)])
def test_the_box_is_drawn_even_beyond_the_crop(box, tmp_path):
    path = coloured(tmp_path / "a.png", (0, 0, 0))
    ((image, _),) = pictures([Sample(path, "a", "train", located=box)], 1)
    drawn = (image.astype(int).sum(2) > 200).sum()
    assert image.shape == (CELL, CELL, 3)
    assert drawn > CELL if abs(box.x) < 1 else drawn == 0  # a box far outside is a mistake, and cut
