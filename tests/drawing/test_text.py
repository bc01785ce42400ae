"""Text: inside its measure, shortened, and harmless whatever it says."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from smiledet.drawing import text as texts
from smiledet.drawing.text import draw_text, shorten, text_width, to_ascii


@pytest.mark.parametrize("cap", [7, 8, 11, 14, 20, 31])
@pytest.mark.parametrize("text", ["smiling 0.97", "#3", "#12345", "jumpy (gq)", "|_@$~"])
def test_ink_stays_within_the_measured_width(text, cap) -> None:
    image = np.zeros((4 * cap, 20 * cap, 3), np.uint8)
    draw_text(image, text, 10, 2 * cap, cap, (255, 255, 255))
    columns = np.flatnonzero(image.any(axis=(0, 2)))
    assert columns.min() >= 10
    assert columns.max() < 10 + text_width(text, cap)


@pytest.mark.parametrize("cap", [8, 11, 14, 20, 31])
def test_capitals_are_as_high_as_asked_and_stand_on_the_line(cap) -> None:
    image = np.zeros((4 * cap, 8 * cap, 3), np.uint8)
    draw_text(image, "H#1", 10, 2 * cap, cap, (255, 255, 255))
    rows = np.flatnonzero((image > 96).any(axis=(1, 2)))
    assert abs(rows.min() - cap) <= 1
    assert abs(rows.max() - (2 * cap - 1)) <= 1


def test_text_has_the_colour_that_was_asked_for() -> None:
    image = np.zeros((60, 120, 3), np.uint8)
    draw_text(image, "HHH", 5, 45, 31, (10, 200, 90))
    assert np.abs(image.reshape(-1, 3).max(axis=0).astype(int) - (10, 200, 90)).max() <= 1


@pytest.mark.parametrize("x", [-500, -20, 0, 45, 500])
@pytest.mark.parametrize("baseline", [-100, 0, 20, 45, 300])
def test_text_beyond_the_edge_is_cut_off(x, baseline) -> None:
    image = np.full((40, 60, 3), 30, np.uint8)
    whole = np.full((540, 1160, 3), 30, np.uint8)
    draw_text(image, "smiling", x, baseline, 14, (255, 255, 255))
    draw_text(whole, "smiling", x + 550, baseline + 250, 14, (255, 255, 255))
    np.testing.assert_array_equal(image, whole[250:290, 550:610])


@pytest.mark.parametrize("text", ["café", "微笑み", "😀", "a\nb\tc", "\x00", "½ µm"])
def test_text_in_any_script_is_drawn(text) -> None:
    image = np.zeros((40, 200, 3), np.uint8)
    draw_text(image, text, 5, 30, 14, (255, 255, 255))
    assert image.any()
    assert to_ascii(text).isascii() and to_ascii(text).isprintable()


@pytest.mark.parametrize("room", [0, 5, 12, 30, 60, 100, 1000])
def test_shortened_text_fits(room) -> None:
    text = "not smiling at all today"
    short = shorten(text, 11, room)
    assert text_width(short, 11) <= room
    assert short == text if room == 1000 else short in ("", "n") or short.endswith("...")


def test_room_for_more_shows_more() -> None:
    lengths = [len(shorten("not smiling at all today", 11, room)) for room in range(30, 200, 10)]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]


def test_the_scores_of_all_sizes_are_kept_small() -> None:
    """Every score comes up by and by, at every size: in half an hour a camera's process must not grow by a megabyte."""
    for cache in [cache for cache in vars(texts).values() if hasattr(cache, "cache_clear")]:
        cache.cache_clear()
    image = np.zeros((40, 200, 3), np.uint8)
    tracemalloc.start()
    try:
        for cap in (8, 9, 10, 11):
            for score in range(101):
                draw_text(image, f"{score / 100:.2f}", 2, 30, cap, (255, 255, 255))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0 < kept < 1_000_000
