"""The review page in a real Chromium: a clip is scrubbed, changes are jumped to, and a label is put right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smiledet.cli import main

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path], portraits: Any) -> Path:
    """A woman who smiles, two seconds, then one who does not."""
    folder = tmp_path_factory.mktemp("clip")
    return write_clip(folder / "two.mkv", [portraits(name) for name in 30 * ["collins"] + 30 * ["hopper"]])


@pytest.fixture
def address(clip: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the page of the clip and its events; corrections are kept for this test alone."""
    events = clip.with_suffix(".jsonl")
    if not events.exists():
        assert main(["run", str(clip), "--no-show", "-q", "--events", str(events)]) == 0
    command = [sys.executable, "-m", "smiledet", "review", str(clip), str(events), "--serve", "127.0.0.1:0"]
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield next(found[1] for line in process.stdout if (found := re.search(r"the review page is at (\S+)", line)))
    finally:
        process.kill()
        process.wait()


def scrub(page: Any, seconds: float) -> None:
    """Drag the clip's time to a place."""
    page.get_by_label("time", exact=True).evaluate(
        "(range, seconds) => { range.value = seconds; range.dispatchEvent(new Event('input', {bubbles: true})); }",
        seconds,
    )


def test_a_clip_is_looked_at_and_a_label_put_right(
    address: str,
    clip: Path,
    tmp_path: Path,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Callable[[Any, str], None],
) -> None:
    page = open_page(address)
    until(page, "document.querySelector('.video img')?.naturalWidth === 640")
    page.locator(".plot canvas").first.wait_for()
    page.locator(".video rect").first.wait_for()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen"

    time = page.locator(".scrub output")
    first = time.inner_text()
    page.get_by_role("button", name="next change").click()
    changed = time.inner_text()
    page.keyboard.press("ArrowRight")  # the button that was clicked leaves the arrows alone
    until(page, f"document.querySelector('.scrub output').textContent !== {json.dumps(changed)}")
    page.keyboard.press("p")
    assert len({first, changed}) == 2 or page.locator(".list li").count() == 1
    scrub(page, 3)
    until(page, "document.querySelector('.scrub output').textContent.startsWith('0:03')")
    page.locator(".faces button").last.click()  # who is there then
    page.locator("#correct-smile").select_option("smiling")
    page.get_by_text("smile: smiling (corrected)").wait_for()

    page.reload()
    page.locator(".faces button").last.click()
    scrub(page, 3)
    page.get_by_text("smile: smiling (corrected)").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="export 1 corrected").click()
    download.value.save_as(tmp_path / "labelled.zip")
    with zipfile.ZipFile(tmp_path / "labelled.zip") as archive:
        names = archive.namelist()
    assert names and all(name.startswith("smile/smiling/") for name in names)
    page.locator("#correct-smile").select_option("")
    page.get_by_role("link", name="export 0 corrected").wait_for()
