"""The gallery, clicked through in a real Chromium."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smiledet.config import load_config
from smiledet.photographs.examine import Examiner
from smiledet.photographs.samples import write_samples

pytest.importorskip("fastapi")
from smiledet.web.gallery.serve import serve_gallery

pytestmark = pytest.mark.slow

Until = Callable[[Any, str], None]


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_samples(tmp_path / "photographs")
    config = load_config("desktop-cpu", None, {"tasks": ["smile", "emotion", "age"]}).config
    folders = [tmp_path / "photographs"]
    with serve_gallery(folders, config, "127.0.0.1", 0, tmp_path / "store.sqlite", tmp_path / "copies") as (where, _):
        yield where


def captions(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".tile .caption .label").all_inner_texts()]


def filter_all(page: Any, until: Until) -> None:
    page.get_by_role("button", name="Filter all").click()
    until(page, "document.querySelectorAll('.tile').length && !document.querySelector('.progress')")
    until(page, "[...document.querySelectorAll('.caption')].every((each) => !/not read/.test(each.innerText))")


def test_everything_can_be_clicked(
    address: str,
    open_page: Callable[[str], Any],
    assert_accessible: Callable[[Any], None],
    until: Until,
    tmp_path: Path,
) -> None:
    page = open_page(address)
    page.locator(".tile img").first.wait_for()
    assert set(captions(page)) == {"… not read yet"}
    filter_all(page, until)
    assert {"😄 happy", "😐 neutral", "🚫 no face", "👥 2 faces"} <= set(captions(page))
    assert_accessible(page)

    _filters(page, until)
    _large_view(page, assert_accessible, until)
    _selection(page, tmp_path)
    _settings(page, assert_accessible)


def _filters(page: Any, until: Until) -> None:
    """Labels, no face, several faces, a name, the address, and back."""
    everything = page.locator(".tile").count()
    page.locator(".chip", has_text="no face").click()
    until(page, "document.querySelectorAll('.tile').length === 1")
    assert captions(page) == ["🚫 no face"]
    assert "label.faces=no+face" in page.url
    page.reload()
    until(page, "document.querySelectorAll('.tile').length === 1")
    page.locator(".chip", has_text="more than one face").click()
    until(page, "document.querySelectorAll('.tile').length === 2")
    page.get_by_role("button", name="Back", exact=True).click()
    until(page, f"document.querySelectorAll('.tile').length === {everything}")
    page.go_back()
    until(page, "document.querySelectorAll('.tile').length === 2")
    page.go_forward()
    until(page, f"document.querySelectorAll('.tile').length === {everything}")

    page.get_by_role("button", name="Filters").click()
    page.get_by_label("name contains").fill("hopper")
    page.get_by_label("name contains").press("Enter")
    until(page, "document.querySelectorAll('.tile').length === 2")
    page.get_by_role("button", name="Back", exact=True).click()
    until(page, f"document.querySelectorAll('.tile').length === {everything}")
    page.get_by_label("faces at least").fill("2")
    page.get_by_label("faces at least").press("Enter")
    until(page, "document.querySelectorAll('.tile').length === 1")
    assert "least_faces=2" in page.url
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Sort").select_option("smile")
    until(page, "/smiling|happy/.test(document.querySelector('.tile[data-index=\"0\"] .caption')?.innerText)")


def _large_view(page: Any, assert_accessible: Callable[[Any], None], until: Until) -> None:
    """Boxes, bars, why, a correction, keep, next by key, and back."""
    page.locator('.tile .open[aria-label^="both.jpg"]').click()
    view = page.get_by_role("dialog")
    view.locator("svg rect").nth(1).wait_for()
    assert view.locator("svg rect").count() == 2
    assert view.locator(".bar").count() == 9, "two smile labels, seven emotions"
    view.get_by_role("button", name="2", exact=True).click()
    assert view.locator("svg rect.on").count() == 1
    assert_accessible(page)
    with page.expect_response("**/why?*") as answer:
        view.get_by_role("button", name="why?").first.click()
    assert answer.value.headers["content-type"] == "image/jpeg"
    view.get_by_role("button", name="why?").first.click()

    view.get_by_label("Correct:").last.select_option("surprise")
    view.get_by_text("surprise (corrected)").wait_for()
    page.keyboard.press("k")
    view.locator(".keep[aria-pressed=true]").wait_for()
    name = view.locator("h2").inner_text()
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('dialog h2').innerText !== {json.dumps(name)}")
    page.keyboard.press("ArrowLeft")
    until(page, f"document.querySelector('dialog h2').innerText === {json.dumps(name)}")
    page.keyboard.press("Escape")
    view.wait_for(state="detached")
    page.locator(".tile.keep").wait_for()


def _selection(page: Any, tmp_path: Path) -> None:
    """Several are chosen, downloaded and copied."""
    for index in (0, 1):
        page.locator(f'.tile[data-index="{index}"]').hover()
        page.locator(f'.tile[data-index="{index}"] .pick').check()
    for kind in ("CSV", "ZIP"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind).click()
        assert Path(download.value.path()).stat().st_size > 0
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_response("**/api/copies") as answer:
        page.get_by_role("button", name="Copy").click()
    assert answer.value.json() == {"copied": 2}
    assert len(list((tmp_path / "copies").iterdir())) == 2
    page.get_by_role("button", name="Clear").click()
    page.locator(".selection").wait_for(state="detached")


def _settings(page: Any, assert_accessible: Callable[[Any], None]) -> None:
    """Summary, dark colours, another language."""
    page.get_by_role("button", name="Summary").click()
    page.locator(".plot canvas").wait_for()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Colours").select_option("dark")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Alle filtern").wait_for()
    assert_accessible(page)
    page.reload()
    page.get_by_role("button", name="Alle filtern").wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_stack_shows_its_best_shot_and_the_others(
    address: str, open_page: Callable[[str], Any], until: Until
) -> None:
    page = open_page(address)
    filter_all(page, until)
    page.locator('.tile .open[aria-label^="burst-2.jpg"]').click()
    view = page.get_by_role("dialog")
    view.locator(".strip button").nth(2).wait_for()
    assert view.locator(".strip button").count() == 3
    view.get_by_role("button", name="another shot").first.click()
    until(page, "document.querySelector('dialog h2').innerText !== 'burst-2.jpg'")


def test_what_is_typed_stays_while_the_page_is_drawn_anew(
    address: str, open_page: Callable[[str], Any], until: Until
) -> None:
    page = open_page(address)
    page.locator(".tile").first.wait_for()
    page.get_by_role("button", name="Filters").click()
    box = page.get_by_label("name contains")
    box.press_sequentially("hop")
    page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")  # draws all of it anew
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert box.input_value() == "hop"
    box.press_sequentially("per")
    box.press("Enter")
    assert "text=hopper" in page.url


def test_reading_is_cancelled_and_goes_on(
    address: str, open_page: Callable[[str], Any], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    examine = Examiner.examine
    monkeypatch.setattr(Examiner, "examine", lambda *given: (slow.wait(0.5), examine(*given))[1])
    page = open_page(address)
    page.locator(".tile").first.wait_for()
    every = page.locator(".total").inner_text()
    page.get_by_role("button", name="Filter all").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Filter all").wait_for()
    assert "… not read yet" in captions(page)
    assert page.locator(".total").inner_text() == every
    slow.set()
    filter_all(page, until)
    page.get_by_role("button", name="Filters").click()
    folders = page.locator(".panel label", has_text="folder").locator("option")
    assert folders.all_inner_texts()[1:] == ["photographs", "photographs/burst"], "those that are known by now"


def test_filters_by_age_folder_and_open_eyes(address: str, open_page: Callable[[str], Any], until: Until) -> None:
    page = open_page(address)
    filter_all(page, until)
    everything = page.locator(".tile").count()
    page.get_by_role("button", name="Filters").click()
    back = page.get_by_role("button", name="Back", exact=True)

    def left() -> set[str]:
        until(page, f"document.querySelectorAll('.tile').length < {everything}")
        return set(page.locator(".tile .open").evaluate_all("all => all.map((each) => each.ariaLabel.split(',')[0])"))

    def all_again() -> None:
        back.click()
        until(page, f"document.querySelectorAll('.tile').length === {everything}")

    for name, value in (("Age at least", "1"), ("Age at most", "119")):
        page.get_by_label(name).fill(value)
        page.get_by_label(name).press("Enter")
    assert "collins.jpg" in left() and not {"nobody.jpg", "damaged.jpg"} & left()
    assert "low.age=1&high.age=119" in page.url
    all_again()
    page.locator(".panel label", has_text="all eyes open").locator("select").select_option("0.5")
    assert "nobody.jpg" not in left() and "least_eyes_open=0.5" in page.url
    all_again()
    page.locator(".panel label", has_text="folder").locator("select").select_option("photographs/burst")
    assert all(name.startswith("burst-") for name in left())
    all_again()


def test_a_swipe_shows_the_next_photograph(address: str, open_page: Callable[[str], Any], until: Until) -> None:
    page = open_page(address)
    page.locator(".tile .open").first.click()
    page.get_by_role("dialog").wait_for()
    touch = page.context.new_cdp_session(page)

    def swipe(start: int, end: int) -> None:
        send = functools.partial(touch.send, "Input.dispatchTouchEvent")
        send({"type": "touchStart", "touchPoints": [{"x": start, "y": 250}]})
        for step in range(1, 6):
            send({"type": "touchMove", "touchPoints": [{"x": start + (end - start) * step / 5, "y": 252}]})
        send({"type": "touchEnd", "touchPoints": []})

    swipe(300, 60)
    until(page, "document.querySelector('dialog .place').innerText.startsWith('2 /')")
    swipe(60, 300)
    until(page, "document.querySelector('dialog .place').innerText.startsWith('1 /')")


def test_reasons_and_dates_are_in_the_page_s_language(
    address: str, open_page: Callable[[str], Any], until: Until
) -> None:
    page = open_page(address)
    filter_all(page, until)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Language").select_option("de")
    page.locator('.tile .open[aria-label^="burst-2.jpg"]').click()
    reasons = page.locator("dialog .stack li")
    reasons.first.wait_for()
    assert all(re.match("Gesicht|Bild|lächelt|entspannt|Augen|zur|ganz", each) for each in reasons.all_inner_texts())
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Übersicht").click()
    page.locator(".plot .u-legend", has_text="Datum").wait_for()


def test_keys_alone_suffice(address: str, open_page: Callable[[str], Any], until: Until) -> None:
    page = open_page(address)
    filter_all(page, until)
    page.locator('.tile[data-index="0"] .open').focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.activeElement.closest('.tile')?.dataset.index === '1'")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_a_search_does_not_wait_for_thumbnails(address: str, open_page: Callable[[str], Any], until: Until) -> None:
    """However slow they are, and they take at most four connections of the browser's six."""
    page = open_page(address)
    filter_all(page, until)
    page.route("**/thumbnail*", lambda _route: None)
    page.reload()
    until(page, "document.querySelectorAll('.tile').length > 4")
    until(page, "document.querySelectorAll('.tile img[src]').length === 4")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("name contains").fill("hopper")
    page.get_by_label("name contains").press("Enter")
    until(page, "document.querySelectorAll('.tile').length === 2")
    # Those of the search take the places of those that are gone.
    until(page, "document.querySelectorAll('.tile img[src]').length === 2")
    page.unroute("**/thumbnail*")
    page.reload()
    until(page, "document.querySelectorAll('.tile').length === 2")
    until(page, "[...document.querySelectorAll('.tile img')].every((each) => each.naturalWidth)")


def test_another_filter_begins_at_its_first_photograph(
    address: str, open_page: Callable[[str], Any], until: Until
) -> None:
    page = open_page(address)
    filter_all(page, until)
    page.set_viewport_size({"width": 390, "height": 480})
    page.evaluate("document.querySelector('.grid').scrollTop = 10000")
    until(page, "document.querySelector('.grid').scrollTop > 100")
    page.get_by_label("Sort").select_option("name")
    until(page, "document.querySelector('.grid').scrollTop === 0")


def test_a_stopped_server_is_told(address: str, open_page: Callable[[str], Any], until: Until) -> None:
    open_page.allowed = "status of 400"
    page = open_page(address)
    page.locator(".tile").first.wait_for()
    page.route("**/api/**", lambda route: route.fulfill(status=400, body="the disk is full\n"))
    page.locator(".chip").first.click()
    page.get_by_role("alert").get_by_text("the disk is full").wait_for()
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("alert").wait_for(state="detached")
