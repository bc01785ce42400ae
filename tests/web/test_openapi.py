"""Requests drawn from the pages' own OpenAPI descriptions: none ends in an error of the server."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis")
pytest.importorskip("fastapi")
import av  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from smiledet.config import load_config  # noqa: E402
from smiledet.photographs.index import Indexer  # noqa: E402
from smiledet.photographs.samples import write_samples  # noqa: E402
from smiledet.pipeline import Pipeline  # noqa: E402
from smiledet.reader import FaceReader  # noqa: E402
from smiledet.sources.choose import create_source  # noqa: E402
from smiledet.sources.demo import scene  # noqa: E402
from smiledet.tasks.base import get_task  # noqa: E402
from smiledet.web.gallery import app as gallery_app  # noqa: E402
from smiledet.web.gallery.library import Library  # noqa: E402
from smiledet.web.live import app as live_app  # noqa: E402
from smiledet.web.live.sink import PageSink  # noqa: E402
from smiledet.web.live.status import Status  # noqa: E402
from smiledet.web.review import app as review_app  # noqa: E402
from smiledet.web.review.corrections import Corrections, kept_at  # noqa: E402
from smiledet.web.review.pictures import ClipPictures  # noqa: E402
from smiledet.web.review.readings import read_clip  # noqa: E402

EXAMPLES = int(os.environ.get("SMILEDET_FUZZ", "0")) or 3

ENDLESS = ("/video/{kind}.mjpeg", "/api/faces")
"""Answers that end with the run."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("XDG_DATA_HOME", str(folder / "data"))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def gallery(home: Path) -> Iterator[tuple[Any, Path]]:
    """The gallery's application over the sample photographs, a third of which are read."""
    folder = home / "photographs"
    write_samples(folder)
    config = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    with FaceReader(config.tasks, config=config) as reader, Indexer(config, None) as indexer:
        library = Library(indexer, [folder])
        indexer.run(library._discover()[:4], folders=library.folders)
        library.look()
        yield gallery_app.make_app(library, reader, home / "copies"), folder
        library.close()


@pytest.fixture(scope="module")
def live() -> Iterator[Any]:
    """The live page's application of a run that goes on."""
    config = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    source = create_source("demo", realtime=True, loop=True)
    source.open()
    page = PageSink([""], (get_task("smile"),))
    pipeline = Pipeline(config, source, [page])
    running = threading.Thread(target=pipeline.run)
    running.start()
    status = Status(pipeline.buffer)
    yield live_app.make_app(live_app.Live(page, pipeline, status, {"": "demo"}, dict, None))
    pipeline.stop()
    running.join(30)


def ask_everything(app: Any, leave_out: tuple[str, ...] = ()) -> int:
    """Ask every operation with valid and invalid values; how many there are."""
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        if operation.path in leave_out:
            continue

        @settings(max_examples=EXAMPLES)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            found = case.call()
            assert found.status_code < 500 or found.status_code == 503, case.as_curl_command()
            assert b"Traceback" not in found.content

        ask()
    return len(operations)


def state_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_the_gallery(gallery: tuple[Any, Path]) -> None:
    app, folder = gallery
    before = state_of(folder)
    assert ask_everything(app) >= 19
    assert state_of(folder) == before, "originals are never written"


def test_the_live_page(live: Any) -> None:
    assert ask_everything(live, ENDLESS) >= 7


@pytest.fixture(scope="module")
def review(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """The review page's application of a clip of ten pictures."""
    clip = tmp_path_factory.mktemp("review") / "clip.mp4"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(10):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(scene(number), "bgr24")))
        output.mux(stream.encode(None))
    config = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    readings = read_clip(clip, config, lambda: None)
    pictures = ClipPictures(clip)
    yield review_app.make_app(clip, readings, pictures, Corrections(kept_at(clip))), clip.parent
    pictures.close()


def test_the_review_page(review: tuple[Any, Path]) -> None:
    app, folder = review
    before = state_of(folder)
    assert ask_everything(app) >= 4
    assert state_of(folder) == before, "the clip is never changed"


NAMES = st.sampled_from(
    [
        *("text", "folder", "order", "mark", "failed", "every_shot", "offset", "limit"),
        *("label.smile", "label.faces", "label.", "low.age", "high.smile"),
        *("taken_from", "taken_to", "least_smile", "least_eyes_open", "least_faces", "most_faces"),
    ]
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["smiling", "no face", "-1", "nan", "inf", "1e999", "../..", "/etc", "%", "_", "' OR 1=1 --"]),
    st.sampled_from(["2024-13-45", "0", "1", "keep", "date", "9" * 30]),
)


@given(path=st.sampled_from(["photographs", "counts", "summary"]), query=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_any_question_of_the_gallery(gallery: Any, ask: Callable[..., Any], path: str, query: Any) -> None:
    found = ask(gallery[0], f"/api/{path}", query)
    assert found.status_code in (200, 400), found.text
    assert found.text.count("\n") <= 1


@pytest.fixture(scope="module")
def ask() -> Callable[..., Any]:
    """Asks an application directly, without a server."""
    from fastapi.testclient import TestClient

    clients: dict[int, Any] = {}

    def get(app: Any, path: str, query: Any) -> Any:
        client = clients.setdefault(id(app), TestClient(app, raise_server_exceptions=False))
        return client.get(path, params=query)

    return get
