from collections import Counter
from shutil import copyfile, rmtree

import pytest

from smiledet.frame import Box
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.fer2013 import split_of
from smiledet.lab.datasets.smiles import LOCATED


def counts(samples):
    return Counter((sample.split, sample.label) for sample in samples)


def test_genki4k_reads_its_labels_by_line(genki4k):
    layout, samples = read_samples(f"genki4k:{genki4k}")
    assert layout.labels == ("not smiling", "smiling")
    labels = {sample.image.name: sample.label for sample in samples}
    assert labels == {f"file{number:04d}.jpg": layout.labels[number <= 5] for number in range(1, 13)}
    assert counts(samples) == {
        ("test", "smiling"): 1,
        ("train", "smiling"): 4,
        ("test", "not smiling"): 1,
        ("train", "not smiling"): 6,
    }
    assert all(sample.located is None for sample in samples)


def test_genki4k_groups_by_head_pose(genki4k):
    poses = ["0.1 -0.2 0.0", "0.3 0 0", "-0.3 0.4 0", "0 0 -0.27", "0.26 0.26 0.26", "a b c", "0.5", ""]
    (genki4k / "labels.txt").write_text("\n".join(f"1 {pose}" for pose in [*poses, *["0 0 0"] * 4]))
    samples = read_samples(f"genki4k:{genki4k}")[1]
    assert [sample.groups.get("head pose") for sample in samples][:8] == [
        "frontal",
        "turned",
        "nodding",
        "tilted",
        "frontal",
        None,
        None,
        None,
    ]


def test_genki4k_without_labels(genki4k, complaint):
    (genki4k / "labels.txt").unlink()
    with complaint(str(genki4k), "labels.txt"):
        read_samples(f"genki4k:{genki4k}")


@pytest.mark.parametrize("lines", [11, 13])
def test_genki4k_with_another_number_of_lines(lines, genki4k, complaint):
    (genki4k / "labels.txt").write_text("1 0 0 0\n" * lines)
    with complaint(str(genki4k), "12 pictures", f"{lines} lines", "labels.txt"):
        read_samples(f"genki4k:{genki4k}")


@pytest.mark.parametrize("value", ["2", "-1", "yes", "0.5", "1,"])
def test_genki4k_with_a_bad_label(value, genki4k, complaint):
    lines = ["1 0 0 0"] * 12
    lines[6] = f"{value} 0 0 0"
    (genki4k / "labels.txt").write_text("\n".join(lines))
    with complaint(str(genki4k / "labels.txt"), "line 7", repr(value), "0 or 1"):
        read_samples(f"genki4k:{genki4k}")


def test_genki4k_with_labels_that_are_no_text(genki4k, complaint):
    (genki4k / "labels.txt").write_bytes(b"\xff\xfe\x00\x81" * 20)
    with complaint(str(genki4k / "labels.txt")):
        read_samples(f"genki4k:{genki4k}")


def test_smiles_labels_by_folder_and_knows_where_the_face_is(smiles):
    layout, samples = read_samples(f"smiles:{smiles}")
    assert layout.labels == ("not smiling", "smiling")
    assert {sample.label for sample in samples if sample.image.parent.name == "positives7"} == {"smiling"}
    assert counts(samples) == {
        ("test", "smiling"): 1,
        ("train", "smiling"): 4,
        ("test", "not smiling"): 2,
        ("train", "not smiling"): 8,
    }
    assert {sample.located for sample in samples} == {LOCATED}


def test_smiles_without_one_of_its_folders(smiles, complaint):
    rmtree(smiles / "negatives")
    with complaint(str(smiles), "positives/", "negatives/"):
        read_samples(f"smiles:{smiles}")


def test_fer2013_has_three_splits_and_whole_crops(fer2013):
    layout, samples = read_samples(f"fer2013:{fer2013}")
    share = {"train": 3, "test": 1, "private": 1}
    assert counts(samples) == {(split, label): count for split, count in share.items() for label in layout.labels}
    assert {sample.located for sample in samples} == {Box(0, 0, 1, 1)}
    assert all(sample.image.parent.name == sample.label for sample in samples)


@pytest.mark.parametrize("split", ["PublicTest_0.jpg", "PrivateTest_0.jpg"])
def test_fer2013_drops_what_it_is_tested_on_from_training_whatever_the_label(split, fer2013):
    copyfile(fer2013 / "test" / "angry" / split, fer2013 / "train" / "happy" / "Training_twin.jpg")
    samples = read_samples(f"fer2013:{fer2013}")[1]
    assert "Training_twin.jpg" not in {sample.image.name for sample in samples}
    assert len(samples) == 35
    assert split in {sample.image.name for sample in samples if sample.label == "angry"}


def test_fer2013_without_splits_is_all_test(fer2013):
    for path in (fer2013 / "train" / "happy").iterdir():
        path.rename(path.with_name(path.name.replace("Training_", "")))
    happy = fer2013 / "train" / "happy"
    assert len(read_samples(f"fer2013:{happy.parent}")[1]) == 21
    alone = fer2013 / "Happy"
    happy.rename(alone)
    plain = [sample for sample in read_samples(f"fer2013:{fer2013}")[1] if sample.image.parent == alone]
    assert {(sample.label, sample.split) for sample in plain} == {("happy", "test")} and len(plain) == 3


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/sad/Training_1.jpg", "train"),
        ("train/sad/1.jpg", "train"),
        ("Training/sad/1.jpg", "train"),
        ("test/sad/PrivateTest_1.jpg", "private"),
        ("train/sad/PublicTest_1.jpg", "test"),  # the name outweighs the folder
        ("private/sad/1.jpg", "private"),
        ("validation/sad/1.jpg", "test"),
    ],
)
def test_fer2013_split_of_a_file(path, split, tmp_path):
    assert split_of(tmp_path / path) == split


def test_folders_name_the_classes(folders):
    layout, samples = read_samples(f"folders:{folders}")
    assert layout.labels is None
    assert [(sample.image.name, sample.label, sample.split) for sample in samples] == [
        ("puss.webp", "cat", "test"),
        ("tom.JPG", "cat", "test"),
        ("rex.png", "dog", "test"),
    ]


def test_folders_may_hold_splits(folders, picture):
    picture(folders / "split" / "train" / "cat" / "a.png", 1)
    picture(folders / "split" / "test" / "dog" / "b.png", 2)
    samples = read_samples(f"folders:{folders / 'split'}")[1]
    assert [(sample.label, sample.split) for sample in samples] == [("cat", "train"), ("dog", "test")]


def test_a_single_class_is_not_taken_for_the_folder_around(tmp_path, picture):
    picture(tmp_path / "photographs" / "happy" / "a.png", 1)
    picture(tmp_path / "photographs" / "happy" / "more" / "b.png", 2)
    samples = read_samples(f"folders:{tmp_path / 'photographs'}")[1]
    assert [sample.label for sample in samples] == ["happy", "happy"]
