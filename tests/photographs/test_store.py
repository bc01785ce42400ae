"""The store of photographs: what comes out of it is what went in, and nothing that a person said is lost."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from smiledet.errors import OutputError, SmiledetError, UsageError
from smiledet.frame import Box, HeadPose
from smiledet.photographs.migrations import MIGRATIONS
from smiledet.photographs.queries import ROW
from smiledet.photographs.records import (
    FACES,
    NO_FACE,
    ONE_FACE,
    SEVERAL_FACES,
    STILL,
    Edition,
    NewFace,
    NewPhotograph,
    NewReading,
    PhotographFilter,
    Stack,
    StoredFile,
)
from smiledet.photographs.store import Store, default_store
from smiledet.tasks.base import get_task

AGES = get_task("age").labels
EDITION = Edition({"smile": ("not smiling", "smiling"), "age": AGES}, {"smile": "a"})


def a_face(smile: float = 0.75, age: int = 30, x: float = 10, eyes: float = 0.5) -> NewFace:
    ages = [float(int(label) == age) for label in AGES]
    readings = {
        "smile": NewReading("smiling" if smile > 0.5 else "not smiling", max(smile, 1 - smile), (1 - smile, smile)),
        "age": NewReading(str(age), 1.0, ages, float(age)),
    }
    return NewFace(Box(x, 20, 30, 40), 0.9, readings, HeadPose(1, 2, 3), eyes, smile, 7.0, 0.25)


def a_photograph(path: str | Path, *faces: NewFace, content: str = "", **more) -> NewPhotograph:
    file = StoredFile(Path(path), content or str(path), 1_000_000_000, 100)
    return NewPhotograph(file, 640, 480, faces, **{"detector": "mtcnn", **more})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "store.sqlite"


@pytest.fixture
def store(path):
    with Store(path, EDITION) as store:
        yield store


@pytest.fixture
def album(store):
    """Nobody, one who smiles, one who does not, and two of whom one smiles."""
    store.add(
        [
            a_photograph("/a/1.jpg", taken="2020-01-01T10:00:00"),
            a_photograph("/a/2.jpg", a_face(0.9, age=8), taken="2021-05-01T10:00:00"),
            a_photograph("/a/b/10.jpg", a_face(0.1, age=44), taken="2021-06-01T10:00:00"),
            a_photograph("/a/b/9.jpg", a_face(0.75, x=10), a_face(0.3, x=100, eyes=0.1), taken="2022-01-01T10:00:00"),
        ]
    )
    return store


def names(store, order="name", **wanted):
    return [row.path.name for row in store.photographs(PhotographFilter(**wanted), order)]


def test_a_photograph_comes_back_as_it_went_in(store):
    given = a_photograph("/a/1.jpg", a_face(0.9), taken="2020-02-03T04:05:06", phash=-5, sharpness=3.5, turned=90)
    store.add([given])
    (row,) = store.photographs()
    found = store.photograph(row.id)
    assert (row.path, row.width, row.height, row.taken, row.position) == (
        Path("/a/1.jpg"),
        640,
        480,
        "2020-02-03T04:05:06",
        STILL,
    )
    assert (found.files, found.phash, found.sharpness, found.turned, found.detector) == (
        (given.file,),
        -5,
        3.5,
        90,
        "mtcnn",
    )
    (face,) = found.faces
    assert (face.box, face.pose) == (Box(10, 20, 30, 40), HeadPose(1, 2, 3))
    assert (face.eyes_open, face.mouth_open, face.smile_intensity) == (0.5, 0.25, 0.9)
    assert list(face.readings) == ["smile", "age"]
    assert face.readings["smile"].scores == pytest.approx({"not smiling": 0.1, "smiling": 0.9})
    assert row.readings == {"smile": ("smiling", 0.9), "age": ("30", 1.0)}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["1.jpg", "2.jpg", "9.jpg", "10.jpg"]),
        ({"labels": {FACES: (NO_FACE,)}}, ["1.jpg"]),
        ({"labels": {FACES: (SEVERAL_FACES, NO_FACE)}}, ["1.jpg", "9.jpg"]),
        ({"labels": {"smile": ("smiling",)}}, ["2.jpg", "9.jpg"]),
        ({"labels": {"smile": ("smiling",), FACES: (ONE_FACE,)}}, ["2.jpg"]),
        ({"labels": {"age": ("0 to 9",)}}, ["2.jpg"]),
        ({"numbers": {"age": (30, 50)}}, ["9.jpg", "10.jpg"]),
        ({"folders": (Path("/a/b"),)}, ["9.jpg", "10.jpg"]),
        ({"folders": (Path("/a/b"), Path("/c"))}, ["9.jpg", "10.jpg"]),
        ({"folders": (Path("/a"),)}, ["1.jpg", "2.jpg", "9.jpg", "10.jpg"]),
        ({"folders": (Path("/"),)}, ["1.jpg", "2.jpg", "9.jpg", "10.jpg"]),
        ({"text": "B/1"}, ["10.jpg"]),
        ({"taken_from": "2021-05-01", "taken_to": "2021-06-01"}, ["2.jpg", "10.jpg"]),
        ({"least_faces": 1, "most_faces": 1}, ["2.jpg", "10.jpg"]),
        ({"least_smile": 0.5}, ["2.jpg"]),
        ({"least_eyes_open": 0.4}, ["2.jpg", "10.jpg"]),
        ({"failed": True}, []),
    ],
)
def test_filters(album, wanted, expected):
    assert names(album, **wanted) == expected
    assert album.count(PhotographFilter(**wanted)) == len(expected)


def test_a_folder_is_not_another_whose_name_begins_alike(store):
    store.add([a_photograph("/a/1.jpg"), a_photograph("/a b/2.jpg"), a_photograph("/ab/3.jpg")])
    assert names(store, folders=(Path("/a"),)) == ["1.jpg"]


@pytest.mark.parametrize(
    "wanted",
    [
        ["/a"],
        ["/a b", "/b"],
        ["/a", "/a b", "/a0", "/b/c", "/"],
        ["/a0", "/b/c"],
        ["/b", "/b/c"],
        ["/A", "/z"],
        ["/b/c/d"],
    ],
)
@pytest.mark.parametrize("there", [["/a", "/b/c"], ["/a", "/a b", "/a0"], ["/a/1", "/a/2", "/z"], ["/b/c/d"]])
def test_what_lies_in_some_folders(store, wanted, there):
    store.add([a_photograph(f"{folder}/{number}.jpg") for number, folder in enumerate(there)])
    folders = tuple(map(Path, wanted))
    inside = [f"{number}.jpg" for number, each in enumerate(there) if {Path(each), *Path(each).parents} & set(folders)]
    assert sorted(names(store, folders=folders)) == inside


def test_a_few_rows_are_found_without_going_through_all(store):
    with store.reading() as connection:
        plan = [each[3] for each in connection.execute("EXPLAIN QUERY PLAN " + ROW.format(ids="?"), (1, 1))]
    assert "SEARCH p USING INTEGER PRIMARY KEY (rowid=?)" in plan


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", ["1.jpg", "2.jpg", "9.jpg", "10.jpg"]),
        ("date", ["9.jpg", "10.jpg", "2.jpg", "1.jpg"]),
        ("smile", ["2.jpg", "9.jpg", "10.jpg", "1.jpg"]),
        ("faces", ["9.jpg", "2.jpg", "10.jpg", "1.jpg"]),
    ],
)
def test_orders(album, order, expected):
    assert names(album, order) == expected
    assert [row.path.name for row in album.photographs(order=order, limit=2, offset=1)] == expected[1:3]


def test_counts_of_a_task_do_not_heed_its_own_filter(album):
    assert album.counts() == {
        FACES: {NO_FACE: 1, ONE_FACE: 2, SEVERAL_FACES: 1},
        "smile": {"not smiling": 2, "smiling": 2},
        "age": {"0 to 9": 1, "30 to 39": 1, "40 to 49": 1},
    }
    counts = album.counts(PhotographFilter(labels={"smile": ("smiling",)}))
    assert counts["smile"] == {"not smiling": 2, "smiling": 2}
    assert counts[FACES] == {ONE_FACE: 1, SEVERAL_FACES: 1}


def test_shares(album):
    assert [(share.name, share.photographs, share.faces) for share in album.timeline(unit="year")] == [
        ("2020", 1, 0),
        ("2021", 2, 2),
        ("2022", 1, 2),
    ]
    folders = album.by_folder()
    assert [(share.name, share.photographs) for share in folders] == [("/a", 2), ("/a/b", 2)]
    assert folders[1].smile == pytest.approx((0.1 + (0.75 + 0.3) / 2) / 2)


class TestFiles:
    def test_only_what_has_changed_is_pending(self, store, tmp_path):
        files = [tmp_path / name for name in ("1.jpg", "2.jpg", "gone.jpg")]
        for file in files[:2]:
            file.write_bytes(b"12345")
            state = file.stat()
            store.add([replace(a_photograph(file), file=StoredFile(file, file.name, state.st_mtime_ns, 5))])
        pending = store.pending(files)
        assert (pending.known, pending.unread) == (dict.fromkeys(files[:2]), (files[2],))
        os.utime(files[1], (1, 1))
        assert store.pending(files).unread == tuple(files[1:])
        with Store(store.path, Edition({"smile": ("not smiling", "smiling")})) as other:
            assert other.pending(files).known == {}, "another edition has read nothing"

    def test_copies_and_moved_files_are_known_by_content(self, store):
        store.add([a_photograph("/a/2.jpg", a_face(), content="x")])
        assert not store.adopt(StoredFile(Path("/a/1.jpg"), "y", 0, 0))
        assert store.adopt(StoredFile(Path("/a/1.jpg"), "x", 0, 0))
        (row,) = store.photographs()
        assert row.path == Path("/a/1.jpg")
        assert [file.path.name for file in store.photograph(row.id).files] == ["1.jpg", "2.jpg"]
        store.forget([Path("/a/1.jpg")])
        assert names(store) == ["2.jpg"]
        store.forget([Path("/a/2.jpg")])
        assert names(store) == [] and store.counts()["smile"] == {}

    def test_a_file_that_holds_something_else_by_now(self, store):
        store.add([a_photograph("/a/1.jpg", a_face(), content="x")])
        store.add([a_photograph("/a/1.jpg", content="y")])
        assert store.counts() == {FACES: {NO_FACE: 1}, "smile": {}, "age": {}}

    def test_a_name_that_is_no_text(self, store):
        path = Path(os.fsdecode(b"/a/caf\xe9\n.jpg"))
        store.add([a_photograph(path, content="x")])
        assert [row.path for row in store.photographs()] == [path]
        assert store.paths_below(Path("/a")) == [path]

    def test_what_failed_is_told_apart(self, store):
        store.add([a_photograph("/a/1.jpg", failed="it is damaged"), a_photograph("/a/2.jpg")])
        assert names(store) == ["2.jpg"]
        assert [row.failed for row in store.photographs(PhotographFilter(failed=True))] == ["it is damaged"]


class TestPeople:
    def test_a_correction_is_shown_and_found_and_outlives_another_reading(self, album):
        (row,) = album.photographs(PhotographFilter(text="10.jpg"))
        (face,) = album.photograph(row.id).faces
        album.correct(face.id, "smile", "smiling")
        assert names(album, labels={"smile": ("smiling",)}) == ["2.jpg", "9.jpg", "10.jpg"]
        moved = replace(a_face(0.2), box=Box(12, 21, 30, 40))
        album.add([a_photograph("/a/b/10.jpg", moved)])
        (row,) = album.photographs(PhotographFilter(text="10.jpg"))
        assert row.readings["smile"] == ("smiling", 1.0)
        (face,) = album.photograph(row.id).faces
        assert face.readings["smile"].corrected and face.readings["smile"].scores["smiling"] == pytest.approx(0.2)
        (correction,) = album.corrections()
        assert (correction.path, correction.task, correction.label) == (Path("/a/b/10.jpg"), "smile", "smiling")
        album.correct(face.id, "smile", None)
        assert list(album.corrections()) == []
        assert names(album, labels={"smile": ("smiling",)}) == ["2.jpg", "9.jpg"]

    def test_a_number_is_corrected_by_a_number(self, album):
        (row,) = album.photographs(PhotographFilter(text="10.jpg"))
        (face,) = album.photograph(row.id).faces
        album.correct(face.id, "age", "61")
        album.correct(face.id, "age", "62")
        assert names(album, numbers={"age": (62, 62)}) == ["10.jpg"] == names(album, labels={"age": ("60 to 69",)})
        assert len(list(album.corrections())) == 1
        album.correct(face.id, "age", None)
        assert names(album, numbers={"age": (44, 44)}) == ["10.jpg"]

    def test_marks_belong_to_the_content(self, album, path):
        first, second = album.ids(limit=2)
        album.mark(first, "reject")
        album.mark(second, "keep")
        album.mark(second, None)
        assert names(album, marks=("reject",)) == ["1.jpg"]
        assert names(album, marks=("", "keep")) == ["2.jpg", "9.jpg", "10.jpg"]
        with Store(path, Edition(EDITION.tasks, {"smile": "newer"})) as newer:
            newer.add([a_photograph("/a/1.jpg")])
            assert [row.mark for row in newer.photographs()] == ["reject"]

    @pytest.mark.parametrize("wrong", [(99, "smile", "smiling"), (1, "none", "x"), (1, "smile", "grinning")])
    def test_what_there_is_not_is_said(self, album, complaint, wrong):
        with complaint(str(wrong[0]) if wrong[0] == 99 else wrong[1]):
            album.correct(*wrong)
        with pytest.raises(UsageError, match="no photograph 99"):
            album.mark(99, "keep")
        with pytest.raises(UsageError, match="no photograph 99"):
            album.photograph(99)


def test_stacks(album):
    first, second, third, fourth = album.ids()
    album.put_stacks([Stack((third, second), (("everybody smiles",), ("blurred",)))])
    assert names(album, best_only=True) == ["1.jpg", "9.jpg", "10.jpg"]
    row = album.rows([second])[0]
    assert (row.place, row.stack_size) == (1, 2)
    assert album.photograph(second).reasons == ("blurred",)
    assert album.ids(PhotographFilter(stack=row.stack)) == [second, third]
    album.put_stacks([Stack((first, fourth), ((), ()))])
    assert (album.rows([second])[0].stack, album.rows([first])[0].stack_size) == (None, 2)


class TestSeveralAtOnce:
    def test_readers_beside_a_writer(self, store):
        barrier = threading.Barrier(3)
        seen: list[int] = []

        def read():
            barrier.wait()
            for _ in range(30):
                count = store.count()
                assert len(store.photographs()) >= count
                assert count == sum(store.counts().get(FACES, {}).values()) or store.count() > count
                seen.append(count)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        barrier.wait()
        for number in range(40):
            store.add([a_photograph(f"/a/{number}.jpg", a_face())])
        for reader in readers:
            reader.join()
        assert len(seen) == 60 and store.count() == 40

    def test_another_process_sees_what_was_committed(self, album, path):
        with Store(path) as other:
            assert len(other.photographs()) == 4 and other.tasks == album.tasks

    def test_a_failed_write_leaves_nothing(self, store):
        broken = a_photograph("/a/2.jpg", replace(a_face(), detection_score=None))
        with pytest.raises(SmiledetError, match="NOT NULL"):
            store.add([a_photograph("/a/1.jpg"), broken])
        assert store.photographs() == [] and store.paths_below(Path("/a")) == []


class TestOpening:
    def test_where_it_lies(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert default_store() == tmp_path / "smiledet" / "photographs.sqlite"

    def test_an_empty_store_without_an_edition(self, path):
        with Store(path) as store:
            assert store.photographs() == [] and store.counts() == {FACES: {}}

    def test_one_of_a_newer_smiledet_is_left_alone(self, path, complaint):
        Store(path, EDITION).close()
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        with complaint(str(path), "install a newer one", "--store"):
            Store(path)

    def test_what_is_no_store_is_left_alone(self, tmp_path):
        file = tmp_path / "mine.txt"
        file.write_text("my diary " * 1000)
        with pytest.raises(OutputError, match=r"cannot open the store .*not a database"):
            Store(file)
        assert file.read_text() == "my diary " * 1000

    def test_no_folder_can_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="cannot make the store"):
            Store(tmp_path / "file" / "store.sqlite")
