"""Photographs in stores, by fsspec. Here in its store in memory; against an S3 server in test_ray.py."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from smiledet.config import Config
from smiledet.errors import SourceError, UsageError
from smiledet.photographs.discover import absolute, discover
from smiledet.photographs.index import Indexer
from smiledet.photographs.stored_objects import StoredObject
from smiledet.sources.demo import scene

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

CONFIG = replace(Config(), tasks=("smile",))


@pytest.fixture
def store():
    """Two photographs with two faces each, one that is damaged, and what is none."""
    system = fsspec.filesystem("memory")
    photograph = cv2.imencode(".png", scene(40))[1].tobytes()
    objects = {
        "10.png": photograph,
        "9 ü.PNG": photograph + b" ",
        "deep/broken.jpg": b"no picture",
        "note.txt": b"",
        ".hidden/a.png": photograph,
        ".b.png": photograph,
    }
    for name, content in objects.items():
        system.pipe(f"/bucket/2024/{name}", content)
    yield system
    system.rm("/bucket", recursive=True)


def test_a_store_is_listed_in_natural_order_without_what_is_hidden(store):
    listed = discover(["memory://bucket/2024/"])
    below = "memory://bucket/2024"
    assert [str(file) for file in listed.files] == [f"{below}/9 ü.PNG", f"{below}/10.png", f"{below}/deep/broken.jpg"]
    assert set(listed.given.values()) == {"memory://bucket/2024/"}
    assert [file.stat().st_size for file in listed.files] == [file.stat().st_size for file in map(sent, listed.files)]


def sent(file):
    """A path as another machine gets it: without what the listing said."""
    other = pickle.loads(pickle.dumps(file))
    assert isinstance(other, StoredObject) and other.listed is None and other == file == absolute(other)
    return other


def test_a_single_object_and_one_that_is_no_photograph(store):
    listed = discover(["memory://bucket/2024/10.png"])
    assert [file.name for file in listed.files] == ["10.png"]
    listed = discover(["memory://bucket/2024/10.png", "memory://bucket/2024/note.txt"])
    assert [(Path(each.file).name, "suffix" in each.why) for each in listed.unread] == [("note.txt", True)]


def test_what_is_read_of_a_store_is_read_once_and_what_is_gone_is_told(store, tmp_path):
    files = discover(["memory://bucket/2024"]).files
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=1) as indexer:
        told = list(indexer.each(files))
        assert [(each.faces, each.unread) for each in told] == [
            (2, None),
            (2, None),
            (0, "it is no image, or a damaged one"),
        ]
        assert all(each.known for each in indexer.each(discover(["memory://bucket/2024"]).files))
        store.pipe("/bucket/2024/10.png", cv2.imencode(".png", scene(80))[1].tobytes())
        assert [each.known for each in indexer.each(discover(["memory://bucket/2024"]).files)] == [True, False, True]
        new = StoredObject("memory://bucket/2024/new.png")
        (told,) = indexer.each([new])
        assert told.photographs == 0 and told.unread


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("memory://bucket/none", SourceError, "there is no memory://bucket/none"),
        ("memory://", UsageError, "expected s3://BUCKET/PREFIX"),
        ("memory://bucket/2024/note.txt", SourceError, "no photograph in memory://bucket/2024/note.txt"),
        ("nosuch://bucket", UsageError, "nosuch://"),
        ("nosuch://me:secret@bucket", UsageError, "nosuch://"),
    ],
)
def test_addresses_of_nothing_are_refused_in_one_line(store, address, error, words):
    with pytest.raises(error) as caught:
        discover([address])
    assert words in str(caught.value) and "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_a_store_that_fails_while_it_is_listed_gives_no_half_list(store, monkeypatch):
    listing = store.ls

    def ls(path, **how):
        if path.endswith("deep"):
            raise PermissionError("denied")
        return listing(path, **how)

    monkeypatch.setattr(store, "ls", ls)
    with pytest.raises(SourceError, match="cannot be listed: denied"):
        discover(["memory://bucket/2024"])


def test_a_path_of_an_object_is_its_address():
    first = StoredObject("s3://bucket/a.jpg")
    assert str(first) == "s3://bucket/a.jpg" and str(first.parent) == "s3://bucket"
    assert first == StoredObject("s3://bucket/a.jpg") != StoredObject("s3://bucket/b.jpg")
