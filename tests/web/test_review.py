"""The review page: its API over a real clip, what is kept, and what is exported."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.sources.demo import scene
from smiledet.web.review.corrections import Correction as Said
from smiledet.web.review.corrections import Corrections, _without, kept_at
from smiledet.web.review.pictures import ClipPictures
from smiledet.web.review.readings import read_clip, read_clip_events

pytest.importorskip("httpx")
testclient = pytest.importorskip("fastapi.testclient")

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as a clip."""
    path = tmp_path_factory.mktemp("clip") / "demo.mkv"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    for index in range(FRAMES):
        writer.write(scene(index))
    writer.release()
    return path


@pytest.fixture(scope="module")
def events(clip: Path) -> Path:
    path = clip.with_suffix(".jsonl")
    assert main(["run", str(clip), "--no-show", "-q", "--events", str(path)]) == 0
    return path


@pytest.fixture
def client(clip: Path, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from smiledet.web.review.app import make_app

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    pictures = ClipPictures(clip)
    app = make_app(clip, read_clip_events(events), pictures, Corrections(kept_at(clip)))
    with testclient.TestClient(app) as made:
        yield made
    pictures.close()


def test_events_and_the_clip_itself_say_the_same(clip: Path, events: Path) -> None:
    seen: list[int] = []
    read = read_clip(clip, load_config("desktop-cpu").config, lambda: seen.append(1))
    told = read_clip_events(events)
    assert len(seen) == FRAMES
    assert read.tracks.keys() == told.tracks.keys() == {1, 2}
    for number, track in told.tracks.items():
        assert track.times == pytest.approx(read.tracks[number].times, abs=1e-5)
        assert (track.boxes, track.labels) == (read.tracks[number].boxes, read.tracks[number].labels)
    assert told.step == pytest.approx(1 / 30, abs=0.002)


def test_what_the_page_is_told(client: Any) -> None:
    state = client.get("/api/state").json()
    assert {task["name"]: len(task["labels"]) for task in state["tasks"]} == {"smile": 2, "emotion": 7}
    for track in state["tracks"]:
        lengths = {len(track["times"]), len(track["boxes"]), *(len(each["values"]) for each in track["curves"])}
        assert len(lengths) == 1
    times = [each["time"] for each in state["changes"]]
    assert times == sorted(times)
    assert {each["label"] for each in state["changes"]} >= {"appears", "leaves"}


def test_any_picture_is_the_right_one(clip: Path) -> None:
    pictures = ClipPictures(clip)
    try:
        for number in (0, 39, 3, 3, 20, 21, 2, 38):
            image = pictures.at(round(number / 30, 6))
            assert image is not None
            differences = {each: np.abs(image.astype(int) - scene(each)).mean() for each in range(FRAMES)}
            assert min(differences, key=differences.__getitem__) == number
        assert pictures.at(1e6) is not None, "behind the end it is the last one"
    finally:
        pictures.close()


def test_a_picture_over_the_network(client: Any) -> None:
    answer = client.get("/api/picture.jpg?t=0.5")
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("640", "480")
    assert cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
    assert client.get("/api/picture.jpg?t=x").status_code == 400


def test_corrections_are_kept_and_exported_for_training(client: Any, clip: Path, events: Path, tmp_path: Path) -> None:
    given = {"track": 1, "task": "emotion", "label": "surprise", "begin": 0.0, "end": 1.2}
    assert client.post("/api/corrections", json=given).json() == [given]
    assert [each.label for each in Corrections(kept_at(clip)).all()] == ["surprise"], "kept for the next time"
    moved = tmp_path / "renamed.mkv"
    moved.write_bytes(clip.read_bytes())
    assert kept_at(moved) == kept_at(clip)
    with zipfile.ZipFile(io.BytesIO(client.get("/api/labelled.zip").content)) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "labelled")
    assert len(names) == 3, "one every half second"
    assert all(name.startswith("emotion/surprise/demo-1-") for name in names)
    from smiledet.lab.datasets.folders import LAYOUT

    samples = LAYOUT.read(tmp_path / "labelled" / "emotion", "emotion")
    assert {sample.label for sample in samples} == {"surprise"}
    back = given | {"label": None, "begin": 0.2, "end": 1.0}
    assert [(each["begin"], each["end"]) for each in client.post("/api/corrections", json=back).json()] == [
        (0, 0.2),
        (1, 1.2),
    ]


@pytest.mark.parametrize(
    "wrong", [{"track": 9}, {"task": "age"}, {"label": "grumpy"}, {"end": 0.0}, {"begin": -1}, {"end": 1e400}]
)
def test_a_wrong_correction_is_refused(client: Any, wrong: dict[str, Any]) -> None:
    given = {"track": 1, "task": "smile", "label": "smiling", "begin": 0.0, "end": 1.0} | wrong
    body = json.dumps(given).replace("Infinity", "1e999")
    answer = client.post("/api/corrections", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert client.get("/api/state").json()["corrections"] == []


def test_a_later_correction_takes_the_place_of_what_it_covers() -> None:
    old = Said(1, "smile", "smiling", 2, 6)
    cut = lambda begin, end: [(each.begin, each.end) for each in _without(old, 1, "smile", begin, end)]  # noqa: E731
    assert cut(0, 2) == cut(6, 9) == [(2, 6)]
    assert cut(0, 9) == cut(2, 6) == []
    assert cut(3, 4) == [(2, 3), (4, 6)]
    assert cut(0, 4) == [(4, 6)]
    assert list(_without(old, 2, "smile", 0, 9)) == list(_without(old, 1, "emotion", 0, 9)) == [old]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.jsonl", "", "no faces in it"),
        ("x.csv", "", "reads JSON lines"),
        ("gone.jsonl", None, "cannot read"),
    ],
)
def test_bad_events_are_told_in_a_line(
    name: str, content: str | None, told: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["review", str(clip), str(tmp_path / name), "--serve", "127.0.0.1:0"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_what_is_no_clip_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(tmp_path / "gone.mp4")]) == 2
    assert "no clip" in capsys.readouterr().err


def test_the_page_is_served_behind_the_guard(clip: Path, events: Path, start_smiledet: Callable[..., Any]) -> None:
    import httpx

    process = start_smiledet("review", clip, events, "--serve", "127.0.0.1:0")
    address = process.stdout.readline().split()[-1]
    page = httpx.get(address)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert httpx.get(f"{address}api/state", headers={"host": "evil.example"}).status_code == 421
    headers = {"origin": "http://evil.example"}
    assert httpx.post(f"{address}api/corrections", json={}, headers=headers).status_code == 403
