"""The live page in a real Chromium."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "smiledet", "run", "demo", "--loop", "--realtime", "--no-show"]
    process = subprocess.Popen([*command, "--serve", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield next(found[1] for line in process.stderr if (found := re.search(r"the page is at (\S+)", line)))
    finally:
        process.kill()
        process.wait()


def test_what_the_run_shows(
    address: str,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Callable[[Any, str], None],
) -> None:
    page = open_page(address)
    page.locator(".face").nth(1).wait_for()
    until(page, "document.querySelector('.video img').naturalWidth === 640")
    assert page.locator(".status").inner_text() == "live"
    assert page.locator(".face .bar").count() >= 9
    page.locator(".plot canvas").wait_for()
    assert page.locator("tbody tr").count() >= 5
    assert_accessible(page)

    page.get_by_role("button", name="drawing").click()
    page.locator(".video svg rect").first.wait_for()
    assert "clean" in page.locator(".video img").get_attribute("src")
    page.get_by_role("button", name="pause").click()
    page.get_by_role("button", name="go on").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="snapshot").click()
    assert download.value.suggested_filename == "smiledet.jpg"


def test_the_picture_moves(address: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(address)
    page.locator(".face").first.wait_for()
    first = page.locator(".video").screenshot()
    while page.locator(".video").screenshot() == first:
        page.wait_for_timeout(50)
