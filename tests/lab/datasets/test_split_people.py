from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest

from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.splits import duplicate_digests, split_people


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str, label: str = "x", identity: str | None = None) -> Sample:
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return Sample(path, label, "", identity=identity)

    return write


@pytest.fixture
def people(write):
    """Two hundred people with one to five pictures each, all in one of two classes."""
    return [
        write(f"{person}-{number}", f"{person} {number}", "often" if person % 4 else "seldom", f"person {person}")
        for person in range(200)
        for number in range(person % 5 + 1)
    ]


def sides(samples):
    return {sample.image.name: sample.split for sample in samples}


def test_a_share_of_every_class_and_nobody_on_both_sides(people):
    split = split_people(people, "salt")
    found = defaultdict(set)
    for sample in split:
        found[sample.identity].add(sample.split)
    assert all(len(splits) == 1 for splits in found.values())
    counts = Counter((sample.label, sample.split) for sample in split)
    for label in ("often", "seldom"):
        whole = counts[label, "test"] + counts[label, "train"]
        assert abs(counts[label, "test"] - 0.2 * whole) <= 5
    assert [sample.image for sample in split] == [sample.image for sample in people]


def test_it_depends_on_neither_order_nor_split(people):
    before = sides(split_people(people, "salt"))
    shuffled = [replace(sample, split="private") for sample in people]
    Random(1).shuffle(shuffled)
    assert sides(split_people(shuffled, "salt")) == before


def test_seed_and_salt_draw_other_splits_and_the_same_ones_again(people):
    drawn = [sides(split_people(people, salt, seed=seed)) for salt, seed in (("a", 0), ("a", 1), ("b", 0), ("a", 0))]
    assert drawn[0] == drawn[3]
    assert drawn[0] != drawn[1] and drawn[0] != drawn[2] and drawn[1] != drawn[2]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_may_be_another(share, people):
    counts = Counter(sample.split for sample in split_people(people, "salt", share=share))
    assert abs(counts["test"] - share * len(people)) <= 5


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(share, people):
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_people(people, "salt", share=share)


def test_a_shared_picture_keeps_people_together(write):
    for seed in range(20):
        samples = [write(f"{person}", f"of {person}", identity=person) for person in "abcdefghij"]
        samples += [write("shared a", "the same", identity="a"), write("shared b", "the same", identity="b")]
        samples += [write("more b", "one more", identity="b"), write("more c", "one more", identity="c")]
        split = split_people(samples, "salt", seed=seed)
        assert len({sample.split for sample in split if sample.identity in "abc"}) == 1


def test_strangers_are_drawn_by_content(write):
    samples = [write(str(number), f"content {number // 2}") for number in range(40)]
    split = split_people(samples, "salt")
    assert Counter(sample.split for sample in split) == {"train": 32, "test": 8}
    assert all(one.split == other.split for one, other in zip(split[::2], split[1::2], strict=True))


def test_somebody_who_is_most_of_a_class_stays_in_training(write):
    samples = [write(str(number), f"{number}", identity="one" if number < 90 else f"{number}") for number in range(100)]
    split = split_people(samples, "salt")
    assert {sample.split for sample in split[:90]} == {"train"}
    assert {sample.split for sample in split[90:]} == {"test"}


def test_no_samples_are_no_split():
    assert split_people([], "salt") == []


def test_only_files_that_may_be_copies_are_read(write):
    samples = [write("a", "12345"), write("b", "54321"), write("c", "123456"), write("d", "12345")]
    digests = duplicate_digests(samples)
    assert digests[2] is None and digests[0] == digests[3] != digests[1] is not None
