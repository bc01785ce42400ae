"""The page that reads faces in the browser: what is built and how it is served. tests/browser clicks through it."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI
from starlette.testclient import TestClient

from smiledet.cli import main
from smiledet.web.app.build import PAGE, build, page_files
from smiledet.web.app.serve import add_app
from smiledet.web.security import Guard

VENDOR = PAGE / "vendor"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return page_files()


def test_the_command_writes_every_file_and_replaces_an_earlier_build(
    tmp_path: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "page"
    assert main(["web-app", "build", str(folder)]) == 0
    assert "MB to download" in capsys.readouterr().out
    assert contents(folder) == files
    (folder / "main.js").write_text("")
    assert main(["web-app", "build", str(folder)]) == 0
    assert contents(folder) == files
    assert [path.name for path in folder.parent.iterdir()] == ["page"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "{other}"], "holds other files than an earlier build"),
        (["build", "{file}"], "is a file"),
        (["build", "{new}", "--tasks", "smiles"], "no task 'smiles'"),
        (["build", "{new}", "--tasks", "age"], "age is none such"),
        (["build", "{new}", "--tasks", "smile,smile"], "each once"),
        ([], "the following arguments are required: build"),
    ],
)
def test_what_cannot_be_built_is_one_line_and_changes_nothing(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / name for name in ("other", "file", "new")}
    places["other"].mkdir()
    (places["other"] / "thesis.tex").write_text("mine")
    places["file"].write_text("mine")
    given = [each.format(**places) for each in arguments]
    try:
        code = main(["web-app", *given])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err
    assert not places["new"].exists()
    assert (places["other"] / "thesis.tex").read_text() == places["file"].read_text() == "mine"


@pytest.mark.parametrize("place", ["file/page", "full"])
def test_what_cannot_be_written_is_one_line_and_leaves_the_earlier_build(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    if place == "full":
        build(tmp_path / place)
        before = contents(tmp_path / place)
        written = iter(range(10))

        def write_bytes(path: Path, content: bytes) -> int:
            if next(written, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return path.open("wb").write(content)

        monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert main(["web-app", "build", str(tmp_path / place)]) == (1 if place == "full" else 2)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"cannot write the page into {tmp_path / place}" in said
    if place == "full":
        assert contents(tmp_path / place) == before


def test_a_link_to_the_folder_stays_one_and_the_current_folder_will_do(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, link = tmp_path / "page", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    build(link)
    assert link.is_symlink() and contents(folder) == files
    monkeypatch.chdir(folder)
    build(Path())
    assert contents(folder) == files


def test_two_builds_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert main(["web-app", "build", str(tmp_path)]) == 2
    os.close(descriptor)
    said = f"smiledet: cannot write the page into {tmp_path}: another run is writing it\n"
    assert capsys.readouterr().err == said
    assert list(tmp_path.iterdir()) == []


def test_files_of_ones_own_beside_a_build_stay_and_those_of_an_earlier_one_go(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    build(folder)
    (folder / "CNAME").write_text("faces.example")
    (folder / "old.js").write_text("")
    worker = (folder / "sw.js").read_text().replace('["./", ', '["./", "old.js", "../../outside.txt", ')
    (folder / "sw.js").write_text(worker)
    (tmp_path.parent / "outside.txt").write_text("mine")
    build(folder)
    assert (folder / "CNAME").read_text() == "faces.example"
    assert not (folder / "old.js").exists()
    assert (tmp_path.parent / "outside.txt").exists()


def test_it_is_built_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container has mounted the folder: the folder itself is not replaced."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    assert main(["web-app", "build", "."]) == main(["web-app", "build", "."]) == 0
    assert (tmp_path / "index.html").is_file() and tmp_path.stat().st_ino == before


def test_networks_are_those_that_the_constants_name(files: dict[str, bytes]) -> None:
    constants = json.loads(files["constants.json"])
    rows = [constants["detector"], constants["landmarks"]]
    rows += [task["model"] for task in constants["tasks"].values()]
    assert {row["file"] for row in rows} == {name for name in files if name.startswith("models/")}
    for row in rows:
        assert hashlib.sha256(files[row["file"]]).hexdigest() == row["sha256"]


def test_the_detector_of_another_size_is_its_file_with_that_size_written_into_it(files: dict[str, bytes]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    row = json.loads(files["constants.json"])["detector"]
    first, second = row["frame"], row["photograph"]
    changed = bytearray(files[row["file"]])
    for place in row["places"]:
        size = int.from_bytes(changed[place : place + 4], "little")
        changed[place : place + 4] = (size * second // first).to_bytes(4, "little")
    answers = []
    grey = np.random.default_rng(3).uniform(0, 255, (1, second, second, 1)).astype(np.float32)
    for content in (files[row["file"]], bytes(changed)):
        network = Interpreter(model_content=content)
        pixels = network.get_input_details()[0]["index"]
        network.resize_tensor_input(pixels, grey.shape)
        network.allocate_tensors()
        network.set_tensor(pixels, grey)
        network.invoke()
        answers.append([network.get_tensor(each["index"]) for each in network.get_output_details()])
    for one, other in zip(*answers, strict=True):
        assert np.array_equal(one, other)


def test_the_service_worker_keeps_all_that_the_page_loads(files: dict[str, bytes]) -> None:
    text = files["sw.js"].decode()
    kept = set(json.loads(re.findall(r"FILES = (\[.*\]);", text)[0]))
    unkept = {name for name in files if name not in kept}
    assert unkept == {"sw.js", "smiledet.d.ts", *(name for name in files if "LICENSE" in name)}
    assert kept - {"./"} <= set(files)
    assert re.search(r'VERSION = "[0-9a-f]{16}"', text)


def test_nothing_is_inline_and_every_name_is_a_file_of_the_page(files: dict[str, bytes]) -> None:
    class Names(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            names = dict(attributes)
            assert tag != "style" and (tag != "script" or "src" in names)
            assert not [name for name in names if name == "style" or name.startswith("on")]
            for name in ("src", "href"):
                assert name not in names or names[name] in files, names[name]

    Names().feed(files["index.html"].decode())
    for name, content in files.items():
        if name.endswith(".js") and name != "vendor/litert-wasm.js":
            folder = PurePosixPath(name).parent
            for wanted in re.findall(r'from "([^"]+)"|new URL\("([^"]+)"', content.decode()):
                assert (folder / "".join(wanted)).as_posix() in files, (name, wanted)
        if name.endswith((".js", ".html", ".css", ".webmanifest")) and not name.startswith("vendor/"):
            assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org)[\w-]+\.\w+", content.decode()), name
    for icon in json.loads(files["manifest.webmanifest"])["icons"]:
        side = int(icon["sizes"].partition("x")[0])
        image = cv2.imdecode(np.frombuffer(files[icon["src"]], np.uint8), cv2.IMREAD_COLOR)
        assert image is not None and image.shape == (side, side, 3)


def test_vendored_files_are_those_that_are_listed() -> None:
    listed = {each["file"]: each for each in json.loads((VENDOR / "vendored.json").read_text())}
    assert {path.name for path in VENDOR.iterdir()} == {
        *listed,
        "vendored.json",
        "litert-loader.js",
        "LICENSE-litert.txt",
    }
    for name, each in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == each["sha256"], name


def test_what_is_served_at_app(files: dict[str, bytes]) -> None:
    app = FastAPI()
    add_app(app)
    client = TestClient(Guard(app, "127.0.0.1"), base_url="http://127.0.0.1:8600")
    page = client.get("/app")
    assert page.url.path == "/app/" and page.content == files["index.html"]
    assert "'wasm-unsafe-eval'" in page.headers["content-security-policy"]
    assert "'unsafe-eval'" not in page.headers["content-security-policy"]
    assert "camera=(self)" in page.headers["permissions-policy"]
    runtime = client.get("/app/vendor/litert.wasm")
    assert runtime.headers["content-type"] == "application/wasm" and runtime.content == files["vendor/litert.wasm"]
    assert runtime.headers["content-encoding"] == "gzip"
    plain = client.get("/app/main.js", headers={"accept-encoding": "identity"})
    assert plain.content == files["main.js"] and "content-encoding" not in plain.headers
    again = client.get("/app/main.js", headers={"if-none-match": plain.headers["etag"]})
    assert again.status_code == 304
    for path in (
        "/app/../static/base.css",
        "/app/%2e%2e/%2e%2e/etc/passwd",
        "/app//etc/passwd",
        "/app/vendor/vendored.json",
    ):
        assert client.get(path).status_code == 404, path


def test_the_download_is_small(files: dict[str, bytes]) -> None:
    """Five megabytes is what the page may ask of a phone."""
    assert sum(len(gzip.compress(content, 6)) for content in files.values()) < 5_000_000
