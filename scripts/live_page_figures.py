"""How late the live page is, and what its viewers cost.

`glass`: a source shows a counter in colours; a real Chromium shows the page, and hands out a screenshot of what it has
shown, with the time (its screencast: a screenshot that is asked for takes a third of a second, and does not say when).
From when a picture was taken to when Chromium first showed it.

`switches`: from the request for other settings to the first frame that was captured after they took effect.

`viewers`: the pipeline's latency alone, and with twenty viewers of the video and one that never reads, in turn.

    python scripts/live_page_figures.py glass
    python scripts/live_page_figures.py viewers --rounds 3
    python scripts/live_page_figures.py switches
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from typing_extensions import override

from smiledet.config import load_config
from smiledet.frame import Image
from smiledet.pipeline import Pipeline
from smiledet.platform.choice import pick_platform
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import scene
from smiledet.web.live.app import Live
from smiledet.web.live.serve import serve_live
from smiledet.web.live.sink import PageSink
from smiledet.web.live.status import Status

CELL, CELLS = 48, 5
"""Side of a coloured square in pixels, and how many of them: eight colours each."""

VIEWERS = 20

COLOURS = [tuple(255 * (value >> bit & 1) for bit in range(3)) for value in range(8)]


class Counting(Source):
    """The demo at 30 FPS with the number of each picture in colours above it; remembers when each was taken."""

    live = True
    description = "a counter in colours"
    fps = 30.0
    size = (640, 480)

    def __init__(self) -> None:
        self.taken: dict[int, float] = {}
        self.over = threading.Event()
        self._due = 0.0

    @override
    def open(self) -> None:
        self._due = time.monotonic()

    @override
    def read(self) -> Picture | None:
        self._due = max(self._due + 1 / self.fps, time.monotonic() - 1)
        if self.over.wait(max(0.0, self._due - time.monotonic())):
            return None
        number = len(self.taken)
        image = scene(number % 300)
        for cell in range(CELLS):
            image[:CELL, cell * CELL : (cell + 1) * CELL] = COLOURS[number >> 3 * cell & 7]
        self.taken[number] = time.monotonic()
        return Picture(image, self.taken[number])

    @override
    def interrupt(self) -> None:
        self.over.set()

    @override
    def close(self) -> None:
        pass


def number_of(shown: Image) -> int:
    """The number in a picture of 640x480 that was shown in another size."""
    image = cv2.resize(shown, (640, 480), interpolation=cv2.INTER_AREA)
    number = 0
    for cell in range(CELLS):
        middle = image[CELL // 4 : 3 * CELL // 4, cell * CELL + CELL // 4 : (cell + 1) * CELL - CELL // 4]
        bits = middle.reshape(-1, 3).mean(axis=0) > 127
        number |= sum(int(bit) << place for place, bit in enumerate(bits)) << 3 * cell
    return number


@contextmanager
def running(source: Source) -> Iterator[tuple[str, Pipeline]]:
    """A run with a page: its address, and the pipeline."""
    config = load_config(pick_platform("auto").name).config
    page = PageSink([""], [])
    pipeline = Pipeline(config, source, [page])
    page.tasks = pipeline.tasks
    source.open()
    thread = threading.Thread(target=pipeline.run)
    live = Live(page, pipeline, Status(pipeline.buffer), {"": source.description}, dict, None)
    with serve_live(live, "127.0.0.1", 0) as address:
        thread.start()
        try:
            yield address, pipeline
        finally:
            pipeline.stop()
            thread.join()


def measure_glass(shots: int) -> None:
    """Print from capture to screenshot."""
    from playwright.sync_api import sync_playwright

    source = Counting()
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with running(source) as (address, pipeline), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator(".face").first.wait_for(timeout=120_000)
        box = page.locator(".video").bounding_box()
        assert box is not None
        scale = min(box["width"] / 640, box["height"] / 480)
        x, y = box["x"] + (box["width"] - 640 * scale) / 2, box["y"] + (box["height"] - 480 * scale) / 2
        left, top, right, bottom = (round(each) for each in (x, y, x + 640 * scale, y + 480 * scale))
        shown: dict[int, float] = {}
        devtools = page.context.new_cdp_session(page)

        def look(event: dict[str, Any]) -> None:
            devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
            data = np.frombuffer(base64.b64decode(event["data"]), np.uint8)
            picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
            shown.setdefault(number_of(picture[top:bottom, left:right]), event["metadata"]["timestamp"])

        devtools.on("Page.screencastFrame", look)
        devtools.send("Page.startScreencast", {"format": "jpeg", "quality": 90})
        began = time.monotonic()
        while len(shown) <= shots and time.monotonic() - began < 60:
            page.wait_for_timeout(100)
        devtools.send("Page.stopScreencast")
        page.wait_for_timeout(1000)  # what is on its way would find no page
        drawn = statistics.median(pipeline.buffer.count("draw").ages_ns) / 1e6
        browser.close()
    since = time.time() - time.monotonic()
    # The first may have been shown long before.
    late = [1000 * (at - since - source.taken[each]) for each, at in [*shown.items()][1:] if each in source.taken]
    print(f"{len(late)} screenshots read of {len(shown)}; capture to drawn {drawn:.1f} ms")
    print(
        f"glass to glass: {statistics.median(late):.0f} ms (median), {statistics.quantiles(late, n=20)[-1]:.0f} (95 %)"
    )


WATCHING = """
import selectors, socket, sys
host, port, viewers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
asked = f"GET /video/annotated.mjpeg HTTP/1.1\\r\\nHost: {host}:{port}\\r\\n\\r\\n".encode()
reading, idle = selectors.DefaultSelector(), socket.create_connection((host, port))
idle.sendall(asked)
for _ in range(viewers):
    viewer = socket.create_connection((host, port))
    viewer.sendall(asked)
    reading.register(viewer, selectors.EVENT_READ)
