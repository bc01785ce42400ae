import os
from pathlib import Path

import numpy as np
import pytest

from smiledet.lab.datasets import base
from smiledet.lab.datasets.base import Sample, content_hash, drop_known, images_in, layout_names, read_samples, unpacked

LAYOUTS = (
    "affectnet",
    "celeba",
    "chalearn",
    "fairface",
    "fer2013",
    "ferplus",
    "folders",
    "genki4k",
    "imdbwiki",
    "kdef",
    "lfw",
    "smiles",
    "utkface",
)


def placed(samples: list[Sample], root: Path) -> list[tuple[str, str, str]]:
    """The samples by their place in the data set; those that are unpacked from a table by their own name."""
    paths = [image.relative_to(root) if (image := one.image).is_relative_to(root) else image.name for one in samples]
    return [(str(path), sample.label, sample.split) for path, sample in zip(paths, samples, strict=True)]


def test_every_layout_has_a_name():
    assert tuple(layout_names()) == LAYOUTS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_path_may_be_the_folder_or_the_one_around_it_or_an_archive(layout, tree, packed, tmp_path):
    folder = tree(layout)
    itself = placed(read_samples(f"{layout}:{folder}")[1], folder)
    around = placed(read_samples(f"{layout}:{folder.parent}")[1], folder)
    archive = packed(folder, tmp_path / f"{layout}.tar.gz")
    inside = read_samples(f"{layout}:{archive}")[1]
    assert itself == around == placed(inside, unpacked(archive) / folder.name)
    assert len(itself) >= 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_order_does_not_depend_on_the_file_system(layout, tree, monkeypatch):
    folder = tree(layout)
    before = read_samples(f"{layout}:{folder}")[1]
    for name in ("iterdir", "rglob"):
        listed = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda *given, listed=listed: sorted(listed(*given), reverse=True))
    assert read_samples(f"{layout}:{folder}")[1] == before


def test_home_may_be_written_with_a_tilde(genki4k, home):
    genki4k.rename(home / "genki4k")
    assert len(read_samples("genki4k:~/genki4k")[1]) == 12


def test_an_archive_is_unpacked_once(genki4k, packed, tmp_path, home, monkeypatch):
    archive = packed(genki4k, tmp_path / "genki4k.tar.gz")
    folder = unpacked(archive)
    assert folder.is_relative_to(home) and (folder / "genki4k" / "labels.txt").is_file()

    def again(*given: object) -> None:
        raise AssertionError("unpacked twice")

    monkeypatch.setattr(base.tarfile, "open", again)
    assert unpacked(archive) == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_archive_in_its_place_is_unpacked_anew(genki4k, smiles, packed, tmp_path):
    archive = tmp_path / "data.tar.gz"
    first = unpacked(packed(genki4k, archive))
    os.utime(packed(smiles, archive), (1, 1))
    second = unpacked(archive)
    assert first != second and [path.name for path in second.iterdir()] == ["SMILEs"]


def test_nothing_of_a_damaged_archive_gets_into_a_whole_one(smiles, packed, picture, tmp_path, complaint):
    # The dot in the name: what comes after it tells the archives apart.
    archive = packed(smiles, tmp_path / "faces.v1.tar.gz")
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with complaint(str(archive)):
        unpacked(archive)
    small = tmp_path / "small"
    picture(small / "only.png", 1)
    packed(small, archive)
    assert [path.name for path in images_in(unpacked(archive))] == ["only.png"]


def cut_short(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-200])


def scrambled(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 64)
    content[middle] = np.random.default_rng(0).bytes(64)
    archive.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        scrambled,
        lambda archive: archive.write_bytes(b""),
        lambda archive: archive.write_text("<html>404</html>"),
    ],
    ids=["cut short", "scrambled", "empty", "no archive"],
)
def test_a_damaged_archive_is_named_on_one_line(damage, genki4k, packed, tmp_path, complaint):
    # Incompressible, so that the damage falls into a member's content and not only into headers.
    (genki4k / "noise.bin").write_bytes(np.random.default_rng(1).bytes(200_000))
    archive = packed(genki4k, tmp_path / "genki4k.tar.gz")
    damage(archive)
    for _ in range(2):  # a failed attempt must not pass for an unpacked archive
        with complaint("cannot unpack", str(archive)):
            read_samples(f"genki4k:{archive}")


