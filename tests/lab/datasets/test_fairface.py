from collections import Counter

import pytest

from smiledet.lab.datasets.base import read_samples


def test_a_fifth_of_every_gender_and_group_is_held_out(fairface):
    layout, samples = read_samples(f"fairface:{fairface}")
    assert layout.labels == ("man", "woman")
    assert Counter((sample.split, sample.label) for sample in samples) == {
        ("train", "man"): 8,
        ("test", "man"): 2,
        ("train", "woman"): 8,
        ("test", "woman"): 2,
    }
    first = next(sample for sample in samples if sample.image.name == "1.jpg")
    assert first.groups == {"gender": "woman", "age band": "3-9", "race": "White"}


def test_an_age_band_is_even_over_its_years(fairface):
    sample = next(sample for sample in read_samples(f"fairface:{fairface}", "age")[1] if sample.image.name == "0.jpg")
    assert sample.target == 24.5
    assert sample.votes == {str(year): pytest.approx(0.1) for year in range(20, 30)}


def test_the_published_validation_faces_are_the_held_out_ones(fairface, picture):
    picture(fairface / "val" / "1.jpg", 100)
    (fairface / "fairface_label_val.csv").write_text("file,age,gender,race\nval/1.jpg,0-2,Male,Black\n")
    assert Counter(sample.split for sample in read_samples(f"fairface:{fairface}")[1]) == {"train": 20, "test": 1}


@pytest.mark.parametrize(("old", "new", "word"), [("Male", "male", "gender"), ("20-29", "twenties", "age")])
def test_broken_rows_are_named(old, new, word, fairface, complaint):
    table = fairface / "fairface_label_train.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with complaint(str(table), "row 1", word, new):
        read_samples(f"fairface:{fairface}")
