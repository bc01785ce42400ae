"""Labels of points: none over another, all within the axes."""

from __future__ import annotations

from itertools import combinations

import pytest

from smiledet.lab.figures import label_points
from smiledet.lab.training.evaluation.plots import plot_trade_off

pytest.importorskip("matplotlib")


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return axes


def boxes(notes):
    """Of the texts, without the lines to their points."""
    from matplotlib.text import Text

    notes[0].figure.draw_without_rendering()
    return [Text.get_window_extent(note) for note in notes]


def apart(notes):
    return not any(one.overlaps(other) for one, other in combinations(boxes(notes), 2))


def test_points_on_one_spot_get_labels_beside_each_other(axes):
    texts = [f"network {number}\n{number},000" for number in range(9)]
    notes = label_points(axes, [(5, 5)] * 9, texts)
    assert [note.get_text() for note in notes] == texts
    assert apart(notes)


def test_a_point_alone_has_its_label_above(axes):
    (note,) = label_points(axes, [(5, 5)], ["alone"])
    assert note.arrow_patch is None and note.get_position()[1] > 0


def test_labels_stay_within_the_axes(axes):
    notes = label_points(axes, [(0, 0), (10, 0), (0, 10), (10, 10)], ["a long name"] * 4)
    frame = axes.get_window_extent()
    for box in boxes(notes):
        assert box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
    assert apart(notes)


def test_figure_25_names_models_that_are_alike_legibly():
    rows = [
        {
            "model": f"mobilenet-{number}",
            "accuracy": 0.95 + number / 10_000,
            "auc": 0.99,
            "milliseconds": 0.5 + number / 1000,
            "parameters": 200_000,
        }
        for number in range(8)
    ]
    figure = plot_trade_off([*rows, {**rows[0], "model": "unknown", "parameters": None}], "smile")
    for axes in figure.axes:
        texts = [text for text in axes.texts if text.get_text()]
        assert len(texts) == 9
        assert apart(texts)


@pytest.mark.parametrize("slowest", [0.9, 3.0, 40.0, 900.0])
def test_no_number_of_figure_25s_axes_covers_another(slowest):
    rows = [
        {"model": name, "accuracy": share, "auc": share, "milliseconds": time, "parameters": 1000}
        for name, share, time in (("quick", 0.9, 0.4), ("slow", 0.95, slowest))
    ]
    figure = plot_trade_off(rows, "smile")
    figure.draw_without_rendering()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            numbers = [
                label for label in (*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)) if label.get_text()
            ]
            shown = [each.get_window_extent() for each in numbers if inside(axis, axes, each)]
            assert shown and not any(one.overlaps(other) for one, other in combinations(shown, 2))


def inside(axis, axes, label):
    """Whether a tick lies within the limits; others have labels that are not drawn."""
    low, high = axes.get_xlim() if axis is axes.xaxis else axes.get_ylim()
    return low <= label.get_position()[0 if axis is axes.xaxis else 1] <= high
