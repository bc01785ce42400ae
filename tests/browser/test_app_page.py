"""The page that reads faces in the browser, in a real Chromium whose camera shows a clip."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.engines.answers import read
from smiledet.engines.base import load_engine
from smiledet.model_index import find_model
from smiledet.photographs.samples import write_samples
from smiledet.sources.demo import portrait_path
from smiledet.web.app.build import TASKS, build

pytestmark = pytest.mark.slow

Until = Callable[[Any, str], None]
Serve = Callable[[Path], AbstractContextManager[str]]

on_a_phone = pytest.mark.parametrize("open_page", ["phone"], indirect=True)
on_a_laptop = pytest.mark.parametrize("open_page", ["desktop"], indirect=True)

PICK = "input[multiple]:not([webkitdirectory])"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("app") / "page"
    build(made)
    return made


@pytest.fixture(scope="module")
def address(folder: Path, static_server: Serve) -> Iterator[str]:
    with static_server(folder.parent) as where:
        yield f"{where}{folder.name}/"


def ready(page: Any) -> None:
    page.get_by_text("ready", exact=True).wait_for()


def test_the_camera(
    address: str,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Until,
    tmp_path: Path,
) -> None:
    page = open_page(address)
    ready(page)
    assert "starts when you press" in page.locator(".picture").inner_text()
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="smile shutter").click()
    page.get_by_role("button", name="start the camera").click()
    page.locator(".face").first.wait_for()
    assert page.locator(".face").count() == 1
    assert "😊 smiling" in page.locator(".face").inner_text()
    assert page.locator(".face .bar").count() == 9
    page.locator(".shots img").first.wait_for()
    assert_accessible(page)

    page.get_by_role("button", name="record", exact=True).click()
    until(page, "document.querySelector('.tools').innerText.includes('end the recording')")
    page.wait_for_timeout(1500)
    with page.expect_download() as download:
        page.get_by_role("button", name="end the recording").click()
    recorded = tmp_path / download.value.suggested_filename
    download.value.save_as(recorded)
    assert cv2.VideoCapture(str(recorded)).read()[1].shape == (480, 640, 3)

    rows = _table(page, tmp_path)
    assert {row["smile"] for row in rows} == {"smiling"}
    assert 0 <= float(rows[-1]["emotion_happy"]) <= 1
    page.get_by_role("button", name="back camera").click()
    page.locator(".face").first.wait_for()
    page.get_by_role("button", name="stop", exact=True).click()
    page.locator(".face").wait_for(state="detached")


def _table(page: Any, folder: Path) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(folder / "rows.csv")
    with (folder / "rows.csv").open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_camera_that_is_not_permitted_is_said(
    address: str, open_page: Callable[[str], Any], assert_accessible: Callable[[Any], None]
) -> None:
    page = open_page(address)
    ready(page)
    page.get_by_role("button", name="start the camera").click()
    assert "not permitted" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button", name="start the camera").is_enabled()
    assert_accessible(page)


def photographs(folder: Path) -> tuple[list[Path], Path]:
    """Sample photographs, and one that is damaged."""
    every = [path for path in write_samples(folder) if path.suffix == ".jpg"]
    (damaged,) = (path for path in every if path.stem == "damaged")
    return [path for path in every if path != damaged], damaged


def test_photographs(
    address: str,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Until,
    tmp_path: Path,
) -> None:
    samples, damaged = photographs(tmp_path / "samples")
    page = open_page(address)
    ready(page)
    page.get_by_role("button", name="Photographs").click()
    others = {name: tmp_path / name for name in ("empty.jpg", "phone.heic", "notes.txt")}
    for path in others.values():
        path.write_bytes(b"" if path.suffix == ".jpg" else b"not one")
    page.set_input_files(PICK, [*samples, damaged, *others.values()])
    until(page, f"document.querySelectorAll('.grid li').length === {len(samples) + 3}")
    page.get_by_text("1 other file is left out").wait_for()
    page.get_by_role("button", name="filter all").click()
    page.get_by_text(f"{len(samples)} read, 3 cannot be read").wait_for()
    until(page, "!document.querySelector('progress')")
    assert page.locator(".grid img.unseen").count() == 3, "what cannot be shown is no broken picture"
    assert_accessible(page)
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="start the camera").wait_for()
    page.get_by_role("button", name="Photographs").click()
    page.get_by_text(f"{len(samples)} read, 3 cannot be read").wait_for()

    shown = page.locator(".filters button").all_inner_texts()
    assert any("more than one face" in label for label in shown) and any("no face" in label for label in shown)
    page.locator(".filters button", has_text="no face").click()
    labels = "[...document.querySelectorAll('.grid .open span')].map((each) => each.textContent)"
    until(page, f"{labels}.length && {labels}.every((label) => label === 'no face')")
    page.locator(".filters button", has_text="no face").click()
    until(page, f"{labels}.length === {len(samples) + 3}")

    page.get_by_role("button", name="best shot").click()
    page.locator("p.best", has_text="is the best").wait_for()
    page.locator("p.best button").first.click()
    page.locator("dialog .face").first.wait_for()
    assert page.locator("dialog svg rect").count() == page.locator("dialog .face").count()
    assert_accessible(page)
    first = page.locator("dialog .name").inner_text()
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('dialog .name').textContent !== {json.dumps(first)}")
    page.get_by_role("button", name="back").click()
    page.locator("dialog").wait_for(state="detached")

    assert {row["file"] for row in _table(page, tmp_path)} == {path.name for path in samples}


@on_a_phone
def test_reading_photographs_can_be_cancelled(
    address: str, open_page: Callable[[str], Any], until: Until, tmp_path: Path
) -> None:
    for number in range(30):
        (tmp_path / f"{number}.jpg").write_bytes(portrait_path().read_bytes())
    page = open_page(address)
    ready(page)
    page.get_by_role("button", name="Photographs").click()
    page.set_input_files(PICK, sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="filter all").click()
    page.get_by_role("button", name="cancel").click()
    until(page, "!document.querySelector('progress')")
    assert page.get_by_role("button", name="filter all").is_enabled(), "all were read before it could be cancelled"


@on_a_phone
def test_it_can_be_installed_and_works_when_the_server_is_gone(
    folder: Path, static_server: Serve, open_page: Callable[[str], Any]
) -> None:
    with static_server(folder) as where:
        page = open_page(where)
        ready(page)
        page.evaluate("navigator.serviceWorker.ready")
        page.reload()
        ready(page)
        tools = page.context.new_cdp_session(page)
        missing = {each["errorId"] for each in tools.send("Page.getInstallabilityErrors")["installabilityErrors"]}
        assert missing <= {"in-incognito"}  # as every page of these tests is
        assert tools.send("Page.getAppManifest")["errors"] == []
    page.reload()
    ready(page)
    page.get_by_role("button", name="Photographs").click()
    page.set_input_files(PICK, [portrait_path()])
    page.get_by_role("button", name="filter all").click()
    page.locator(".filters button", has_text="smiling").wait_for()


TASKS_READ = "fetch('constants.json').then((answer) => answer.json()).then(({ tasks }) => Object.keys(tasks))"


@on_a_laptop
def test_a_new_version_is_offered_and_not_mixed_with_the_old_one(
    tmp_path: Path, static_server: Serve, open_page: Callable[[str], Any]
) -> None:
    build(tmp_path / "page")
    build(tmp_path / "other")
    with static_server(tmp_path) as where:
        for name in ("other", "page"):
            page = open_page(f"{where}{name}/")
            ready(page)
            page.evaluate("navigator.serviceWorker.ready")
        build(tmp_path / "page", ["smile"])
        page.reload()
        page.get_by_role("button", name="load the new version").wait_for()
        ready(page)
        assert page.evaluate(TASKS_READ) == ["smile", "emotion"]
        with page.expect_navigation():
            page.get_by_role("button", name="load the new version").click()
        ready(page)
        assert page.evaluate(TASKS_READ) == ["smile"]
        page.get_by_role("button", name="Photographs").click()
        page.set_input_files(PICK, [portrait_path("hopper")])
        page.get_by_role("button", name="filter all").click()
        page.locator(".grid span", has_text="smiling").wait_for()
        kept = page.evaluate("caches.keys()")
        assert len(kept) == 2 and any("/other/" in name for name in kept)


@on_a_phone
def test_without_a_secure_context_there_are_photographs_and_no_camera(
    address: str, plain_host: str, open_page: Callable[[str], Any]
) -> None:
    """Nor is there WebGPU, or a service worker."""
    page = open_page(address.replace("127.0.0.1", plain_host))
    ready(page)
    assert not page.evaluate("'gpu' in navigator || 'serviceWorker' in navigator")
    page.get_by_role("button", name="start the camera").click()
    assert "open it over https:// or on localhost" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Photographs").click()
    page.set_input_files(PICK, [portrait_path()])
    page.get_by_role("button", name="filter all").click()
    page.locator(".filters button", has_text="smiling").wait_for()


@on_a_phone
def test_a_damaged_network_is_named(tmp_path: Path, static_server: Serve, open_page: Callable[[str], Any]) -> None:
    build(tmp_path / "page")
    network = next((tmp_path / "page" / "models").glob("emotion-*"))
    network.write_bytes(network.read_bytes()[:1000])
    with static_server(tmp_path / "page") as where:
        page = open_page(where)
        said = page.get_by_role("alert")
        said.wait_for()
        assert f"models/{network.name} is damaged" in said.inner_text()


@on_a_laptop
def test_it_is_served_by_the_gallery(tmp_path: Path, open_page: Callable[[str], Any]) -> None:
    pytest.importorskip("fastapi")
    from smiledet.config import load_config
    from smiledet.web.gallery.serve import serve_gallery

    write_samples(tmp_path / "photographs")
    config = load_config("desktop-cpu", None, {}).config
    with serve_gallery([tmp_path / "photographs"], config, "127.0.0.1", 0, tmp_path / "store.sqlite", None) as (
        where,
        _,
    ):
        page = open_page(f"{where}app/")
        ready(page)


READ = """async ([module, task, chips]) => {
  const { createReader } = await import(module), reader = await createReader();
  const bytes = Uint8Array.from(atob(chips), (each) => each.charCodeAt(0)), { size } = reader.tasks[task].model;
  const cut = [];
  for (let at = 0; at < bytes.length; at += size ** 2) cut.push(bytes.slice(at, at + size ** 2));
  const found = await reader.readCrops(task, cut);
  reader.close();
  return found.map(({ scores }) => Object.values(scores));
}"""


@pytest.fixture(scope="module")
def one_page(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(240_000)
    page.goto(address)
    yield page
    context.close()


@pytest.mark.parametrize("task", TASKS)
def test_chips_get_the_scores_that_python_gives_them(one_page: Any, address: str, task: str) -> None:
    """Two hundred chips: faces of the demo's portraits, moved, turned, lit and blurred."""
    model = find_model(task)
    assert model.input is not None
    chips = _chips(model.input.size, 100)
    theirs = read(load_engine("litert", model.file("litert")), chips, model)
    given = base64.b64encode(chips.tobytes()).decode()
    ours = np.array(one_page.evaluate(READ, [f"{address}smiledet.js", task, given]))
    assert np.abs(ours - theirs).max() < 1e-3


