import cv2
import numpy as np
import pytest

from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.fer2013 import CODES

ROWS = [(code, 10 + code, "Training") for code in range(7)] + [(3, 20, "PublicTest"), (6, 21, "PrivateTest")]


def test_kaggles_table_is_read_as_its_pictures(fer_table, tmp_path):
    table = fer_table(tmp_path / "kaggle", ROWS)
    layout, samples = read_samples(f"fer2013:{table.parent}")
    assert {(sample.label, sample.split) for sample in samples} == {
        *((label, "train") for label in layout.labels),
        ("happy", "test"),
        ("neutral", "private"),
    }
    for sample in samples:
        number = int(sample.image.stem.rpartition("_")[2])
        assert sample.label == CODES[ROWS[number][0]]
        pixels = np.random.default_rng(ROWS[number][1]).integers(0, 256, (48, 48))
        assert np.array_equal(cv2.imread(str(sample.image), cv2.IMREAD_GRAYSCALE), pixels)


def test_it_is_unpacked_once_and_again_when_it_changes(fer_table, tmp_path, home):
    folder = fer_table(tmp_path / "kaggle", ROWS).parent
    before = read_samples(f"fer2013:{folder}")[1]
    assert read_samples(f"fer2013:{folder}")[1] == before
    assert len(list((home / ".cache" / "smiledet" / "datasets").iterdir())) == 1
    fer_table(folder, ROWS[:4])
    assert len(read_samples(f"fer2013:{folder}")[1]) == 4


def test_copies_of_test_pictures_are_dropped_from_training(fer_table, tmp_path):
    folder = fer_table(tmp_path / "kaggle", [*ROWS, (0, 20, "Training")]).parent
    samples = read_samples(f"fer2013:{folder}")[1]
    assert len(samples) == len(ROWS)
    assert {sample.split for sample in samples if sample.image.stem.endswith("00009")} == set()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("7,{pixels},Training", ["row 2", "'7'", "0 to 6"]),
        ("-1,{pixels},Training", ["row 2", "'-1'"]),
        ("0,{pixels},Validation", ["row 2", "'Validation'", "PublicTest"]),
        ("0,1 2 3,Training", ["row 2", "3 pixels", "2304"]),
        ("0,{pixels} 256,Training", ["row 2", "2305"]),
        ("0,one two,Training", ["row 2", "no numbers"]),
        ("0,,Training", ["row 2", "0 pixels"]),
        ("0,{pixels}", ["row 2", "2 cells"]),
    ],
)
def test_a_broken_row_is_named(line, words, fer_table, tmp_path, complaint):
    table = fer_table(tmp_path / "kaggle", ROWS[:1])
    pixels = " ".join(["0"] * 2304)
    table.write_text(table.read_text() + line.format(pixels=pixels) + "\n")
    for _ in range(2):  # a failed attempt must not pass for an unpacked table
        with complaint(str(table), *words):
            read_samples(f"fer2013:{table.parent}")


def test_pixels_beyond_a_byte_are_refused(fer_table, tmp_path, complaint):
    table = fer_table(tmp_path / "kaggle", ROWS[:1])
    table.write_text("emotion,pixels,Usage\n0," + " ".join(["300"] * 2304) + ",Training\n")
    with complaint(str(table), "0 to 255"):
        read_samples(f"fer2013:{table.parent}")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81", b"emotion,pixels\n0,1\n", b"<html>404</html>"])
def test_what_is_no_such_table(content, tmp_path, complaint):
    table = tmp_path / "fer2013.csv"
    table.write_bytes(content)
    with complaint(str(table)):
        read_samples(f"fer2013:{tmp_path}")
