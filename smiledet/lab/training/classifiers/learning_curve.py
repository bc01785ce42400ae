"""The learning curves of trainings, as pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.lab.figures import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def read_log(log: Path) -> dict[str, list[float]]:
    """The columns of Keras' CSV log, in the order of training; nan where a row lacks a figure (Keras writes NA)."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "epoch"]
    return {name: [float(row[name]) if row[name] not in ("", "NA") else math.nan for row in rows] for name in names}


def draw_curve(log: Path, output: Path) -> None:
    """Plot loss and accuracy, of training and of the watched samples, over all epochs of all phases.

    Args:
        log: `log.csv` of a training.
        output: The PNG to write.
    """
    columns = read_log(log)
    panels = {
        name: {
            label: columns[column]
            for column, label in ((name, "training"), (f"val_{name}", "watched"))
            if column in columns
        }
        for name in ("loss", "accuracy")
    }
    save_figure(plot_curves(panels, "epoch, all phases"), output)


def compare_curves(logs: Mapping[str, Path]) -> Figure:
    """Loss and accuracy of several trainings over their epochs, on the watched samples where there are any.

    Args:
        logs: `log.csv` of each, by the name that the legend has.
    """
    found = {name: read_log(log) for name, log in logs.items()}
    panels = {}
    for figure in ("loss", "accuracy"):
        column = f"val_{figure}" if any(f"val_{figure}" in columns for columns in found.values()) else figure
        title = f"{figure}, watched samples" if column.startswith("val_") else f"{figure}, training"
        panels[title] = {name: columns[column] for name, columns in found.items() if column in columns}
    return plot_curves(panels, "epoch")


def plot_curves(panels: Mapping[str, Mapping[str, Sequence[float]]], across: str) -> Figure:
    """A panel a figure, a line a training; a line of one epoch is a point.

    Args:
        panels: By title and by name, what each epoch came to.
        across: What the epochs are called.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context({"font.size": 9}):
        names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
        figure = Figure(figsize=(8 if len(names) < 4 else 11, 3.2 + 0.1 * max(0, len(names) - 4)), layout="constrained")
        for place, (title, lines) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), place)
            for name, values in lines.items():
                _line(axes, name, values, names.index(name))
            axes.set(xlabel=across, title=title)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
        if names and panels:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
        return figure


def _line(axes: Axes, name: str, values: Sequence[float], number: int) -> None:
    known = sum(not math.isnan(value) for value in values)
    style = ("-", "--", ":")[number // 10 % 3]
    axes.plot(
        range(1, len(values) + 1),
        values,
        style,
        color=f"C{number % 10}",
        marker="o" if known == 1 else None,
        label=name,
    )
