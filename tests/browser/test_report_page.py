"""The report, opened as a file in a real Chromium, and printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smiledet.cli import main

pytestmark = pytest.mark.slow


LAST_COLOURED = """(canvas) => {
    const { width, height } = canvas, { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let last = 0;
    for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue, cover] = data.subarray(at, at + 4);
        const grey = Math.max(red, green, blue) - Math.min(red, green, blue) < 60;
        if (cover && !grey) last = Math.max(last, (at / 4) % width);
    }
    return last / width;
}"""
"""Where the last point or line of a plot is drawn, as a share of its width."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of the demo's events as JSON lines and CSV, and of its store: the address of each page."""
    folder = tmp_path_factory.mktemp("report")
    store = folder / "day.sqlite"
    run = ["run", "demo", "--no-show", "-q", "--max-frames", "90"]
    assert main([*run, "--events", str(folder / "a.jsonl"), "--store", str(store)]) == 0
    assert main([*run, "--events", str(folder / "a.csv")]) == 0
    found = {}
    for file in (folder / "a.jsonl", folder / "a.csv", store):
        page = folder / f"{file.suffix[1:]}.html"
        assert main(["report", str(file), "-o", str(page), "-q"]) == 0
        found[file.suffix] = page.as_uri()
    return found


@pytest.mark.parametrize("kind", [".jsonl", ".csv", ".sqlite"])
def test_what_it_shows(
    kind: str, reports: dict[str, str], open_page: Callable[[str], Any], assert_accessible: Callable[[Any], None]
) -> None:
    page = open_page(reports[kind])
    page.locator(".plot canvas").first.wait_for()
    titles = page.locator("h2").all_inner_texts()
    assert len(titles) > 4 and "smiles over time" in [each.lower() for each in titles]
    assert page.locator(".person").count() == 2
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen"
    # The store keeps a row a minute: of one of them the plot shows that minute, not the years after it.
    assert page.locator(".plot canvas").first.evaluate(LAST_COLOURED) > 0.4
    hour = page.locator(".hours tbody td:not(:empty)").first
    assert hour.evaluate("(cell) => cell.getBoundingClientRect().right <= innerWidth"), "the hour is in sight"
    entry = page.locator(".u-legend .u-series").nth(1)  # the first line; its name hides it
    entry.locator(".u-label").click()
    page.locator(".u-legend .u-series.u-off").wait_for()
    entry.locator(".u-label").click()
    page.emulate_media(media="print")
    assert not page.locator(".screen").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
