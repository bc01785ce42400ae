"""What `smiledet bench resources` measured, as pictures, by matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smiledet.lab.benchmark.plots import DPI, ROW_HEIGHT, grouped_bars
from smiledet.lab.benchmark.resources.measure import PAPER
from smiledet.lab.figures import save_figure


def plot_resources(result: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Processor and memory of every network, the paper's figures beside ours.

    Args:
        result: As `smiledet bench resources` measured it.
        folder: Where `resources-training.png` and `resources-testing.png` go.

    Yields:
        What was written.
    """
    from matplotlib.figure import Figure

    for stage in ("training", "testing"):
        rows = [row for row in result["resources"] if row["stage"] == stage]
        if not rows:
            continue
        figure = Figure(figsize=(12, 1.5 + 2 * ROW_HEIGHT * len(rows)), dpi=DPI, layout="constrained")
        figure.suptitle(f"{stage.capitalize()}: here, and in the paper on another machine", fontsize=10)
        for place, (name, column, words) in enumerate((("cpu", 0, "CPU of the process"), ("memory", 3, "memory")), 1):
            values = {row["network"]: {"here": row["median"][name]} for row in rows}
            for network, paper in PAPER[stage].items():
                if network in values:
                    values[network]["paper"] = paper[column]
            axes = figure.add_subplot(1, 2, place)
            grouped_bars(axes, values)
            axes.set_xlabel(f"{words}, % of all there is")
        yield save_figure(figure, folder / f"resources-{stage}.png")
