"""A real Chromium, driven by Playwright; a page that fails on any message, other address or accessibility fault."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from smiledet.sources.demo import portrait_path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}

LIMIT = 60.0
"""Seconds after which what a page is waited for counts as never coming."""

PLAIN_HOST = "phone.test"
"""A name of this machine that is not localhost: over http:// a page there is in no secure context."""

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
"""The npm package axe-core 4.14.1 (MPL-2.0), as it is."""


def portrait(name: str = "collins") -> Any:
    """A portrait of the demo in the middle of a grey picture of 640x480: collins smiles, hopper does not."""
    found = cv2.imread(str(portrait_path(name)))
    assert found is not None
    image = np.full((480, 640, 3), 128, np.uint8)
    shown = cv2.resize(found, (round(480 / found.shape[0] * found.shape[1]), 480), interpolation=cv2.INTER_AREA)
    shown = shown[:, :640]
    left = (640 - shown.shape[1]) // 2
    image[:, left : left + shown.shape[1]] = shown
    return image


@pytest.fixture(scope="session")
def portraits() -> Callable[[str], Any]:
    """See `portrait`."""
    return portrait


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """Writes pictures as a clip."""

    def write(path: Path, images: Iterable[Any], fps: float = 15.0) -> Path:
        writer: cv2.VideoWriter | None = None
        for image in images:
            if writer is None:
                size = (image.shape[1], image.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
            writer.write(image)
        assert writer is not None
        writer.release()
        return path

    return write


@pytest.fixture(scope="session")
def camera_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera shows, over and over: a woman who smiles, two seconds of 640x480 in YUV4MPEG2."""
    image = portrait()
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    frame = b"FRAME\n" + cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()
    path.write_bytes(b"YUV4MPEG2 W640 H480 F15:1 Ip A1:1 C420mpeg2\n" + 30 * frame)
    return path


@pytest.fixture(scope="session")
def chromium(camera_clip: Path) -> Iterator[Any]:
    """The browser, with a camera that shows `camera_clip`; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera_clip}")
    with playwright.sync_playwright() as driver:
        name = f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", name, *camera])
        yield browser
        browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def static_server() -> Callable[[Path], AbstractContextManager[str]]:
    """Any web server that serves a folder's files: while the block runs, at the address that it yields."""

    @contextmanager
    def serving(folder: Path) -> Iterator[str]:
        with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                server.shutdown()
                thread.join()

    return serving


@pytest.fixture
def until() -> Callable[[Any, str], None]:
    """Waits until a JavaScript expression holds in a page.

    Playwright's own `wait_for_function` has the page evaluate a text, which the page's policy forbids.
    """

    def wait(page: Any, expression: str) -> None:
        for _ in range(round(LIMIT / 0.05)):
            if page.evaluate(expression):
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"still not so after {LIMIT} s: {expression}")

    return wait


@pytest.fixture
def plain_host() -> str:
    """See `PLAIN_HOST`."""
    return PLAIN_HOST


@pytest.fixture(params=SIZES)
def open_page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """Opens addresses at desktop and at phone size; the test fails if the page complained or asked elsewhere."""
    width, height = SIZES[request.param]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, has_touch=request.param == "phone", locale="en-GB"
    )
    said: list[str] = []
    asked: set[str] = set()

    def opened(address: str) -> Any:
        page = context.new_page()
        page.set_default_timeout(1000 * LIMIT)
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda problem: said.append(str(problem)))
        page.on("request", lambda each: asked.add(urlsplit(each.url).netloc))
        page.goto(address)
        hosts.add(urlsplit(address).netloc)
        return page

    hosts: set[str] = set()
    opened.allowed = "\0"  # a message that a test provokes
    yield opened
    context.close()
    assert [each for each in said if opened.allowed not in each] == []
    assert asked <= {*hosts, ""}, "the page asked another machine"


@pytest.fixture
def assert_accessible() -> Callable[[Any], None]:
    """Runs axe on what a page shows now: nothing serious may be found."""

    def check(page: Any) -> None:
        page.evaluate(AXE.read_text())  # the page's own policy lets no further script in
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa']})")
        serious = [
            (each["id"], [node["html"] for node in each["nodes"]][:3])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []

    return check
