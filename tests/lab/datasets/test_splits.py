from collections import Counter
from random import Random

import pytest

from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.splits import of_one_mind, split_fifths


@pytest.fixture
def samples(tmp_path):
    """A hundred of one class and thirty of another, each a file of its own."""
    found = []
    for label, count in (("often", 100), ("seldom", 30)):
        for number in range(count):
            path = tmp_path / "data" / f"{label}{number}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{label} {number}")
            found.append(Sample(path, label, "train"))
    return found


def sides(split):
    return {sample.image.name: sample.split for sample in split}


def test_a_fifth_of_every_class_is_test(samples):
    split = split_fifths(samples, "salt")
    assert Counter((sample.label, sample.split) for sample in split) == {
        ("often", "test"): 20,
        ("often", "train"): 80,
        ("seldom", "test"): 6,
        ("seldom", "train"): 24,
    }
    assert [sample.image for sample in split] == [sample.image for sample in samples]


def test_it_depends_on_neither_order_nor_split_nor_path(samples, tmp_path):
    before = sides(split_fifths(samples, "salt"))
    shuffled = [Sample(sample.image, sample.label, "private") for sample in samples]
    Random(1).shuffle(shuffled)
    assert sides(split_fifths(shuffled, "salt")) == before
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    moved = [Sample(tmp_path / "elsewhere" / sample.image.name, sample.label, "train") for sample in samples]
    assert sides(split_fifths(moved, "salt")) == before


def test_the_salt_draws_another_split(samples):
    one, other = (sides(split_fifths(samples, salt)) for salt in ("genki4k", "smiles"))
    assert one != other
    assert Counter(one.values()) == Counter(other.values())


@pytest.mark.parametrize("label", ["often", "seldom"])
def test_duplicates_fall_on_one_side_whatever_their_label(label, samples, tmp_path):
    twins = []
    for sample in samples:
        twin = tmp_path / "twins" / sample.image.name
        twin.parent.mkdir(exist_ok=True)
        twin.write_bytes(sample.image.read_bytes())
        twins.append(Sample(twin, label, "train"))
    split = split_fifths([*samples, *twins], "salt")
    for sample, twin in zip(split[: len(samples)], split[len(samples) :], strict=True):
        assert sample.split == twin.split


def test_too_few_to_divide_are_all_for_training(samples):
    assert {sample.split for sample in split_fifths(samples[:4], "salt")} == {"train"}
    assert split_fifths([], "salt") == []


def test_what_stands_under_two_labels_is_left_out(samples, tmp_path):
    copy, twin = tmp_path / "copy.png", tmp_path / "twin.png"
    copy.write_bytes(samples[0].image.read_bytes())
    twin.write_bytes(samples[1].image.read_bytes())
    odd, same = Sample(copy, "seldom", "train"), Sample(twin, "often", "train")
    kept = of_one_mind([*samples, odd, same, samples[2]])
    assert kept == [*samples[1:], same, samples[2]]
