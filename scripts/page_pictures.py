"""Take the pictures of the pages for the documentation: gallery, live, app-camera and app-photographs in docs/images.

Needs Chromium and Playwright; the photographs, the run and what the browser's camera shows are the built-in samples.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from web_app_table import browser_path, camera_clip, camera_flags
from web_app_table import serving as serving_files

from smiledet.photographs.samples import write_samples
from smiledet.web.app.build import build

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = {"width": 1180, "height": 720}
PHONE = {"width": 390, "height": 844}
LONGEST = 300_000
"""Milliseconds that a page is waited for."""


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


def take_app(browser: Any, images: Path) -> None:
    """Take those of the page that reads faces in the browser itself: the camera on a phone, photographs on a laptop."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder, "page"))
        samples = [path for path in write_samples(Path(folder, "samples")) if path.suffix == ".jpg"]
        with serving_files(Path(folder, "page")) as address:
            page = browser.new_page(viewport=PHONE, color_scheme="light")
            page.set_default_timeout(LONGEST)
            page.goto(address)
            page.get_by_role("button", name="smile shutter").click()
            page.locator("button.main:enabled").click()
            page.locator(".shots img").first.wait_for()
            page.wait_for_timeout(3000)  # the strip fills
            page.screenshot(path=images / "app-camera.png")
            page.close()
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(LONGEST)
            page.goto(f"{address}/#photographs")
            page.set_input_files("input[multiple]:not([webkitdirectory])", samples)
            page.locator("button.main:enabled").click()
            page.get_by_role("button", name="best shot").click()
            page.locator("progress").wait_for(state="detached")
            page.screenshot(path=images / "app-photographs.png")
            page.close()


def take(browser: Any, images: Path) -> None:
    """Take those of the pages that smiledet serves."""
    page = browser.new_page(viewport=SIZE, color_scheme="light")
    with tempfile.TemporaryDirectory() as folder:
        write_samples(Path(folder, "samples"))
        with serving("gallery", f"{folder}/samples", "--store", f"{folder}/store.sqlite") as address:
            page.goto(address)
            page.get_by_role("button", name="Filter all").click()
            page.locator(".badge.stack").first.wait_for()
            page.wait_for_timeout(1500)  # the pictures fade in
            page.screenshot(path=images / "gallery.png")
    with serving("run", "demo", "--loop", "--realtime", "--no-show") as address:
        page.goto(address)
        page.locator(".plot canvas").wait_for()
        page.wait_for_timeout(5000)  # some history
        page.screenshot(path=images / "live.png")


PICTURES = {
    "served": (take, ("gallery.png", "live.png")),
    "app": (take_app, ("app-camera.png", "app-photographs.png")),
}
"""By kind of page: what takes its pictures, and their names."""


def main() -> None:
    """Take them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES, help="the folder to write into")
    parser.add_argument("--only", choices=PICTURES, help="of one kind of page (default: of all)")
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(PICTURES)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        flags = camera_flags(camera_clip(Path(folder, "camera.y4m")))
        browser = driver.chromium.launch(executable_path=browser_path(), args=flags)
        for kind in chosen:
            PICTURES[kind][0](browser, arguments.output)
        browser.close()
    for name in [name for kind in chosen for name in PICTURES[kind][1]]:  # a third of the size
        path = arguments.output / name
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
