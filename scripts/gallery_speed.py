"""How the gallery behaves with many photographs, in a real Chromium.

    python scripts/gallery_speed.py --photographs 20000

The files are links to the sample photographs, what is known of them is made up (see store_speed.py), thumbnails are
made as they come into view, as in a folder that is new. Told are: the first paint and the first picture; frames while
the page is scrolled, from a trace of Chromium's; and a search, from the key to the photographs that it found.

A busy machine delays all of it. So the processor time of the page's main thread for a frame is told, too: 60 frames a
second leave 16.7 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from store_speed import invented

from smiledet.config import load_config
from smiledet.model_plan import plan_models
from smiledet.photographs.examine import edition_of
from smiledet.photographs.records import StoredFile
from smiledet.photographs.samples import write_samples
from smiledet.photographs.stacks import restack
from smiledet.photographs.store import Store
from smiledet.platform.choice import pick_platform

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}

SCROLLED, SPEED = 15_000, 1500
"""Pixels, and pixels a second: a hundred pictures a second at desktop size."""

SEARCHES = ("img_19", "7", "beach")

CATEGORIES = ["benchmark", "cc", "devtools.timeline", "disabled-by-default-devtools.timeline.frame", "toplevel"]

DROPPED, SHOWN = "STATE_DROPPED", ("STATE_PRESENTED_ALL", "STATE_PRESENTED_PARTIAL")
"""How a frame ended, in Chromium's words; where nothing changed it is neither."""

WATCH = """() => {
  const frames = window.frames60 = [];
  const next = (now) => { frames.push(now); if (frames.length < 5000) requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""

SEARCH = """async (text) => {
  const box = document.querySelector(".panel input[type=search]");
  const before = document.querySelector(".total").innerText;
  const started = performance.now();
  box.value = text;
  box.dispatchEvent(new Event("change", { bubbles: true }));
  while (document.querySelector(".total").innerText === before) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=20_000, metavar="N")
    parser.add_argument("--trace", type=Path, metavar="FOLDER", help="keep the traces, for Chromium's own viewer")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if chromium is None:
        parser.error("there is no Chromium here (Debian: apt-get install chromium)")
    with TemporaryDirectory() as scratch, sync_playwright() as driver:
        folder = Path(scratch)
        fill(folder, arguments.photographs)
        print("| what | size | measured |\n| --- | --- | --- |")
        with gallery(folder) as address:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, (width, height) in SIZES.items():
                context = browser.new_context(viewport={"width": width, "height": height})
                for what, measured in figures(browser, context.new_page(), address, arguments.trace):
                    print(f"| {what} | {name} | {measured} |", flush=True)
                context.close()
            browser.close()
    return 0


