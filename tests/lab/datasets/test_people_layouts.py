"""KDEF, CelebA, IMDB-WIKI and LFW: sets that know who is shown."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from smiledet.lab.datasets import imdbwiki as imdbwiki_module
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.kdef import sample_of


def splits_of_people(samples):
    found = defaultdict(set)
    for sample in samples:
        found[sample.identity].add(sample.split)
    return found


@pytest.mark.parametrize("layout", ["kdef", "celeba", "imdbwiki", "lfw"])
def test_nobody_is_on_both_sides_and_every_task_has_the_same_split(layout, tree):
    folder = tree(layout)
    read = read_samples(f"{layout}:{folder}")[0]
    sides = {task: read_samples(f"{layout}:{folder}", task)[1] for task in read.tasks}
    for samples in sides.values():
        assert all(len(splits) == 1 for splits in splits_of_people(samples).values())
        assert {"train", "test"} <= {sample.split for sample in samples}
        assert None not in splits_of_people(samples)
    first, *others = ({sample.image: sample.split for sample in samples} for samples in sides.values())
    for other in others:
        assert all(first[image] == split for image, split in other.items() if image in first)


def test_kdef_tells_everything_by_the_name(kdef, caplog):
    samples = read_samples(f"kdef:{kdef}")[1]
    assert len(samples) == 80 and "left out 1 pictures" in caplog.text
    assert Counter(sample.split for sample in samples) == {"train": 64, "test": 16}
    assert Counter((sample.split, sample.label) for sample in samples)["test", "happy"] == 8
    one = next(sample for sample in samples if sample.image.name == "BF02HAHL.JPG")
    assert (one.label, one.identity, dict(one.groups)) == ("happy", "F02", {"gender": "woman", "angle": "half left"})
    assert {sample.label for sample in read_samples(f"kdef:{kdef}", "gender")[1]} == {"man", "woman"}


def test_kdef_keeps_both_sessions_of_an_actor_together(kdef):
    splits = splits_of_people(read_samples(f"kdef:{kdef}")[1])
    assert len(splits) == 10 and Counter(split for (split,) in splits.values()) == {"train": 8, "test": 2}


@pytest.mark.parametrize("name", ["AM31H.JPG", "CF01AFS.JPG", "AF01XXS.JPG", "AF1AFS.JPG", "AF01AFXS.JPG"])
def test_kdef_names_that_are_broken(name):
    assert sample_of(Path(name)) is None


def test_celeba_reads_its_lists(celeba):
    smiles = read_samples(f"celeba:{celeba}", "smile")[1]
    assert [(sample.split, sample.label, sample.identity) for sample in smiles] == [
        ("train", "smiling", "100"),
        ("train", "not smiling", "100"),
        ("validation", "smiling", "101"),
        ("validation", "not smiling", "101"),
        ("test", "smiling", "102"),
        ("test", "not smiling", "102"),
    ]
    assert [sample.label for sample in read_samples(f"celeba:{celeba}", "gender")[1]] == ["man"] * 2 + ["woman"] * 4
    assert smiles[0].groups == {"gender": "man", "age": "young", "glasses": "none"}


def test_celeba_does_without_identities_and_without_some_pictures(celeba, caplog):
    (celeba / "Anno" / "identity_CelebA.txt").unlink()
    (celeba / "Img" / "img_align_celeba" / "000003.jpg").unlink()
    samples = read_samples(f"celeba:{celeba}")[1]
    assert len(samples) == 5 and {sample.identity for sample in samples} == {None}
    assert "1 of 6" in caplog.text


def test_celeba_as_kaggle_has_it(celeba):
    for name in ("Anno/list_attr_celeba", "Eval/list_eval_partition"):
        path = celeba / f"{name}.txt"
        lines = [",".join(line.split()) for line in path.read_text().splitlines() if line != "6"]
        header = [] if "attr" in name else ["image_id,partition"]
        lines = [f"image_id,{line}" if line.startswith("Eye") else line for line in header + lines]
        path.with_suffix(".csv").write_text("\n".join(lines))
        path.unlink()
    assert len(read_samples(f"celeba:{celeba}")[1]) == 6


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("Anno/list_attr_celeba.txt", "Smiling", "Laughing", ["Smiling"]),
        ("Anno/list_attr_celeba.txt", "000002.jpg -1", "000002.jpg 0", ["line 4", "1 or -1"]),
        ("Anno/list_attr_celeba.txt", "000002.jpg -1", "000002.jpg", ["line 4"]),
        ("Eval/list_eval_partition.txt", "000002.jpg 0", "000002.jpg 7", ["000002.jpg", "'7'"]),
        ("Eval/list_eval_partition.txt", "000002.jpg 0", "", ["000002.jpg", "None"]),
        ("Eval/list_eval_partition.txt", "000002.jpg 0", "000002.jpg 0 1", ["line 2", "3 words"]),
    ],
)
def test_celeba_with_broken_lists(path, old, new, words, celeba, complaint):
    file = celeba / path
    file.write_text(file.read_text().replace(old, new))
    with complaint(str(file), *words):
        read_samples(f"celeba:{celeba}")


@pytest.mark.parametrize("missing", ["Anno/list_attr_celeba.txt", "Eval/list_eval_partition.txt"])
def test_celeba_without_a_list(missing, celeba, complaint):
    (celeba / missing).unlink()
    with complaint(str(celeba), Path(missing).name):
        read_samples(f"celeba:{celeba}")


def test_imdbwiki_counts_years_to_the_middle_of_the_photographs(imdbwiki, caplog):
    samples = read_samples(f"imdbwiki:{imdbwiki}", "age")[1]
    of_2000 = [sample for sample in samples if sample.image.stem == "2000"]
    assert len(of_2000) == 20 and all(sample.target == pytest.approx(30, abs=0.01) for sample in of_2000)
    assert {sample.label for sample in samples if sample.image.stem == "2010"} <= {"39", "40"}
    assert "left out 4 of 45 rows" in caplog.text
    assert {sample.image.stem for sample in samples} == {"2000", "2010", "no_gender"}


def test_imdbwiki_asks_those_for_a_gender_who_have_one(imdbwiki):
    samples = read_samples(f"imdbwiki:{imdbwiki}", "gender")[1]
    assert len(samples) == 40 and all(sample.target is None for sample in samples)
    assert {(int(sample.image.parent.name) % 2, sample.label) for sample in samples} == {(0, "woman"), (1, "man")}


def test_imdbwiki_knows_the_box_of_whole_photographs_alone(imdbwiki):
    assert {sample.box for sample in read_samples(f"imdbwiki:{imdbwiki}")[1]} == {None}
    whole = imdbwiki.rename(imdbwiki.with_name("wiki"))
    (box,) = {sample.box for sample in read_samples(f"imdbwiki:{whole}")[1]}
    assert (box.x, box.y, box.width, box.height) == (2, 3, 8, 9)  # Matlab counts from 1, both corners belong to it


@pytest.mark.parametrize("year", [float("nan"), float("inf"), 0, -5, 99999])
def test_imdbwiki_ages_that_cannot_be_told(year):
    assert np.isnan(imdbwiki_module.age_of(719529, year))


@pytest.mark.parametrize("content", [b"", b"no Matlab file at all", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_imdbwiki_with_a_broken_list(content, imdbwiki, complaint):
    (imdbwiki / "wiki.mat").write_bytes(content)
    with complaint(str(imdbwiki / "wiki.mat")):
        read_samples(f"imdbwiki:{imdbwiki}")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_imdbwiki_with_a_list_cut_short(share, imdbwiki, complaint):
    path = imdbwiki / "wiki.mat"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with complaint(str(path)):
        read_samples(f"imdbwiki:{imdbwiki}")


def test_imdbwiki_with_another_matlab_file(imdbwiki, complaint):
    savemat = pytest.importorskip("scipy.io").savemat
    for content in ({"imdb": 1}, {"wiki": np.zeros(3)}, {"wiki": {"dob": [1.0], "gender": [1.0]}}):
        savemat(imdbwiki / "wiki.mat", content)
        with complaint(str(imdbwiki / "wiki.mat")):
            read_samples(f"imdbwiki:{imdbwiki}")


def test_lfw_takes_smile_and_gender_from_the_scores(lfw):
    smiles = {sample.image.stem: sample.label for sample in read_samples(f"lfw:{lfw}", "smile")[1]}
    assert len(smiles) == 19
    assert {stem[-1]: label for stem, label in smiles.items()} == {"1": "smiling", "2": "not smiling"}
    genders = read_samples(f"lfw:{lfw}", "gender")[1]
    assert {(int(sample.identity[-1]) % 2, sample.label) for sample in genders} == {(0, "woman"), (1, "man")}


def test_lfw_tells_people_apart_without_any_scores(lfw, complaint):
    (lfw / "lfw_attributes.txt").unlink()
    assert len({sample.label for sample in read_samples(f"lfw:{lfw}", "identity")[1]}) == 10
    with complaint(str(lfw), "lfw_attributes.txt"):
        read_samples(f"lfw:{lfw}", "smile")


def test_lfw_heeds_the_published_lists_of_people(lfw):
    (lfw / "peopleDevTrain.txt").write_text("2\nFirst_Last0\t2\nFirst_Last1\t2\n")
    (lfw / "peopleDevTest.txt").write_text("1\nFirst_Last2\t2\n")
    splits = splits_of_people(read_samples(f"lfw:{lfw}", "identity")[1])
    assert splits == {"First_Last0": {"train"}, "First_Last1": {"train"}, "First_Last2": {"test"}}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Smiling", "Laughing", ["Smiling"]),
        ("\t0.5\n", "\tmuch\n", ["line 3", "much"]),
        ("First Last0\t1", "First Last0\tone", ["line 3", "one"]),
    ],
)
def test_lfw_with_broken_scores(old, new, words, lfw, complaint):
    table = lfw / "lfw_attributes.txt"
    table.write_text(table.read_text().replace(old, new, 1))
    with complaint(str(table), *words):
        read_samples(f"lfw:{lfw}")
