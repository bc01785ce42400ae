"""Take the pictures of the pages for the documentation: docs/images/gallery.png, live.png.

Needs Chromium and Playwright; the photographs and the run are the built-in samples.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from smiledet.photographs.samples import write_samples

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = {"width": 1180, "height": 720}


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


def take(browser: Any, images: Path) -> None:
    """Take both pictures."""
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


def main() -> None:
    """Take them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES, help="the folder to write into")
    arguments = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take(browser, arguments.output)
        browser.close()
    for name in ("gallery.png", "live.png"):  # a third of the size
        path = arguments.output / name
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
