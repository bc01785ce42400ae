from shutil import rmtree

import pytest

from smiledet.lab.datasets.answers import EMOTIONS, EMOTIONS8
from smiledet.lab.datasets.base import read_samples


def by_row(samples):
    return {int(sample.image.stem[-5:]): sample for sample in samples}


def test_a_label_has_more_than_half_of_the_votes(ferplus):
    samples = by_row(read_samples(f"ferplus:{ferplus}", "emotion")[1])
    assert {row: (sample.label, sample.split) for row, sample in samples.items()} == {
        0: ("happy", "train"),
        1: ("neutral", "train"),
        5: ("fear", "test"),
    }


def test_votes_are_soft_labels_without_outliers(ferplus):
    samples = by_row(read_samples(f"ferplus:{ferplus}", "emotion")[1])
    assert set(samples[1].votes) == set(EMOTIONS)
    assert {label: share for label, share in samples[1].votes.items() if share} == {
        "neutral": pytest.approx(6 / 9),
        "happy": pytest.approx(3 / 9),
    }
    assert samples[5].votes["fear"] == 1  # two said that it is no face


def test_contempt_is_a_class_of_the_eight(ferplus):
    samples = by_row(read_samples(f"ferplus:{ferplus}", "emotion8")[1])
    assert samples[2].label == "contempt" and samples[2].votes["contempt"] == pytest.approx(0.8)
    assert set(samples[2].votes) == set(EMOTIONS8) and set(samples) == {0, 1, 2, 5}


def test_the_authors_own_folders_serve_as_well(ferplus, picture):
    (ferplus / "fer2013.csv").unlink()
    for number, folder in ((0, "FER2013Train"), (1, "FER2013Train"), (5, "FER2013Valid")):
        picture(ferplus / folder / f"fer{number:07d}.png", number)
    samples = read_samples(f"ferplus:{ferplus}")[1]
    assert [(sample.image.name, sample.label) for sample in samples] == [
        ("fer0000000.png", "happy"),
        ("fer0000001.png", "neutral"),
        ("fer0000005.png", "fear"),
    ]


def test_votes_without_pictures(ferplus, complaint):
    (ferplus / "fer2013.csv").unlink()
    with complaint(str(ferplus), "fer2013.csv", "FER2013Train"):
        read_samples(f"ferplus:{ferplus}")


def test_fewer_votes_than_pictures(ferplus, home, complaint):
    votes = ferplus / "fer2013new.csv"
    votes.write_text("".join(votes.read_text().splitlines(keepends=True)[:-1]))
    rmtree(home, ignore_errors=True)
    with complaint(str(votes), "5 rows"):
        read_samples(f"ferplus:{ferplus}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0,10,0", "0,ten,0", ["row 1", "happy", "'ten'"]),
        ("0,10,0", "0,-1,0", ["row 1", "'-1'"]),
        ("Training,fer0000000", "Trained,fer0000000", ["row 1", "'Trained'"]),
        (",NF", "", ["'NF'"]),
    ],
)
def test_broken_votes_are_named(old, new, words, ferplus, complaint):
    votes = ferplus / "fer2013new.csv"
    votes.write_text(votes.read_text().replace(old, new, 1))
    with complaint(str(votes), *words):
        read_samples(f"ferplus:{ferplus}")