def _chips(side: int, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    generator = np.random.default_rng(7)
    portraits = [cv2.imread(str(portrait_path(name)), cv2.IMREAD_GRAYSCALE) for name in ("collins", "hopper")]
    made = []
    for number in range(count):
        portrait = portraits[number % 2]
        assert portrait is not None
        height, width = portrait.shape
        scale = side / (height * generator.uniform(0.4, 1.0))
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(generator.normal(0, 15)), scale)
        matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
        chip = cv2.warpAffine(portrait, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        made.append(
            cv2.convertScaleAbs(chip, alpha=float(generator.uniform(0.5, 1.3)), beta=float(generator.normal(0, 20)))
        )
    return np.stack(made)[..., None]


MISUSE = """async ([module, file]) => {
  const { createReader } = await import(module), said = [];
  const refused = (promise) => promise.then(() => said.push("accepted"), (problem) => said.push(problem.message));
  await refused(createReader({ tasks: "smile" }));
  await refused(createReader({ tasks: ["smile", "age"] }));
  const reader = await createReader(), image = new Image(), { size } = reader.tasks.smile.model;
  const sources = [null, 5, "portrait.jpg", document.body, new Blob(["no"]), document.createElement("video")];
  for (const source of sources) await refused(reader.read(source));
  image.src = "data:image/png;base64,AAAA";
  await refused(reader.read(image));
  await refused(reader.read(new ImageData(4, 4), { tasks: ["age"] }));
  await refused(reader.read(new ImageData(4, 4), { time: NaN }));
  await refused(reader.readCrops("smile", [new Uint8Array(7)]));
  await refused(reader.readCrops("toString", [new Uint8Array(size * size)]));
  const good = new Image();
  good.src = `data:image/jpeg;base64,${file}`;
  const { faces } = await reader.read(good);
  const last = refused(reader.read(good));
  reader.close();
  await last;
  await refused(reader.read(good));
  const second = await createReader({ tasks: ["smile"] }), again = await second.read(good);
  second.close();
  return [said, faces[0].smile.label, Object.keys(again.faces[0]).includes("emotion")];
}"""


def test_the_module_says_what_is_wrong_and_goes_on(one_page: Any, address: str) -> None:
    given = base64.b64encode(portrait_path().read_bytes()).decode()
    said, label, reads_emotion = one_page.evaluate(MISUSE, [f"{address}smiledet.js", given])
    source = "expected an image, a canvas, a video, ImageBitmap, ImageData or a file"
    wanted = ["expected a list of names", "no task age; there are smile, emotion", source, source, source, source]
    wanted += ["no picture that this browser reads", "the video has no picture yet"]
    wanted += ["no picture that this browser reads", "no task age", "not a number of seconds"]
    wanted += ["a chip of 7 pixels; smile reads 64 times 64", "no task toString", "is closed", "is closed"]
    assert len(said) == len(wanted)
    for words, expected in zip(said, wanted, strict=True):
        assert expected in words and "\n" not in words
    assert label == "smiling" and not reads_emotion


PHOTOGRAPH = """async ([module, file]) => {
  const { createReader } = await import(module), reader = await createReader();
  const bytes = Uint8Array.from(atob(file), (each) => each.charCodeAt(0));
  const { faces } = await reader.read(new Blob([bytes]));
  reader.close();
  return faces.map(({ box, smile, emotion }) => ({ box, smile: smile.label, emotion: emotion.label }));
}"""


def test_photographs_show_the_faces_that_python_sees(one_page: Any, address: str, tmp_path: Path) -> None:
    paths, _ = photographs(tmp_path)
    assert any(path.stem.endswith("turned") for path in paths)
    with smiledet.FaceReader(faces="large") as reader:
        for path in paths:
            theirs = reader.read(path).faces
            given = base64.b64encode(path.read_bytes()).decode()
            ours = one_page.evaluate(PHOTOGRAPH, [f"{address}smiledet.js", given])
            assert len(ours) == len(theirs), path.name
            for face in theirs:
                same = max(ours, key=lambda other, box=face.box: smiledet.Box(**other["box"]).iou(box))
                assert smiledet.Box(**same["box"]).iou(face.box) >= 0.5, path.name
                assert (same["smile"], same["emotion"]) == (face.smile.label, face.emotion.label), (
                    path.name,
                    json.dumps(same),
                )
