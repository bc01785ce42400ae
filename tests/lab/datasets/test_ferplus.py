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
        3: ("neutral", "train"),
        4: ("neutral", "train"),
        5: ("fear", "test"),
    }


def test_split_and_unknown_votes_teach_doubt(ferplus):
    samples = by_row(read_samples(f"ferplus:{ferplus}", "emotion")[1])
    assert samples[4].votes["neutral"] == samples[4].votes["happy"] == 0.5
    assert samples[3].votes["neutral"] == pytest.approx((2 + 8 / 7) / 10)
    assert samples[3].votes["fear"] == pytest.approx(8 / 7 / 10)


def test_a_held_out_crop_needs_a_majority_of_all_its_votes(ferplus):
    votes = ferplus / "fer2013new.csv"
    votes.write_text(votes.read_text().replace("0,0,0,0,0,0,8,0,0,2", "1,1,0,1,1,1,5,0,0,0"))
    assert 5 not in by_row(read_samples(f"ferplus:{ferplus}", "emotion")[1])


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
    assert set(samples[2].votes) == set(EMOTIONS8) and set(samples) == {0, 1, 2, 3, 4, 5}


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


HEADER = "file,neutral,happy,surprise,sad,angry,disgust,fear,contempt,unknown,no_face"


@pytest.fixture
def by_file(fer2013):
    """FER-2013's folders with votes on three of its crops."""
    rows = [
        "train/happy/Training_30.jpg,1,9,0,0,0,0,0,0,0,0",
        "train/sad/Training_50.jpg,0,0,0,0,0,0,0,0,0,10",
        "test/fear/PublicTest_2.jpg,2,0,0,0,0,0,8,0,0,0",
        "test/fear/PublicTest_999.jpg,2,0,0,0,0,0,8,0,0,0",
    ]
    table = fer2013.parent / "ferplus_votes.csv"
    table.write_text("\n".join([HEADER, *rows]) + "\n")
    return table


def test_votes_by_file_beside_the_folders_or_their_archive(by_file, packed, caplog):
    for _ in range(2):
        samples = read_samples(f"ferplus:{by_file}", "emotion8")[1]
        assert [(sample.image.name, sample.label, sample.split) for sample in samples] == [
            ("Training_30.jpg", "happy", "train"),
            ("PublicTest_2.jpg", "fear", "test"),
        ]
        assert "left out 1 rows without their picture" in caplog.text
        folder = by_file.parent / "fer2013"
        if folder.is_dir():
            packed(folder, by_file.parent / "fer2013.tar.gz")
            rmtree(folder)


def test_votes_by_file_without_pictures(by_file, complaint):
    rmtree(by_file.parent / "fer2013")
    with complaint(str(by_file.parent), "ferplus_votes.csv", "fer2013.tar.gz"):
        read_samples(f"ferplus:{by_file}")


def test_twins_of_held_out_crops_are_not_learnt_from(by_file, caplog):
    train, test = (
        by_file.parent / "fer2013" / name for name in ("train/happy/Training_30.jpg", "test/fear/PublicTest_2.jpg")
    )
    train.write_bytes(test.read_bytes())
    caplog.set_level("INFO")
    assert [sample.split for sample in read_samples(f"ferplus:{by_file}", "emotion8")[1]] == ["test"]
    assert "1 photographs to learn from that are held-out ones byte for byte, and 0 that look the same" in caplog.text
