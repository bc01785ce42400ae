"""The photo booth in a real Chromium: somebody smiles, it counts down, and the photograph can be taken along."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def booth(
    tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path], portraits: Any
) -> Iterator[tuple[str, Path]]:
    """The booth's address and folder; before it stands a woman who smiles, and now and then nobody."""
    folder = tmp_path_factory.mktemp("booth")
    smiling, nobody = portraits("collins"), portraits("collins") * 0 + 128
    clip = write_clip(folder / "before.mkv", [*150 * [smiling], *15 * [nobody]])
    command = [sys.executable, "-m", "smiledet", "run", str(clip), "--loop", "--realtime", "--no-show"]
    command += ["--serve", "127.0.0.1:0", "--shutter", str(folder / "photos")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = next(found[1] for line in process.stderr if (found := re.search(r"the page is at (\S+)", line)))
        yield found, folder / "photos"
    finally:
        process.kill()
        process.wait()


def test_a_photograph_is_taken_and_shown(
    booth: tuple[str, Path],
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Callable[[Any, str], None],
) -> None:
    address, folder = booth
    page = open_page(address)
    until(page, "document.querySelector('img.video')?.naturalWidth === 640")
    page.locator(".number").wait_for()
    assert page.locator(".number").inner_text() in ("1", "2", "3")
    until(page, "document.querySelector('.print img')?.naturalWidth === 640")
    photograph = page.request.get(page.evaluate("document.querySelector('.print img').src"))
    until(page, "document.querySelector('.print aside img')?.naturalWidth > 0")
    assert_accessible(page)
    assert photograph.body() in [path.read_bytes() for path in folder.glob("*.jpg")]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".say").wait_for()  # after ten seconds the next one may be taken