while True:
    for key, _ in reading.select():
        key.fileobj.recv(1 << 16)
"""
"""Many viewers in one process, which is not the run's: they would wait for its lock."""


@contextmanager
def viewers(address: str) -> Iterator[None]:
    """Twenty that watch, and one that asks and never reads."""
    place = urlsplit(address)
    words = [sys.executable, "-c", WATCHING, str(place.hostname), str(place.port), str(VIEWERS)]
    process = subprocess.Popen(words)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def median_latency(pipeline: Pipeline, seconds: float) -> float:
    """Milliseconds from capture to drawn of what is drawn from now on."""
    before = pipeline.buffer.count("draw").processed
    time.sleep(seconds)
    count = pipeline.buffer.count("draw")
    fresh = list(count.ages_ns)[before - count.processed :]
    return statistics.median(fresh) / 1e6


def measure_viewers(rounds: int, seconds: float) -> None:
    """Print the pipeline's latency alone and with viewers."""
    source = Counting()
    alone, watched = [], []
    with running(source) as (address, pipeline):
        time.sleep(5)
        for _ in range(rounds):
            alone.append(median_latency(pipeline, seconds))
            with viewers(address):
                watched.append(median_latency(pipeline, seconds))
    ratios = [many / one for one, many in zip(alone, watched, strict=True)]
    print("alone", *(f"{each:.2f}" for each in alone), "ms; watched", *(f"{each:.2f}" for each in watched), "ms")
    print(f"latency with {VIEWERS} viewers and one that never reads: {statistics.median(ratios):.3f} of that alone")


SWITCHES: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "a task more": ({"tasks": ["smile", "emotion", "gender"]}, lambda face: "gender" in face),
    "another threshold": ({"unsure_below": {"gender": 1.0}}, lambda face: face.get("gender") == "unsure"),
    "another model": ({"models": {"smile": "mobilenet-025"}}, lambda _: True),
    "another detector": ({"detector": "hog"}, lambda _: True),
    "a third detector": ({"detector": "fcos"}, lambda _: True),
    "the usual detector": ({"detector": "haar"}, lambda _: True),
    "a task less": ({"tasks": ["smile"]}, lambda face: "emotion" not in face),
}
"""What is asked for, and how it is seen in a face; where it is not, the first frame counts that comes after it."""


def measure_switches() -> None:
    """Print how long each switch takes to be seen."""
    import httpx

    source = Counting()
    with running(source) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        for name, (changes, seen) in SWITCHES.items():
            with client.stream("GET", "/api/faces") as events:
                lines = (json.loads(line[5:]) for line in events.iter_lines() if line.startswith("data:"))
                next(told for told in lines if told["faces"])
                began = time.monotonic()
                answer = client.patch("/api/settings", json=changes)
                if answer.status_code != 200:
                    print(f"{name}: {answer.text}")
                    continue
                answered = time.monotonic()
                after = len(source.taken)
                next(told for told in lines if told["frame"] >= after and any(map(seen, told["faces"])))
            print(f"{name}: answered after {answered - began:.2f} s, seen after {time.monotonic() - began:.2f} s")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("glass", "viewers", "switches"))
    parser.add_argument("--shots", type=int, default=100, help="screenshots (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of `viewers` (default: 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each half of a round (default: 10)")
    arguments = parser.parse_args()
    if arguments.what == "glass":
        measure_glass(arguments.shots)
    elif arguments.what == "switches":
        measure_switches()
    else:
        measure_viewers(arguments.rounds, arguments.seconds)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
