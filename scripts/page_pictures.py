"""Take the pictures of the pages for the documentation: docs/images/*.png.

Needs Chromium and Playwright; photographs, clips and runs are made of the built-in samples.

    python scripts/page_pictures.py live explain
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
from PIL import Image
from web_app_table import browser_path, camera_clip, camera_flags
from web_app_table import serving as serving_files

from smiledet.photographs.samples import write_samples
from smiledet.sources.demo import portrait_path, scene
from smiledet.web.app.build import build

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = {"width": 1180, "height": 720}
PHONE = {"width": 390, "height": 844}
HISTORY = 6000
"""Milliseconds of a run before its picture is taken."""


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A command that serves a page: its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smiledet", *arguments, "--serve", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
    finally:
        process.terminate()
        process.wait()


def smiledet(*arguments: str) -> None:
    """A command that ends."""
    subprocess.run([sys.executable, "-m", "smiledet", *arguments, "-q"], check=True)


def clip_of(path: Path, images: list[Any]) -> str:
    """Pictures as a clip of 30 FPS."""
    size = (images[0].shape[1], images[0].shape[0])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, size)
    for image in images:
        writer.write(image)
    writer.release()
    return str(path)


@dataclass(frozen=True)
class Studio:
    """A page, a folder for what it needs, and where its picture goes."""

    page: Any
    folder: Path
    picture: Path

    def shoot(self) -> None:
        """Take the picture, at a third of its usual size."""
        self.page.screenshot(path=self.picture)
        Image.open(self.picture).convert("RGB").quantize(256).save(self.picture, optimize=True)


def gallery(studio: Studio) -> None:
    """Filters over the sample photographs."""
    write_samples(studio.folder / "samples")
    with serving("gallery", f"{studio.folder}/samples", "--store", f"{studio.folder}/store.sqlite") as address:
        studio.page.goto(address)
        studio.page.get_by_role("button", name="Filter all").click()
        studio.page.locator(".badge.stack").first.wait_for()
        studio.page.wait_for_timeout(1500)  # the pictures fade in
        studio.shoot()


def watched(studio: Studio, *words: str) -> None:
    """A run of the demo, with some history."""
    with serving("run", *words, "--loop", "--realtime", "--no-show") as address:
        studio.page.goto(address)
        studio.page.locator(".plot canvas").wait_for()
        studio.page.wait_for_timeout(HISTORY)
        studio.shoot()


def live(studio: Studio) -> None:
    """The live page."""
    watched(studio, "demo")


def phone(studio: Studio) -> None:
    """The live page on a phone."""
    studio.page.set_viewport_size(PHONE)
    watched(studio, "demo")


def sources(studio: Studio) -> None:
    """Four sources."""
    watched(studio, "demo", "demo", "demo", "demo", "--rate", "10")


def explain(studio: Studio) -> None:
    """What the network looks at."""
    watched(studio, "demo", "--explain", "emotion")


def shutter(studio: Studio) -> None:
    """The photo booth with a photograph that was taken."""
    portrait = cv2.copyMakeBorder(cv2.imread(str(portrait_path())), 30, 30, 100, 100, cv2.BORDER_REPLICATE)
    clip = clip_of(studio.folder / "smile.mkv", 90 * [portrait])
    with serving("run", clip, "--loop", "--realtime", "--no-show", "--shutter", f"{studio.folder}/photos") as address:
        studio.page.goto(address)
        studio.page.locator(".print aside img").wait_for()
        studio.page.wait_for_timeout(500)
        studio.shoot()


def review(studio: Studio) -> None:
    """The demo as a clip with its curves."""
    with serving("review", clip_of(studio.folder / "demo.mkv", [scene(number) for number in range(240)])) as address:
        studio.page.goto(address)
        studio.page.locator(".plot canvas").first.wait_for()
        studio.page.get_by_label("time").fill("4")
        studio.page.wait_for_timeout(1500)
        studio.shoot()


def report(studio: Studio) -> None:
    """The report of the demo's events."""
    smiledet("run", "demo", "--no-show", "--events", f"{studio.folder}/demo.jsonl")
    smiledet("report", f"{studio.folder}/demo.jsonl", "-o", f"{studio.folder}/report.html")
    studio.page.goto(Path(studio.folder, "report.html").as_uri())
    studio.page.locator(".plot canvas").first.wait_for()
    studio.shoot()


def app(studio: Studio) -> None:
    """The page that needs no server, while its camera runs, on a laptop and on a phone."""
    build(studio.folder / "app")
    with serving_files(studio.folder / "app") as address:
        for name, size in (("app", SIZE), ("app-phone", PHONE)):
            studio.page.set_viewport_size(size)
            studio.page.goto(address)
            studio.page.get_by_role("button", name="start the camera").click()
            studio.page.locator(".face").first.wait_for()
            studio.page.wait_for_timeout(HISTORY)
            replace(studio, picture=studio.picture.with_name(f"{name}.png")).shoot()
            studio.page.get_by_role("button", name="stop", exact=True).click()


def app_photographs(studio: Studio) -> None:
    """The same page with the sample photographs, on a phone."""
    build(studio.folder / "app")
    files = [path for path in write_samples(studio.folder / "samples") if path.is_file()]
    studio.page.set_viewport_size(PHONE)
    with serving_files(studio.folder / "app") as address:
        studio.page.goto(address)
        studio.page.get_by_role("button", name="Photographs").click()
        studio.page.locator("input[type=file]").first.set_input_files(files)
        studio.page.get_by_role("button", name="filter all").click()
        studio.page.get_by_text(re.compile("read, 1 cannot be read")).wait_for()  # the sample that is damaged
        studio.page.locator("progress").wait_for(state="detached")
        replace(studio, picture=studio.picture.with_name("app-photographs.png")).shoot()


TAKEN = (gallery, live, phone, sources, explain, shutter, review, report, app, app_photographs)
PICTURES: dict[str, Callable[[Studio], None]] = {each.__name__: each for each in TAKEN}


def main() -> None:
    """Take them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)} (default: all)")
    parser.add_argument("--output", type=Path, default=IMAGES, help="the folder to write into")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(PICTURES):
        parser.error(f"no picture {unknown.pop()!r}; there are {', '.join(PICTURES)}")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        flags = camera_flags(camera_clip(Path(folder, "camera.y4m")))
        browser = driver.chromium.launch(executable_path=browser_path(), args=flags)
        for name in arguments.names or PICTURES:
            page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en-GB")
            own = Path(folder, name)
            own.mkdir()
            PICTURES[name](Studio(page, own, arguments.output / f"{name}.png"))
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
