from collections import Counter
from pathlib import Path

import pytest

from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.utkface import LOCATED, person_of


def test_the_file_name_tells_gender_and_groups(utkface):
    layout, samples = read_samples(f"utkface:{utkface}", "gender")
    assert layout.labels == ("man", "woman")
    assert Counter((sample.split, sample.label) for sample in samples) == {
        ("test", "man"): 2,
        ("train", "man"): 8,
        ("test", "woman"): 2,
        ("train", "woman"): 8,
    }
    assert all(sample.located == LOCATED and sample.target is None for sample in samples)
    of_name = {sample.image.name.split("_2017")[0]: sample for sample in samples}
    assert of_name["21_1_3"].groups == {"gender": "woman", "age band": "16-29", "race": "Indian"}
    assert of_name["21_1_3"].label == "woman"


def test_an_age_is_a_number_and_its_split_is_that_of_the_gender(utkface):
    ages, genders = (read_samples(f"utkface:{utkface}", task)[1] for task in ("age", "gender"))
    assert [sample.target for sample in ages] == [float(sample.image.name[:2]) for sample in ages]
    assert [sample.label for sample in ages] == [sample.image.name[:2] for sample in ages]
    assert [(one.image, one.split) for one in ages] == [(one.image, one.split) for one in genders]


def test_broken_names_are_counted_on_one_line(utkface, caplog):
    assert len(read_samples(f"utkface:{utkface}")[1]) == 20
    assert [record.getMessage() for record in caplog.records] == [f"{utkface}: left out 3 pictures with a broken name"]


@pytest.mark.parametrize(
    "name", ["1_2_0_2017.jpg", "0_1_0_2017.jpg", "117_1_0_2017.jpg", "20_1_5_2017.jpg", "²_1_0_x.jpg", "-1_1_0_x.jpg"]
)
def test_what_is_no_person(name):
    assert person_of(Path(name)) is None


def test_published_slips_after_the_third_field_do_no_harm():
    assert person_of(Path("55_0_0_20170116232725357jpg.chip.jpg")) is not None
    assert person_of(Path("24_0_1_20170116220224657 .jpg.chip.jpg")) is not None


def test_a_task_that_it_does_not_serve(utkface, complaint):
    with complaint("utkface", "gender, age", "'smile'"):
        read_samples(f"utkface:{utkface}", "smile")
