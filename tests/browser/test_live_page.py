"""The live page in a real Chromium."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow


@contextmanager
def serving(*words: str, port: int = 0) -> Iterator[str]:
    """The address of a run's page; the run is interrupted at the end."""
    command = [sys.executable, "-m", "smiledet", "run", *words, "--loop", "--realtime", "--no-show"]
    process = subprocess.Popen([*command, "--serve", f"127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield next(found[1] for line in process.stderr if (found := re.search(r"the page is at (\S+)", line)))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving("demo") as found:
        yield found


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
    page.locator(".machine dt", has_text="processors").wait_for()
    assert_accessible(page)

    page.get_by_label("view").select_option("boxes")
    page.locator(".video svg rect").first.wait_for()
    assert "clean" in page.locator(".video img").get_attribute("src")
    page.get_by_label("view").select_option("clean")
    page.locator(".video svg").wait_for(state="detached")
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


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("recordings")
    words = ("demo", "demo", "demo", "demo", "--rate", "5", "--recordings", str(folder))
    with serving(*words) as found:
        yield found


def test_sources_are_chosen(four: str, open_page: Callable[[str], Any], until: Callable[[Any, str], None]) -> None:
    page = open_page(four)
    until(page, "document.querySelectorAll('.face').length === 8")
    until(page, "document.querySelector('.video img').naturalWidth === 1280")
    assert page.get_by_label("view").locator("option").count() == 2  # boxes are of one source's picture
    page.get_by_label("source").select_option("demo 3")
    until(page, "document.querySelectorAll('.face').length === 2")
    until(page, "document.querySelector('.video img').naturalWidth === 640")
    assert "demo+3" in page.get_by_role("link", name="snapshot").get_attribute("href")


def test_settings_take_effect(
    four: str,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Callable[[Any, str], None],
) -> None:
    page = open_page(four)
    page.get_by_role("button", name="settings").click()
    form = page.get_by_role("form", name="settings")
    form.get_by_label("gender", exact=True).click()  # the box shows what the run does, once it does it
    page.locator(".face h3", has_text="gender").first.wait_for()
    assert_accessible(page)
    form.get_by_label("gender: unsure below").fill("1")
    page.locator(".face h3", has_text="unsure").first.wait_for()
    form.get_by_label("gender: unsure below").fill("0")
    form.get_by_label("emotion", exact=True).click()
    until(page, "![...document.querySelectorAll('.face h3')].some((each) => each.textContent.startsWith('emotion'))")
    form.locator("fieldset", has_text="smile").get_by_label("model").select_option("mobilenet-025")
    until(page, "!document.querySelector('form.settings').matches('[aria-busy=true]')")
    assert page.get_by_role("alert").count() == 0
    form.get_by_label("emotion", exact=True).click()
    page.locator(".face h3", has_text="emotion").first.wait_for()
    form.get_by_label("gender", exact=True).click()  # the run is left as it was, for the next test
    until(page, "![...document.querySelectorAll('.face h3')].some((each) => each.textContent.startsWith('gender'))")


def test_record_begins_and_ends(four: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(four)
    page.get_by_label("source").select_option("demo 2")
    page.get_by_role("button", name="record").click()
    page.get_by_role("button", name=re.compile(r"stop \d+ s")).click()
    page.get_by_role("button", name="record").wait_for()


@pytest.mark.parametrize("open_page", ["desktop"], indirect=True)
def test_the_page_comes_back_with_the_next_run(open_page: Any, until: Callable[[Any, str], None]) -> None:
    open_page.allowed = "net::ERR_"  # what asks while nobody answers
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port = asking.getsockname()[1]
    with serving("demo", "--tasks", "smile", port=port) as address:
        page = open_page(address)
        page.locator(".face").first.wait_for()
    page.get_by_text("the run is over").wait_for()
    with serving("demo", "demo", "--tasks", "smile", port=port):
        page.get_by_label("source", exact=True).wait_for()  # another run: it has two
        until(page, "document.querySelectorAll('.face').length === 4")
        assert page.locator(".status").inner_text() == "live"


@pytest.fixture(scope="module")
def explained() -> Iterator[str]:
    with serving("demo", "--tasks", "smile", "--explain", "smile") as found:
        yield found


def test_the_face_that_is_clicked_is_explained(
    explained: str, open_page: Callable[[str], Any], assert_accessible: Callable[[Any], None]
) -> None:
    page = open_page(explained)
    page.locator(".face").nth(1).wait_for()

    def click_until(target: Any, pressed: str) -> None:
        """The demo begins anew every ten seconds, and its faces with other numbers."""
        for _ in range(100):
            if page.locator(pressed).count():
                return
            target.click(force=True)
            page.wait_for_timeout(500)
        raise AssertionError(f"never so: {pressed}")

    click_until(page.locator(".face button").last, ".face:last-of-type button[aria-pressed=true]")
    click_until(page.locator(".choose rect").first, ".face:first-of-type button[aria-pressed=true]")
    assert_accessible(page)
    click_until(page.locator(".face button").first, ".face:first-of-type button[aria-pressed=false]")


def test_what_other_programs_can_ask(
    address: str, open_page: Callable[[str], Any], assert_accessible: Callable[[Any], None]
) -> None:
    page = open_page(f"{address}api")
    page.locator(".call", has_text="/api/settings").first.wait_for()
    assert page.locator(".call", has_text="unsure_below").count() == 1
    assert page.get_by_text("/metrics").count() == 1
    assert_accessible(page)


@pytest.mark.parametrize("open_page", ["desktop"], indirect=True)
def test_in_the_dark(address: str, open_page: Callable[[str], Any], assert_accessible: Callable[[Any], None]) -> None:
    page = open_page(address)
    page.emulate_media(color_scheme="dark")
    page.locator(".face").first.wait_for()
    page.get_by_role("button", name="settings").click()
    page.get_by_role("form", name="settings").wait_for()
    assert_accessible(page)