def test_an_archive_cannot_write_outside_its_folder(tmp_path, home, complaint):
    archive = tmp_path / "bad.tar.gz"
    with base.tarfile.open(archive, "w:gz") as file:
        file.add(__file__, "../../../../outside.py")
    with complaint("cannot unpack", str(archive)):
        unpacked(archive)
    assert not list(tmp_path.rglob("outside.py"))


def test_a_cache_that_cannot_be_written_is_named_on_one_line(genki4k, packed, tmp_path, monkeypatch, complaint):
    archive = packed(genki4k, tmp_path / "genki4k.tar.gz")
    occupied = tmp_path / "occupied"
    occupied.write_text("")
    monkeypatch.setenv("HOME", str(occupied))
    with complaint("cannot unpack", str(archive)):
        unpacked(archive)


@pytest.mark.parametrize("data", ["genki4k", "genki4k:", "", "/somewhere/genki4k"])
def test_malformed_data_says_what_is_expected(data, complaint):
    with complaint(repr(data), "LAYOUT:PATH", *LAYOUTS):
        read_samples(data)


@pytest.mark.parametrize("layout", ["mnist", "base", "splits", "landmarks68", ""])
def test_an_unknown_layout_lists_those_that_there_are(layout, tmp_path, complaint):
    with complaint(repr(layout), *LAYOUTS):
        read_samples(f"{layout}:{tmp_path}")


def test_a_missing_path_is_named(tmp_path, complaint):
    with complaint(str(tmp_path / "nowhere"), ".tar.gz"):
        read_samples(f"genki4k:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("genki4k", "labels.txt"),
        ("smiles", "positives/"),
        ("fer2013", "surprise"),
        ("folders", "<label>"),
        ("utkface", "<age>_<gender>_<race>"),
        ("affectnet", "training.csv"),
        ("celeba", "list_attr_celeba.txt"),
        ("chalearn", "gender_fex_trset.csv"),
        ("fairface", "fairface_label_train.csv"),
        ("ferplus", "fer2013new.csv"),
        ("imdbwiki", "wiki.mat"),
        ("kdef", "AF01AFS.JPG"),
        ("lfw", "<First_Last>_0001.jpg"),
    ],
)
def test_an_empty_folder_says_what_was_expected_there(layout, expected, tmp_path, complaint):
    empty = tmp_path / "empty"
    empty.mkdir()
    with complaint(str(empty), expected):
        read_samples(f"{layout}:{empty}")


@pytest.mark.parametrize("layout", ["genki4k", "smiles"])
def test_folders_without_photographs_are_refused(layout, tmp_path, complaint):
    root = tmp_path / "bare"
    for name in ("files", "positives", "negatives"):
        (root / name).mkdir(parents=True)
    (root / "labels.txt").write_text("")
    with complaint(layout, str(root), "no photograph"):
        read_samples(f"{layout}:{root}")


def test_only_pictures_are_found_in_any_case_and_depth(picture, tmp_path):
    wanted = [picture(tmp_path / name, 1) for name in ("a.JPG", "b/c.jpeg", "b/d/e.png", "f.bmp")]
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    assert images_in(tmp_path) == sorted(wanted)


def test_duplicates_are_known_by_content(picture, tmp_path):
    one, twin, other = (picture(tmp_path / name, seed) for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)))
    assert content_hash(one) == content_hash(twin) != content_hash(other)
    samples = [Sample(path, "x", "train") for path in (one, other)]
    assert drop_known(samples, [Sample(twin, "y", "test")]) == samples[1:]
