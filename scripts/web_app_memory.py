"""Memory of the page that reads faces in the browser, while its camera runs: whether it stays flat.

    python scripts/web_app_memory.py --minutes 10

Prints, every half minute, the page's heap after a collection of garbage and the memory that the browser's processes
have for themselves, in megabytes. It ends with exit code 1 where the last third of the samples lies above the second
one by more than the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from web_app_table import browser_path, camera_clip, camera_flags, serving

from smiledet.web.app.build import build

LIMIT = 10.0
"""Megabytes by which a third may lie above the one before: a browser's processes breathe."""


def own_memory() -> float:
    """Megabytes that the browser's processes share with nobody."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            total += process.memory_full_info().uss if "chrom" in process.name() else 0
    return total / 1e6


def samples(page: Any, seconds: float, step: float) -> Iterator[tuple[float, float, float]]:
    """Seconds, megabytes of the page's heap, and of the processes."""
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    start = time.monotonic()
    while (elapsed := time.monotonic() - start) < seconds:
        page.wait_for_timeout(1000 * min(step, seconds - elapsed) + 1)
        tools.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
        yield time.monotonic() - start, metrics["JSHeapUsedSize"] / 1e6, own_memory()


def growth(values: list[float]) -> float:
    """By how much the last third lies above the second."""
    third = max(1, len(values) // 3)
    return statistics.median(values[-third:]) - statistics.median(values[third : 2 * third] or values[:1])


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--step", type=float, default=30, help="seconds from sample to sample (default: 30)")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name, "page")
        build(folder)
        flags = camera_flags(camera_clip(Path(name, "camera.y4m")))
        browser = driver.chromium.launch(executable_path=browser_path(), args=flags)
        with serving(folder) as address:
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.set_default_timeout(300_000)
            page.goto(address)
            page.get_by_text("ready", exact=True).wait_for()
            page.get_by_role("button", name="start the camera").click()
            page.locator(".face").first.wait_for()
            rows = []
            for seconds, heap, own in samples(page, 60 * arguments.minutes, arguments.step):
                rows.append((heap, own))
                fps = page.locator(".card b").first.inner_text()
                print(f"{seconds:6.0f} s: heap {heap:6.2f} MB, processes {own:7.1f} MB, {fps} FPS", flush=True)
        browser.close()
    heap, own = (growth(list(values)) for values in zip(*rows, strict=True))
    print(f"the last third lies above the second by {heap:.2f} MB (heap) and {own:.1f} MB (processes)")
    return int(heap > LIMIT / 5 or own > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
