"""AffectNet and ChaLearn: whole photographs with the face's box in a table."""

from shutil import copyfile

import pytest

from smiledet.frame import Box
from smiledet.lab.datasets.answers import EMOTIONS, EMOTIONS8
from smiledet.lab.datasets.base import read_samples


def test_affectnet_has_eight_labels_and_drops_the_rest(affectnet):
    layout, samples = read_samples(f"affectnet:{affectnet}")
    assert layout.labels == EMOTIONS8
    assert [(sample.image.name, sample.label, sample.split) for sample in samples] == [
        ("0.jpg", "neutral", "train"),
        ("1.jpg", "happy", "train"),
        ("2.jpg", "sad", "train"),
        ("3.jpg", "surprise", "train"),
        ("4.jpg", "fear", "train"),
        ("5.jpg", "disgust", "train"),
        ("6.jpg", "angry", "train"),
        ("7.jpg", "contempt", "train"),
        ("20.jpg", "neutral", "test"),
        ("21.jpg", "contempt", "test"),
    ]
    assert {sample.box for sample in samples if sample.split == "train"} == {Box(1, 2, 8, 9)}
    assert all(sample.located is None for sample in samples)


def test_affectnet_leaves_contempt_out_of_the_seven(affectnet):
    samples = read_samples(f"affectnet:{affectnet}", "emotion")[1]
    assert len(samples) == 8 and {sample.label for sample in samples} == set(EMOTIONS)


def test_affectnet_lists_may_lie_in_a_folder_of_their_own(affectnet):
    lists = affectnet / "Manually_Annotated_file_lists"
    lists.mkdir()
    for name in ("training.csv", "validation.csv"):
        (affectnet / name).rename(lists / name)
    assert len(read_samples(f"affectnet:{affectnet}")[1]) == 10


def test_affectnet_trains_on_nothing_that_it_is_tested_on(affectnet):
    images = affectnet / "Manually_Annotated_Images"
    copyfile(images / "2" / "20.jpg", images / "1" / "3.jpg")
    names = {sample.image.name for sample in read_samples(f"affectnet:{affectnet}")[1]}
    assert "3.jpg" not in names and {"20.jpg", "2.jpg"} <= names


def test_affectnet_without_some_or_all_of_its_pictures(affectnet, caplog, complaint):
    (affectnet / "Manually_Annotated_Images" / "1" / "3.jpg").unlink()
    assert len(read_samples(f"affectnet:{affectnet}")[1]) == 9
    assert "1 of 8" in caplog.text
    (affectnet / "Manually_Annotated_Images").rename(affectnet / "elsewhere")
    with complaint(str(affectnet), "no picture", "Manually_Annotated_Images"):
        read_samples(f"affectnet:{affectnet}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1.5;2.5,1,", "1.5;2.5,11,", ["row 2", "expression", "'11'"]),
        ("1.5;2.5,1,", "1.5;2.5,happy,", ["row 2", "'happy'"]),
        ("1/1.jpg,1,2", "1/1.jpg,left,2", ["row 2", "left"]),
        ("face_width", "width", ["'face_width'"]),
        (",-0.2\n", "\n", ["row 1", "8 cells"]),
    ],
)
def test_affectnet_with_a_broken_list(old, new, words, affectnet, complaint):
    table = affectnet / "training.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with complaint(str(table), *words):
        read_samples(f"affectnet:{affectnet}")


def test_chalearn_heeds_its_published_splits(chalearn):
    smiles = read_samples(f"chalearn:{chalearn}", "smile")[1]
    assert [(sample.image.name, sample.label, sample.split) for sample in smiles] == [
        ("a.jpg", "smiling", "train"),
        ("b.jpg", "not smiling", "train"),
        ("c.jpg", "smiling", "train"),
        ("d.jpg", "smiling", "validation"),
        ("e.jpg", "not smiling", "validation"),
    ]
    assert {sample.box for sample in smiles} == {Box(1, 2, 6, 7)}
    genders = read_samples(f"chalearn:{chalearn}", "gender")[1]
    assert [(sample.image.name, sample.label) for sample in genders] == [
        ("a.jpg", "man"),
        ("b.jpg", "woman"),
        ("d.jpg", "woman"),
        ("e.jpg", "man"),
    ]


def test_chalearn_has_its_test_pictures_in_a_folder(chalearn, picture):
    picture(chalearn / "track3_testing" / "track3_all" / "t.jpg", 77)
    table = chalearn / "track3_testing" / "test_gt.csv"
    table.write_text("image_name, bbox_x, bbox_y, bbox_width, bbox_height, Gender, Smile\nt.jpg,1,1,5,5,0,1\n")
    samples = read_samples(f"chalearn:{chalearn}")[1]
    assert [(sample.image.name, sample.label) for sample in samples if sample.split == "test"] == [("t.jpg", "smiling")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a.jpg,1,2,6,7,0,1", "a.jpg,1,2,6,7,3,1", ["row 1", "Gender", "'3'"]),
        ("a.jpg,1,2,6,7,0,1", "a.jpg,1,2,6,7,0,yes", ["row 1", "Smile", "'yes'"]),
        (" Smile", " Laugh", ["'Smile'"]),
    ],
)
def test_chalearn_with_a_broken_table(old, new, words, chalearn, complaint):
    table = chalearn / "smiles_trset" / "gender_fex_trset.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with complaint(str(table), *words):
        read_samples(f"chalearn:{chalearn}")
