"""The curves of a report, as the page's script draws them."""

from __future__ import annotations

from typing import Any

from smiledet.sessions.report.gather import Gathered, Sums
from smiledet.sessions.report.text import colour
from smiledet.sessions.sessions import COUNTS, INTENSITY, PRESENT
from smiledet.tasks.smile import TASK as SMILE

MOST_TASKS = 4
"""Tasks that get a plot, beside the smile."""


def curves(found: Gathered) -> dict[str, Any]:
    """`x`, seconds since 1970, and `plots`: titles, and series with label, colour and values (None for a gap)."""
    width = found.curve.width
    bins: list[tuple[float, Sums | None]] = []
    before: int | None = None
    for number in sorted(found.curve.bins):
        if before is not None and number > before + 1:
            bins.append(((before + 1) * width, None))  # nobody was there
        bins.append(((number + 0.5) * width, found.curve.bins[number]))
        before = number
    plots = [_smile_plot(found, bins)] if SMILE.name in found.tasks else []
    others = [task for task in found.tasks if task != SMILE.name]
    plots += [_task_plot(task, found.tasks[task], bins) for task in others[:MOST_TASKS]]
    people = [None if sums is None else _round(sums.get((COUNTS, PRESENT), 0) / width) for _, sums in bins]
    for plot in plots[:1]:
        plot["series"].append({"label": "faces at once", "colour": "#444444", "values": people, "count": True})
    return {"x": [round(at, 3) for at, _ in bins], "plots": plots}


def _smile_plot(found: Gathered, bins: list[tuple[float, Sums | None]]) -> dict[str, Any]:
    labels = found.tasks[SMILE.name]
    smiling = _shares(SMILE.name, SMILE.strength, labels, bins)
    intensity = _shares(SMILE.name, INTENSITY, labels, bins)
    series = [{"label": "smiling", "colour": colour(SMILE.name, SMILE.strength), "values": smiling}]
    if any(intensity):
        series.append({"label": "intensity", "colour": "#b07a00", "values": intensity})
    return {"title": "Smiles", "series": series}


def _task_plot(task: str, labels: list[str], bins: list[tuple[float, Sums | None]]) -> dict[str, Any]:
    series = [
        {"label": label, "colour": colour(task, label, place), "values": _shares(task, label, labels, bins)}
        for place, label in enumerate(sorted(labels))
    ]
    return {"title": task.capitalize(), "series": series}


def _shares(task: str, label: str, labels: list[str], bins: list[tuple[float, Sums | None]]) -> list[float | None]:
    """Of the time in which a task was read, the per cents of one label."""
    found: list[float | None] = []
    for _, sums in bins:
        whole = sum(sums.get((task, each), 0.0) for each in labels) if sums is not None else 0.0
        found.append(_round(100 * sums.get((task, label), 0.0) / whole) if sums is not None and whole else None)
    return found


def _round(value: float) -> float:
    return round(value, 2)
