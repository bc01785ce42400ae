"""What `smiledet bench` measured, as pictures, by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.lab.figures import label_points, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT, LOW_ROW = 0.32, 0.16
"""Inches that a bar takes; the lower where there are more than `MANY` bars."""

MANY = 40

WIDE_RANGE = 30
"""How many times the smallest value the largest is before a logarithmic scale shows more than a plain one."""

DPI = 110


def plot_models(result: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """FPS by engine of everything that was timed, and accuracy or parameters against time.

    Args:
        result: As `smiledet bench models` measured it.
        folder: Where `models-fps.png`, `models-accuracy.png`, `architectures-fps.png` and
            `architectures-parameters.png` go, as far as there is something to show.

    Yields:
        What was written.
    """
    for kind in ("models", "architectures"):
        rows = result.get(kind) or ()
        if rows:
            yield save_figure(
                _fps_bars(rows, "Faces a second, one thread, one face at a time"), folder / f"{kind}-fps.png"
            )
    shipped = [row for row in result.get("models") or () if "accuracy" in row]
    if shipped:
        yield save_figure(_accuracy(shipped), folder / "models-accuracy.png")
    counted = [row for row in result.get("architectures") or () if row["parameters"]]
    if counted:
        yield save_figure(_parameters(counted), folder / "architectures-parameters.png")


def _fps_bars(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """A group of bars a network, a colour an engine."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        values.setdefault(row["model"], {})[row["engine"]] = row["fps"]
    figure, axes = _figure(8.5, 1.4 + (ROW_HEIGHT if len(rows) <= MANY else LOW_ROW) * 1.3 * len(rows), title)
    grouped_bars(axes, values, lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.2g}")
    everything = [row["fps"] for row in rows]
    if max(everything) > WIDE_RANGE * min(everything):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(min(everything) / 2, 4 * max(everything))
        axes.set_xlabel("faces a second (logarithmic)")
    else:
        axes.set_xlabel("faces a second")
    return figure


