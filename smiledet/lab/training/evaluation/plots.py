"""The pictures of a report, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smiledet.lab.figures import label_points
from smiledet.lab.training.evaluation.metrics import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smiledet.lab.training.evaluation.curves import Roc
    from smiledet.tasks.base import Colour

DARK_CELL = 0.55
"""Share from which a cell of the confusion matrix is dark enough for white digits."""

LARGEST_BUBBLE = 2600.0
"""Area of the bubble of the model with most parameters, in square points."""

NARROW = 8.0
"""Longest time shown over the shortest up to which the ticks between powers of ten are numbered."""

SMALLEST_BUBBLE = 25.0


def _figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """A figure that belongs to no window: `pyplot` would look for a display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    return figure, axes


def plot_confusion(labels: Sequence[str], confusion: npt.NDArray[np.int64], title: str) -> Figure:
    """The confusion matrix, each row divided by its sum, shares in the cells (seeds `003_*` and `004_*`, Figure 7)."""
    totals = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(1, totals)
    side = 2.2 + 0.75 * len(labels)
    figure, axes = _figure(side + 0.8, side, title)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [f"{label} ({total})" for label, total in zip(labels, totals[:, 0], strict=True)]
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("read as")
    axes.set_ylabel("true class (faces)")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > DARK_CELL else "black"
        axes.text(column, row, f"{share:.2f}" if totals[row, 0] else "-", ha="center", va="center", color=colour)
    figure.colorbar(picture, shrink=0.8)
    return figure


def plot_roc(curves: Sequence[Roc], colours: Mapping[str, Colour], title: str) -> Figure:
    """Recall against false alarms, the area of each curve in the legend."""
    figure, axes = _figure(5, 5, title)
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":", linewidth=1)
    for curve in curves:
        axes.plot(
            curve.false_alarms, curve.recall, color=_rgb(colours, curve.label), label=f"{curve.label}: {curve.area:.4f}"
        )
    axes.set_xlabel("false alarms")
    axes.set_ylabel("recall")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(title="area under the curve", loc="lower right", fontsize=8)
    return figure


def plot_recall(recall: Mapping[str, float | None], colours: Mapping[str, Colour], title: str) -> Figure:
    """A bar a class."""
    figure, axes = _figure(1.6 + 0.9 * len(recall), 3.6, title)
    heights = [value or 0.0 for value in recall.values()]
    bars = axes.bar(list(recall), heights, color=[_rgb(colours, label) for label in recall])
    axes.bar_label(bars, ["-" if value is None else f"{value:.1%}" for value in recall.values()], fontsize=8)
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("recall")
    axes.tick_params(axis="x", rotation=25)
    return figure


def plot_reliability(found: Reliability, title: str) -> Figure:
    """Accuracy against confidence; the number of answers beside each point."""
    figure, axes = _figure(5, 5, f"{title}\nexpected calibration error {found.error:.4f}")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":", linewidth=1)
    axes.plot(found.confidence, found.accuracy, marker="o")
    for confidence, accuracy, count in zip(found.confidence, found.accuracy, found.count, strict=True):
        axes.annotate(f" {count}", (confidence, accuracy), fontsize=7, va="top")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("confidence (mean probability of the answer)")
    axes.set_ylabel("accuracy")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    return figure


def plot_numbers(truth: npt.NDArray[np.float64], answers: npt.NDArray[np.float64], title: str) -> Figure:
    """Numbers read against the true ones, a point a face."""
    figure, axes = _figure(5.5, 5.5, title)
    ends = [float(each) for each in np.percentile(np.concatenate([truth, answers]), (0, 100))] if len(truth) else [0, 1]
    axes.plot(ends, ends, color="0.7", linestyle=":", linewidth=1)
    axes.scatter(truth, answers, s=5, alpha=0.35)
    axes.set_xlabel("true")
    axes.set_ylabel("read")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    return figure


def plot_trade_off(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Accuracy, and area under the ROC, against running time: the seed thesis' Figure 25.

    Args:
        rows: A model each: `model`, `accuracy`, `milliseconds`, `auc` (or `auc_macro`, or neither) and `parameters`,
            which the bubble's area shows (None where it is not known: a cross).
        title: Over the picture.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    areas = {name: [row.get(name) for row in rows] for name in ("auc", "auc_macro")}
    panels = {"accuracy": ("ACC", [row["accuracy"] for row in rows])}
    if any(area is not None for area in areas["auc"]):
        panels["auc"] = ("AUC", areas["auc"])
    elif any(area is not None for area in areas["auc_macro"]):
        panels["auc_macro"] = ("AUC, mean of each class against the rest", areas["auc_macro"])
    figure = Figure(figsize=(5.6 * len(panels), 4.6), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=10)
    named: list[tuple[Axes, list[tuple[Mapping[str, Any], float]]]] = []
    most = max([row["parameters"] or 0 for row in rows], default=0) or 1
    for place, (name, values) in enumerate(panels.values(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        shown = [(row, value) for row, value in zip(rows, values, strict=True) if value is not None]
        for index, (row, value) in enumerate(shown):
            _bubble(axes, row, value, most, f"C{index % 10}")
        axes.set_xscale("log")
        axes.margins(0.25)
        axes.xaxis.set_major_formatter("{x:g}")  # 0.2 rather than 2 x 10^-1
        low, high = axes.get_xlim()
        # Between powers of ten there is room for numbers where there is little more than one of them.
        axes.xaxis.set_minor_formatter("{x:g}" if high < NARROW * low else NullFormatter())
        axes.set_xlabel("running time, ms a face (one thread)")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3, which="both")
        named.append((axes, shown))
    for axes, shown in named:
        label_points(axes, [(row["milliseconds"], value) for row, value in shown], [_caption(row) for row, _ in shown])
    return figure


def _caption(row: Mapping[str, Any]) -> str:
    """A model's name, and below it its parameters where they are known."""
    return str(row["model"]) if row["parameters"] is None else f"{row['model']}\n{row['parameters']:,}"


def _bubble(axes: Axes, row: Mapping[str, Any], value: float, most: int, colour: str) -> None:
    parameters = row["parameters"]
    if parameters is None:
        axes.scatter([row["milliseconds"]], [value], marker="x", color=colour)
    else:
        area = max(SMALLEST_BUBBLE, LARGEST_BUBBLE * parameters / most)
        axes.scatter([row["milliseconds"]], [value], s=area, color=colour, alpha=0.45, edgecolors=colour)


def _rgb(colours: Mapping[str, Colour], label: str) -> tuple[float, float, float]:
    """A class' own colour, as matplotlib takes it; grey for one without."""
    blue, green, red = colours.get(label, (150, 130, 110))
    return red / 255, green / 255, blue / 255
