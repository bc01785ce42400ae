"""The line of figures: inside the picture, and the important ones stay longest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smiledet.drawing.annotate import annotate
from smiledet.drawing.stats import StatsLine, draw_stats, lay_out_stats
from smiledet.drawing.style import ALERT, Style
from smiledet.drawing.text import text_width

STATS = StatsLine(fps=29.97, latency_ms=41.3, device="litert, CPU", dropped=12, faces=1, extra="MobileNet 0.25")


def texts_at(width: int, height: int, stats: StatsLine = STATS) -> list[str]:
    layout = lay_out_stats(stats, (width, height), Style.of(width, height))
    return [] if layout is None else [text for text, _, _ in layout.texts]


@pytest.mark.parametrize("size", [(64, 48), (160, 120), (320, 240), (640, 480), (1280, 720), (3840, 2160)], ids=str)
def test_figures_lie_on_their_plate_and_the_plate_in_the_picture(size) -> None:
    style = Style.of(*size)
    layout = lay_out_stats(STATS, size, style)
    assert layout is not None
    plate = layout.plate
    assert plate.x >= 0 and plate.y >= 0 and plate.right <= size[0] and plate.bottom <= size[1]
    ends = 0
    for text, x, _ in layout.texts:
        assert x >= max(plate.x, ends)
        ends = x + text_width(text, style.cap)
        assert ends <= plate.right
    assert plate.y <= layout.baseline - style.cap and layout.baseline <= plate.bottom


def test_a_wide_picture_shows_all() -> None:
    assert texts_at(1280, 720) == [
        *("30.0", "FPS", "41", "ms", "litert, CPU", "1", "face", "12", "dropped"),
        "MobileNet 0.25",
    ]


def test_what_matters_least_goes_first() -> None:
    style, shown = Style.of(640, 480), []
    for width in range(60, 800, 10):
        layout = lay_out_stats(STATS, (width, 480), style)
        assert layout is not None
        shown.append({text for text, _, _ in layout.texts})
    assert "30.0" in shown[0] and len(shown[-1]) == 10
    arrived = [next(i for i, texts in enumerate(shown) if text in texts) for text in ("41", "12", "litert, CPU", "1")]
    assert arrived == sorted(arrived)
    assert "MobileNet 0.25" not in texts_at(320, 240)
    assert texts_at(320, 240)[:2] == ["30.0", "FPS"] and "dropped" in texts_at(320, 240)


def test_the_machine_s_load_is_shown_as_far_as_there_is_room() -> None:
    stats = replace(STATS, load=("GPU 63 %", "4.2 W", "48 C", "CPU 41 %", "MAXN"))
    assert texts_at(1920, 1080, stats)[5:10] == list(stats.load)
    style = Style.of(640, 480)
    for width in range(60, 1000, 10):
        layout = lay_out_stats(stats, (width, 480), style)
        assert layout is not None
        shown = [text for text, _, _ in layout.texts if text in stats.load]
        assert shown == list(stats.load[: len(shown)])
        assert not shown or "litert, CPU" in [text for text, _, _ in layout.texts]  # what runs is worth more


def test_drops_stand_out_and_none_do_not() -> None:
    style = Style.of(640, 480)
    for dropped, alert in ((3, True), (0, False)):
        layout = lay_out_stats(StatsLine(30, 20, "CPU", dropped, 2), (640, 480), style)
        assert layout is not None
        assert (ALERT in [colour for _, _, colour in layout.texts]) is alert


def test_a_picture_of_a_few_pixels_shows_none() -> None:
    assert lay_out_stats(STATS, (8, 8), Style.of(8, 8)) is None
    image = np.full((8, 8, 3), 77, np.uint8)
    assert (annotate(image, (), (), STATS) == 77).all()


def test_only_the_plate_is_drawn_on() -> None:
    image = np.full((480, 640, 3), 200, np.uint8)
    style = Style.of(640, 480)
    layout = lay_out_stats(STATS, (640, 480), style)
    assert layout is not None
    draw_stats(image, layout, style)
    x, y, width, height = layout.plate
    assert (image[y : y + height, x : x + width] != 200).any(axis=2).mean() > 0.95
    image[y : y + height, x : x + width] = 200
    assert (image == 200).all()