def grouped_bars(
    axes: Axes, values: Mapping[str, Mapping[str, float]], in_words: Callable[[float], str] = "{:.1f}".format
) -> None:
    """Horizontal bars, the first group on top; a name that a group lacks takes no room in it.

    Args:
        axes: To draw on.
        values: By group and by name; a name has one colour in all groups.
        in_words: How a bar's value is written at its end.
    """
    names = list(dict.fromkeys(name for group in values.values() for name in group))
    place, ticks, labelled = 0.0, [], set()
    for group in values.values():
        ticks.append(place + (len(group) - 1) / 2)
        for name, value in group.items():
            label = None if name in labelled else name
            bars = axes.barh(place, value, height=0.85, color=f"C{names.index(name)}", label=label)
            axes.bar_label(bars, [f" {in_words(value)}"], fontsize=7)
            labelled.add(name)
            place += 1
        place += 0.6
    axes.set_yticks(ticks, list(values), fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.02)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _accuracy(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy against time, a panel a task; each network's fastest engine."""
    from matplotlib.figure import Figure

    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for row in _fastest(rows):
        tasks.setdefault(row["model"].partition("/")[0], []).append(row)
    figure = Figure(figsize=(3.4 * len(tasks), 3.6), dpi=DPI, layout="constrained")
    figure.suptitle("Accuracy on each task's held-out faces against time, one thread", fontsize=10)
    named: list[tuple[Axes, list[tuple[float, float]], list[str]]] = []
    for place, (task, members) in enumerate(sorted(tasks.items()), start=1):
        axes = figure.add_subplot(1, len(tasks), place)
        numeric = any("mean_error" in row for row in members)
        heights = [row["mean_error"] if numeric else 100 * row["accuracy"] for row in members]
        points = [(row["milliseconds"], height) for row, height in zip(members, heights, strict=True)]
        for number, (x, y) in enumerate(points):
            axes.scatter([x], [y], color=f"C{number}")
        axes.set_title(task, fontsize=9)
        axes.set_xlabel("ms a face")
        axes.set_ylabel("mean error, years" if numeric else "accuracy, %")
        axes.margins(0.45)
        if not numeric:
            axes.set_ylim(top=min(100.0, axes.get_ylim()[1]))
        axes.grid(alpha=0.3)
        named.append((axes, points, [f"{row['model'].partition('/')[2]}\n{row['engine']}" for row in members]))
    for axes, points, words in named:
        label_points(axes, points, words)
    return figure


def _parameters(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Parameters against time, both logarithmic; each network's fastest engine."""
    figure, axes = _figure(8, 6, "Parameters against time, one thread, each network's fastest engine")
    fastest = _fastest(rows)
    for number, row in enumerate(fastest):
        axes.scatter([row["milliseconds"]], [row["parameters"]], color=f"C{number % 10}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("ms a face")
    axes.set_ylabel("parameters")
    axes.margins(0.15)
    axes.grid(alpha=0.3, which="both")
    label_points(axes, [(row["milliseconds"], row["parameters"]) for row in fastest], [row["model"] for row in fastest])
    return figure


def _fastest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each network's row on the engine that took least."""
    best: dict[str, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda each: float(each["milliseconds"])):
        best.setdefault(row["model"], row)
    return list(best.values())


def plot_pipeline(result: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Throughput of every source read through, and latency of every source played live.

    Args:
        result: As `smiledet bench pipeline` measured it: rows with `source`, `mode`, `fps`, `latency_ms` and
            `latency_95_ms`, and perhaps `latency_99_ms`; or with --scale: rows with `width`, `height`, `faces`, `fps`
            and `latency_95_ms`.
        folder: Where `pipeline-throughput.png`, `pipeline-latency.png` and `pipeline-scale.png` go, as far as there is
            something to show.

    Yields:
        What was written.
    """
    rows = result.get("pipeline") or ()
    through = {_source(row): {"every frame": row["fps"]} for row in rows if row["mode"] == "every frame"}
    if through:
        figure, axes = _figure(8, 1.3 + 0.5 * len(through), "Throughput, every frame annotated")
        grouped_bars(axes, through, "{:.0f}".format)
        axes.set_xlabel("frames a second")
        yield save_figure(figure, folder / "pipeline-throughput.png")
    percentiles = {"latency_ms": "median", "latency_95_ms": "95th percentile", "latency_99_ms": "99th percentile"}
    live = {
        _source(row): {words: row[name] for name, words in percentiles.items() if row.get(name) is not None}
        for row in rows
        if row["mode"] == "live"
    }
    if live:
        figure, axes = _figure(8, 1.3 + ROW_HEIGHT * sum(map(len, live.values())), "Latency live, capture to drawn")
        grouped_bars(axes, live)
        axes.set_xlabel("milliseconds")
        yield save_figure(figure, folder / "pipeline-latency.png")
    if result.get("scale"):
        yield save_figure(_scale(result["scale"]), folder / "pipeline-scale.png")


def _scale(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Throughput and latency over the number of faces, a line a picture size."""
    from matplotlib.figure import Figure

    sizes: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda each: (each["width"], each["height"], each["faces"])):
        sizes.setdefault((row["width"], row["height"]), []).append(row)
    figure = Figure(figsize=(11, 4.2), dpi=DPI, layout="constrained")
    panels = {"fps": "frames a second, every frame annotated", "latency_95_ms": "latency live, ms (95th percentile)"}
    for place, (name, words) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, 2, place)
        for (width, height), members in sizes.items():
            heights = [row[name] for row in members]
            axes.plot([row["faces"] for row in members], heights, marker="o", label=f"{width}x{height}")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("faces")
        axes.set_ylabel(words)
        axes.grid(alpha=0.3)
    axes.legend(title="picture")
    return figure


def _source(row: Mapping[str, Any]) -> str:
    return Path(str(row["source"])).name


def _figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """A figure that belongs to no window: `pyplot` would look for a display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    return figure, axes
