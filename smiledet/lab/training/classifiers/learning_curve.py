"""The learning curve of a training, as a picture."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from smiledet.lab.figures import save_figure


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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = read_log(log)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        for place, name in enumerate(("loss", "accuracy"), start=1):
            axes = figure.add_subplot(1, 2, place)
            for column, label in ((name, "training"), (f"val_{name}", "watched")):
                if column in columns:
                    axes.plot(range(1, len(columns[column]) + 1), columns[column], label=label)
            axes.set(xlabel="epoch, all phases", title=name)
            axes.grid(alpha=0.3)
            axes.legend()
        save_figure(figure, output)