def fill(folder: Path, count: int) -> None:
    """Many photographs, and a store that knows them."""
    samples = sorted(
        path for path in write_samples(folder / "samples") if path.suffix == ".jpg" and path.stem != "damaged"
    )
    files = []
    for number in range(count):
        path = (
            folder
            / "photographs"
            / f"{number // 500}{' beach' if number // 500 % 20 == 0 else ''}"
            / f"IMG_{number}.jpg"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(samples[number % len(samples)], path)
        state = path.stat()
        files.append(StoredFile(path, f"{number:032x}", state.st_mtime_ns, state.st_size))
    config = load_config(pick_platform("auto").name).config
    chance = random.Random(1)
    with Store(folder / "store.sqlite", edition_of(plan_models(config), config)) as store:
        for start in range(0, count, 1000):
            store.add(invented(start, min(1000, count - start), chance, files.__getitem__))
        restack(store)


@contextmanager
def gallery(folder: Path) -> Iterator[str]:
    """The command in a process of its own: its address."""
    command = [sys.executable, "-m", "smiledet", "gallery", folder / "photographs", "--store", folder / "store.sqlite"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    serving = subprocess.Popen(
        [*command, "--serve", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert serving.stdout is not None
    try:
        said = []
        for line in serving.stdout:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                yield found[0]
                break
        else:
            raise SystemExit("".join(said))
    finally:
        serving.terminate()
        serving.wait()


def figures(browser: Any, page: Any, address: str, kept: Path | None) -> Iterator[tuple[str, str]]:
    """What is measured at one size, and what came of it."""
    page.set_default_timeout(120_000)
    page.goto(address)
    page.locator(".tile img").first.wait_for()
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    shown = page.evaluate(
        "new Promise((done) => { const look = () => { const one = document.querySelector('.tile img'); if (one && "
        "one.complete && one.naturalWidth) done(performance.now()); else requestAnimationFrame(look); }; look(); })"
    )
    yield "first paint", f"{first:.0f} ms"
    yield "the first picture is there", f"{shown:.0f} ms at most"
    yield from scrolled(browser, page, kept)
    page.get_by_role("button", name="Filters").click()
    for text in SEARCHES:
        page.evaluate("performance.clearResourceTimings()")  # the browser keeps 250
        taken = page.evaluate(SEARCH, text)
        asked = page.evaluate(
            "(text) => performance.getEntriesByType('resource').filter((each) => each.name.includes('text=' + text))"
            ".map((each) => each.responseEnd - each.requestStart)",
            text,
        )
        yield (
            f"search for {text!r}",
            f"{taken:.0f} ms; the server answered in {' and '.join(f'{each:.0f}' for each in asked)} ms",
        )


def scrolled(browser: Any, page: Any, kept: Path | None) -> Iterator[tuple[str, str]]:
    """The frames while the page is scrolled."""
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    session = page.context.new_cdp_session(page)
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.evaluate(WATCH)
    gesture = {
        "x": width // 2,
        "y": height * 2 // 3,
        "yDistance": -SCROLLED,
        "speed": SPEED,
        "gestureSourceType": "mouse",  # Chromium 156 scrolls nothing at all with "touch"
    }
    session.send("Input.synthesizeScrollGesture", gesture)
    moments = page.evaluate("window.frames60")
    reached = page.evaluate("document.querySelector('.grid').scrollTop")
    trace = browser.stop_tracing()
    if reached < SCROLLED:
        raise SystemExit(f"Chromium scrolled {reached:.0f} pixels of {SCROLLED}")
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"scroll-{width}.json").write_bytes(trace)
    gaps = sorted(after - before for before, after in pairwise(moments))
    events = json.loads(trace)["traceEvents"]
    ended = frames_of(events)
    seen = sum(ended[state] for state in SHOWN)
    yield (
        f"scrolled {reached:.0f} pixels at {SPEED} a second",
        f"{seen} frames shown, {ended[DROPPED]} dropped; from frame to frame {statistics.median(gaps):.1f} ms "
        f"(95 %: {gaps[len(gaps) * 95 // 100]:.1f})",
    )
    busy = main_thread(events)
    yield (
        "processor time of the page for a frame",
        f"{statistics.mean(busy):.1f} ms (95 %: {sorted(busy)[len(busy) * 95 // 100]:.1f})" if busy else "not told",
    )


def frames_of(events: list[dict[str, Any]]) -> Counter[str]:
    """How the frames ended, by Chromium's own account; each once."""
    ended = {}
    for event in events:
        arguments = event.get("args", {})
        told = arguments.get("frame_reporter") or arguments.get("chrome_frame_reporter")  # other versions' name
        if event.get("name") != "PipelineReporter" or not told:
            continue
        if told["state"] != DROPPED or told.get("affects_smoothness", True):
            ended[told.get("frame_source"), told.get("frame_sequence")] = told["state"]
    return Counter(ended.values())


def main_thread(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of processor time that the page's main thread took from one animation frame to the next."""
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each.get("name") == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    frames: Counter[tuple[int, int]] = Counter(
        (each["pid"], each["tid"]) for each in events if each.get("name") == "FireAnimationFrame"
    )
    if not frames:
        return []
    main = max(frames, key=lambda each: frames[each] if each in threads else 0)
    mine = [each for each in events if (each.get("pid"), each.get("tid")) == main]
    starts = sorted(each["ts"] for each in mine if each.get("name") == "FireAnimationFrame")
    tasks = [
        each for each in mine if each.get("name") == "RunTask" or each.get("name") == "ThreadControllerImpl::RunTask"
    ]
    busy = [0.0] * len(starts)
    place = 0
    for task in sorted(tasks, key=lambda each: each["ts"]):
        while place + 1 < len(starts) and starts[place + 1] <= task["ts"]:
            place += 1
        busy[place] += task.get("tdur", task.get("dur", 0)) / 1000
    return busy[1:-1]


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"\n{time.monotonic() - started:.0f} s")
    sys.exit(code)
