"""The gallery's API, over HTTP, on the sample photographs."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.config import Config, load_config
from smiledet.errors import UsageError
from smiledet.photographs import index, memory_budget
from smiledet.photographs.samples import write_samples
from smiledet.sources.demo import portrait_path

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")
from smiledet.web.gallery.library import Library  # noqa: E402
from smiledet.web.gallery.serve import serve_gallery  # noqa: E402

TASKS = ["smile", "emotion"]


def config() -> Config:
    return load_config("desktop-cpu", None, {"tasks": TASKS}).config


def state_of(folder: Path) -> dict[str, tuple[str, int]]:
    """What a test holds the originals to: content and time of change."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def wait_until_read(client: Any) -> dict[str, Any]:
    """Press "Filter all" and wait for its end."""
    client.post("/api/indexing")
    while True:
        progress: dict[str, Any] = client.get("/api/indexing").json()
        if not progress["running"]:
            return progress
        threading.Event().wait(0.05)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for everything that a gallery keeps."""
    folder = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("XDG_DATA_HOME", str(folder / "data"))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def photographs(home: Path) -> Path:
    folder = home / "photographs"
    write_samples(folder)
    return folder


@pytest.fixture(scope="module")
def gallery(home: Path, photographs: Path) -> Iterator[Any]:
    before = state_of(photographs)
    with (
        serve_gallery([photographs], config(), "127.0.0.1", 0, copies=home / "copies") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        client.unread = client.get("/api/photographs").json()
        client.progress = wait_until_read(client)
        yield client
    assert state_of(photographs) == before, "originals are never written"


def shown(gallery: Any, **query: Any) -> list[str]:
    """Names of the photographs that a query finds; every shot of a stack unless it says otherwise."""
    asked = {"every_shot": 1} | {name.replace("__", "."): value for name, value in query.items()}
    answer = gallery.get("/api/photographs", params=asked)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert answer.json()["total"] == len(items)
    return [item["name"] for item in items]


def id_of(gallery: Any, name: str) -> int:
    items = gallery.get("/api/photographs", params={"every_shot": 1}).json()["items"]
    found: int = next(item["id"] for item in items if item["name"] == name)
    return found


class TestReading:
    def test_photographs_are_shown_before_they_are_read(self, gallery: Any) -> None:
        assert gallery.unread["total"] == 12
        assert all(item["pending"] and item["id"] < 0 for item in gallery.unread["items"])

    def test_all_are_read_and_the_damaged_one_is_counted(self, gallery: Any) -> None:
        assert {key: gallery.progress[key] for key in ("done", "total", "failed", "problem")} == {
            "done": 12,
            "total": 12,
            "failed": 1,
            "problem": "",
        }
        assert shown(gallery, failed=1) == ["damaged.jpg"]

    def test_pictures_are_upright_jpegs(self, gallery: Any) -> None:
        number = id_of(gallery, "hopper.jpg")
        for path, sides in (
            ("thumbnail", (320, 375)),
            ("thumbnail?side=192", (192, 225)),
            ("picture?side=300", (256, 300)),
        ):
            answer = gallery.get(f"/api/photographs/{number}/{path}")
            image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
            assert image.shape[1::-1] == sides

    def test_a_photograph_with_everything_known_of_it(self, gallery: Any) -> None:
        found = gallery.get(f"/api/photographs/{id_of(gallery, 'both.jpg')}").json()
        assert (found["width"], found["height"], len(found["faces"])) == (576, 300, 2)
        for face in found["faces"]:
            assert set(face["readings"]) == set(TASKS)
            assert sum(face["readings"]["emotion"]["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert {face["readings"]["smile"]["label"] for face in found["faces"]} == {"smiling", "not smiling"}

    def test_why_colours_the_face_and_leaves_the_rest(self, gallery: Any) -> None:
        number = id_of(gallery, "collins.jpg")
        plain, reason = (
            cv2.imdecode(np.frombuffer(gallery.get(f"/api/photographs/{number}/{path}").content, np.uint8), 1)
            for path in ("picture", "why?face=1&task=smile")
        )
        changed = cv2.absdiff(plain, reason).max(axis=2) > 40
        x, y, width, height = gallery.get(f"/api/photographs/{number}").json()["faces"][0]["box"]
        inside = np.zeros_like(changed)
        inside[int(y) : int(y + height), int(x) : int(x + width)] = True
        assert changed.any()
        assert not (changed & ~inside).any()
        rows = np.flatnonzero(changed.any(axis=1))
        assert rows.mean() > y + height / 2, "a smile is seen in the lower half"


class TestFilters:
    def test_by_label(self, gallery: Any) -> None:
        assert set(shown(gallery, label__smile="not smiling")) >= {"hopper.jpg", "both.jpg"}
        assert "collins.jpg" not in shown(gallery, label__smile="not smiling")
        assert "landscape.jpg" not in shown(gallery, label__smile=["smiling", "not smiling"])
        assert shown(gallery, label__smile=["smiling"], label__faces="more than one face") == ["both.jpg"]

    def test_no_face_and_several_are_classes_of_their_own(self, gallery: Any) -> None:
        assert shown(gallery, label__faces="no face") == ["landscape.jpg"]
        assert shown(gallery, label__faces="more than one face") == ["both.jpg"]

    def test_by_how_many_faces(self, gallery: Any) -> None:
        assert shown(gallery, least_faces="2") == ["both.jpg"]
        assert shown(gallery, most_faces="0") == ["landscape.jpg"]
        assert {"both.jpg", "landscape.jpg"}.isdisjoint(shown(gallery, least_faces="1", most_faces="1"))

    def test_by_name_folder_and_date(self, gallery: Any, photographs: Path) -> None:
        assert set(shown(gallery, text="HOPPER")) == {"hopper.jpg", "hopper-dark.jpg", "hopper-turned.jpg"}
        assert all(name.startswith("burst") for name in shown(gallery, folder=str(photographs / "burst")))
        assert shown(gallery, taken_from="2026-05-01", taken_to="2026-05-18", order="name") == [
            "collins.jpg",
            "hopper.jpg",
        ]

    def test_orders(self, gallery: Any) -> None:
        faces = shown(gallery, order="faces")
        assert (faces[0], faces[-1]) == ("both.jpg", "landscape.jpg")
        smiles = shown(gallery, order="smile")
        assert smiles.index("collins.jpg") < smiles.index("hopper.jpg")

    def test_counts_are_those_of_the_filter(self, gallery: Any) -> None:
        counts = gallery.get("/api/counts?every_shot=1").json()
        assert counts["failed"] == 1
        assert counts["labels"]["faces"]["no face"] == 1
        for label, count in counts["labels"]["smile"].items():
            assert len(shown(gallery, label__smile=label)) == count

    def test_the_summary_adds_up(self, gallery: Any) -> None:
        summary = gallery.get("/api/summary?every_shot=1").json()
        assert summary["photographs"] == len(shown(gallery))
        for parts in ("dates", "folders"):
            assert sum(each["photographs"] for each in summary[parts]) == summary["photographs"]

    def test_the_summary_of_a_few_weeks_tells_days(self, gallery: Any) -> None:
        """A holiday lies in one month: of that alone no line could be drawn."""
        first, *others = [each["name"] for each in gallery.get("/api/summary?every_shot=1").json()["dates"]]
        month = f"taken_from={first[:7]}-01&taken_to={first[:7]}-28&every_shot=1"
        assert others and all(len(each["name"]) == 10 for each in gallery.get(f"/api/summary?{month}").json()["dates"])

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("label.smile=grinning", "label.smile='grinning': expected one of not smiling, smiling"),
            ("label.hat=none", "task='hat': expected one of smile, emotion"),
            ("order=best", "order='best': expected one of name"),
            ("least_smile=2", "least_smile='2': expected a number from 0 to 1"),
            ("least_faces=1.5", "least_faces='1.5': expected how many faces, 0 or more"),
            ("most_faces=-1", "most_faces='-1': expected how many faces"),
            ("taken_from=yesterday", "expected a date"),
            ("folder=/etc", "expected a folder of this gallery"),
            ("mark=maybe", "expected one of keep, reject, none"),
            ("offset=-1", "offset: Input should be greater than or equal to 0"),
            ("limit=100000", "limit: Input should be less than or equal to 500"),
        ],
    )
    def test_a_wrong_value_is_told_in_a_line(self, gallery: Any, query: str, told: str) -> None:
        answer = gallery.get(f"/api/photographs?{query}")
        assert answer.status_code == 400
        assert told in answer.text
        assert answer.text.count("\n") == 1


class TestChanges:
    def test_marks(self, gallery: Any) -> None:
        keep, reject = id_of(gallery, "collins.jpg"), id_of(gallery, "hopper.jpg")
        for number, mark in ((keep, "keep"), (reject, "reject")):
            assert gallery.post("/api/marks", json={"ids": [number], "mark": mark}).status_code == 200
        assert shown(gallery, mark="keep") == ["collins.jpg"]
        assert shown(gallery, mark="reject") == ["hopper.jpg"]
        assert {"collins.jpg", "hopper.jpg"}.isdisjoint(shown(gallery, mark="none"))
        gallery.post("/api/marks", json={"ids": [keep, reject], "mark": None})
        assert shown(gallery, mark="keep") == []

    def test_a_correction_is_kept_and_exported_for_training(self, gallery: Any) -> None:
        number = id_of(gallery, "collins-bright.jpg")
        correction = {"photograph": number, "face": 1, "task": "emotion", "label": "surprise"}
        assert gallery.post("/api/corrections", json=correction).status_code == 200
        reading = gallery.get(f"/api/photographs/{number}").json()["faces"][0]["readings"]["emotion"]
        assert (reading["label"], reading["corrected"]) == ("surprise", "surprise")
        assert shown(gallery, label__emotion="surprise") == ["collins-bright.jpg"]
        with zipfile.ZipFile(io.BytesIO(gallery.get("/api/labelled.zip").content)) as made:
            assert made.namelist() == ["emotion/surprise/collins-bright.jpg"]
            assert cv2.imdecode(np.frombuffer(made.read(made.namelist()[0]), np.uint8), 1) is not None
        gallery.post("/api/corrections", json=correction | {"label": None})
        assert shown(gallery, label__emotion="surprise") == []

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/corrections", {"photograph": 1, "face": 9, "task": "emotion", "label": "sad"}),
            ("/api/corrections", {"photograph": 1, "face": 1, "task": "emotion", "label": "grinning"}),
            ("/api/corrections", {"photograph": 10**9, "face": 1, "task": "emotion", "label": "sad"}),
            ("/api/marks", {"ids": [10**9], "mark": "keep"}),
            ("/api/marks", {"ids": [10**30], "mark": "keep"}),
            ("/api/marks", {"ids": [1], "mark": "delete"}),
            ("/api/marks", {"ids": "all", "mark": "keep"}),
            ("/api/selections", {}),
        ],
    )
    def test_a_wrong_change_is_told_in_a_line(self, gallery: Any, path: str, body: dict[str, Any]) -> None:
        answer = gallery.post(path, json=body)
        assert answer.status_code in (400, 404)
        assert answer.text.count("\n") == 1


class TestStacks:
    def test_a_burst_shows_its_best_shot_alone(self, gallery: Any) -> None:
        assert shown(gallery, text="burst", every_shot="") == ["burst-2.jpg"]
        assert sorted(shown(gallery, text="burst")) == ["burst-1.jpg", "burst-2.jpg", "burst-3.jpg"]
        best = gallery.get(f"/api/photographs/{id_of(gallery, 'burst-2.jpg')}").json()
        assert (best["stack"]["best"], len(best["stack"]["members"])) == (best["id"], 3)
        assert any("sharp" in reason for reason in best["stack"]["reasons"])


class TestExports:
    def key(self, gallery: Any, *names: str) -> str:
        ids = [id_of(gallery, name) for name in names]
        key: str = gallery.post("/api/selections", json={"ids": ids}).json()["key"]
        return key

    def test_csv_has_a_row_a_face_and_one_for_none(self, gallery: Any) -> None:
        key = self.key(gallery, "both.jpg", "landscape.jpg")
        rows = list(csv.DictReader(io.StringIO(gallery.get(f"/api/selections/{key}.csv").text)))
        assert [Path(row["file"]).name for row in rows] == ["both.jpg", "both.jpg", "landscape.jpg"]
        assert rows[0]["smile"] in ("smiling", "not smiling")
        assert rows[2]["smile"] == rows[2]["x"] == ""

    def test_zip_holds_the_originals(self, gallery: Any, photographs: Path) -> None:
        key = self.key(gallery, "collins.jpg", "burst-1.jpg")
        with zipfile.ZipFile(io.BytesIO(gallery.get(f"/api/selections/{key}.zip").content)) as made:
            assert made.testzip() is None
            assert sorted(made.namelist()) == ["burst-1.jpg", "collins.jpg"]
            assert made.read("collins.jpg") == (photographs / "collins.jpg").read_bytes()

    def test_copies_overwrite_nothing(self, gallery: Any, home: Path) -> None:
        ids = [id_of(gallery, "collins.jpg")]
        for count in (1, 2):
            assert gallery.post("/api/copies", json={"ids": ids}).json() == {"copied": 1}
            assert len(list((home / "copies").iterdir())) == count

    def test_an_unknown_selection(self, gallery: Any) -> None:
        assert gallery.get("/api/selections/nothing.csv").status_code == 400


class TestWhatIsServed:
    @pytest.mark.parametrize(
        "path", ["/static/../app.py", "/static/%2e%2e/security.py", "/static/..%2fapp.py", "/etc/passwd", "/%00"]
    )
    def test_no_other_file(self, gallery: Any, path: str) -> None:
        assert gallery.get(path).status_code in (400, 404)

    def test_a_damaged_photograph_is_shown_as_one(self, gallery: Any) -> None:
        (damaged,) = gallery.get("/api/photographs?failed=1&every_shot=1").json()["items"]
        for part in ("thumbnail", "picture"):
            answer = gallery.get(f"/api/photographs/{damaged['id']}/{part}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml"), part

    def test_an_id_that_is_not_there(self, gallery: Any) -> None:
        for number in (0, 10**9, -999, "x", "..", "9" * 30):
            for part in ("", "/thumbnail", "/picture", "/why?face=1&task=smile"):
                answer = gallery.get(f"/api/photographs/{number}{part}")
                assert answer.status_code in (400, 404), (number, part)

    def test_the_page_and_its_files(self, gallery: Any) -> None:
        page = gallery.get("/").text
        for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            assert gallery.get(name).status_code == 200


def test_a_link_out_of_the_folders_is_not_followed(home: Path, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "inside"
    write_samples(outside)
    folder.mkdir()
    shutil.copy(outside / "hopper.jpg", folder / "mine.jpg")
    (folder / "link").symlink_to(outside)
    (folder / "link.jpg").symlink_to(outside / "collins.jpg")
    with (
        serve_gallery([folder], config(), "127.0.0.1", 0, store=tmp_path / "store.sqlite") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        wait_until_read(client)
        assert [item["name"] for item in client.get("/api/photographs").json()["items"]] == ["mine.jpg"]
        (folder / "mine.jpg").unlink()  # exchanged after it was read
        (folder / "mine.jpg").symlink_to(outside / "collins.jpg")
        number = client.get("/api/photographs").json()["items"][0]["id"]
        for part in ("thumbnail", "picture", "why?face=1&task=smile"):
            assert client.get(f"/api/photographs/{number}/{part}").status_code == 404


def test_a_single_photograph_is_read_on_request(home: Path, photographs: Path, tmp_path: Path) -> None:
    with (
        serve_gallery([photographs], config(), "127.0.0.1", 0, store=tmp_path / "store.sqlite") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        items = client.get("/api/photographs").json()["items"]
        number = next(item["id"] for item in items if item["name"] == "collins.jpg")
        read = client.post(f"/api/photographs/{number}/read").json()["id"]
        assert client.get(f"/api/photographs/{read}").json()["faces"][0]["readings"]["smile"]["label"] == "smiling"
        after = client.get("/api/photographs").json()
        assert after["total"] == len(items)
        assert [item["name"] for item in after["items"] if not item["pending"]] == ["collins.jpg"]


def test_a_photograph_that_takes_too_much_memory_says_so_when_it_is_asked_for(
    home: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_budget, "LEAST", 1)
    monkeypatch.setattr(memory_budget, "ROOM", -200_000_000)
    with (
        serve_gallery([photographs], config(), "127.0.0.1", 0, store=tmp_path / "store.sqlite") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        items = client.get("/api/photographs").json()["items"]
        number = next(item["id"] for item in items if item["name"] == "collins.jpg")
        answer = client.post(f"/api/photographs/{number}/read")
        assert answer.status_code == 400
        assert re.fullmatch(r"collins.jpg was not read: .* smiledet images --memory \d+ reads it\n", answer.text)


def test_while_photographs_are_read_each_is_there_once(
    home: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BATCH", 1)
    reached, go_on = threading.Event(), threading.Event()
    tell = Library._tell

    def halting(self: Library, progress: index.Progress) -> None:
        tell(self, progress)
        if progress.done == 2:
            reached.set()
            go_on.wait(60)

    monkeypatch.setattr(Library, "_tell", halting)
    with (
        serve_gallery([photographs], config(), "127.0.0.1", 0, store=tmp_path / "store.sqlite") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        before = client.get("/api/photographs").json()
        client.post("/api/indexing")
        assert reached.wait(60)
        during = client.get("/api/photographs").json()
        names = [item["name"] for item in during["items"]]
        assert (len(set(names)), during["total"]) == (len(names), len(names))
        assert {item["name"] for item in before["items"]} - set(names) <= {"damaged.jpg"}
        last = during["items"][-1]
        assert (
            last["pending"] and last["id"] == before["items"][-1]["id"] and last["name"] == before["items"][-1]["name"]
        )
        page = client.get("/api/photographs?offset=3&limit=2").json()
        assert page["items"] == during["items"][3:5]
        go_on.set()


def test_a_taken_port_is_told_in_a_line(home: Path, photographs: Path) -> None:
    with (
        serve_gallery([photographs], config(), "127.0.0.1", 0) as (address, _),
        pytest.raises(UsageError, match=r"cannot listen on .* port"),
        serve_gallery([photographs], config(), "127.0.0.1", int(address.rsplit(":", 1)[1].strip("/"))),
    ):
        pass


def test_names_that_are_no_text(home: Path) -> None:
    """Bytes that no encoding knows, as old archives leave them: in a file's name and in a folder's."""
    folder = home / "old"
    inner = folder / os.fsdecode(b"f\xe9tes")
    inner.mkdir(parents=True)
    shutil.copy(portrait_path("hopper"), inner / os.fsdecode(b"\xe9t\xe9.jpg"))
    (inner / "line\nbreak.jpg").write_text("no picture")
    with (
        serve_gallery([folder], config(), "127.0.0.1", 0, home / "old.sqlite", home / "old copies") as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        name = "\\xe9t\\xe9.jpg"
        pending = {each["name"]: each["id"] for each in client.get("/api/photographs").json()["items"]}
        assert client.get(f"/api/photographs/{pending[name]}").json()["folder"] == "old/f\\xe9tes"
        number = client.post(f"/api/photographs/{pending[name]}/read").json()["id"]
        wait_until_read(client)
        assert name in shown(client)
        assert shown(client, text="\\xe9t") == [name]
        folders = client.get("/api/state").json()["folders"]
        assert folders[-1].endswith("f\\xe9tes")
        assert name in shown(client, folder=folders[-1])
        assert client.get("/api/photographs", params={"folder": "/\\xe9"}).status_code == 400
        assert client.get("/api/summary").json()["folders"][0]["name"].endswith("f\\xe9tes")
        assert client.get("/api/photographs", params={"failed": 1}).json()["total"] == 1
        assert client.get(f"/api/photographs/{number}/thumbnail").headers["content-type"] == "image/jpeg"
        key = client.post("/api/selections", json={"ids": [number]}).json()["key"]
        assert "f\\xe9tes" in client.get(f"/api/selections/{key}.csv").text
        packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/selections/{key}.zip").content))
        assert packed.namelist() == [name]
        assert client.post("/api/copies", json={"ids": [number]}).json() == {"copied": 1}
        face = {"photograph": number, "face": 1, "task": "smile", "label": "smiling"}
        assert client.post("/api/corrections", json=face).status_code == 200
        assert client.get("/api/labelled.zip").status_code == 200
