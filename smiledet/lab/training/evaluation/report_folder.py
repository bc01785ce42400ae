"""A folder that shows how good a model is: `report.json`, `table.md`, and pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smiledet.errors import UsageError
from smiledet.lab.extras import require
from smiledet.lab.figures import save_figure
from smiledet.lab.training.evaluation.curves import per_class, roc_curves
from smiledet.lab.training.evaluation.evaluate import Evaluation, true_classes, true_numbers
from smiledet.lab.training.evaluation.metrics import reliability
from smiledet.lab.training.evaluation.numbers import expectation
from smiledet.lab.training.evaluation.plots import (
    plot_confusion,
    plot_numbers,
    plot_recall,
    plot_reliability,
    plot_roc,
    plot_trade_off,
)
from smiledet.lab.training.evaluation.tables import comparison_table, report_table
from smiledet.system.output_files import check_writable, write_file
from smiledet.system.text import valid_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT = "report.json"


def prepare_folder(folder: Path) -> None:
    """Make the folder and see that a report can be drawn, before anything has been measured.

    Raises:
        UsageError: The folder cannot be made, or scikit-learn or matplotlib is not installed.
    """
    for package in ("sklearn", "matplotlib"):
        require("a report", package, "evaluate")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"--report {folder}: cannot write there: {problem.strerror}") from problem
    check_writable(folder / REPORT)


def write_report(evaluation: Evaluation, about: Mapping[str, Any], folder: Path) -> None:
    """Write one model's report.

    Args:
        evaluation: What was measured.
        about: What else stands in `report.json`: `command`, `milliseconds`, `parameters` …
        folder: An existing folder; what it holds of an earlier report is overwritten.
    """
    figures = evaluation.figures
    confusion = np.array(figures["confusion"], np.int64)
    rows = per_class(figures["labels"], confusion)
    whole = {**figures, **about, "per_class": rows}
    title = f"{figures['task']}/{figures['model']} on {layout_of(figures)} ({figures['split']})"
    pictures = {"confusion": plot_confusion(figures["labels"], confusion, title)}
    pictures["recall"] = plot_recall(figures["recall"], evaluation.task.colours, title)
    pictures |= _pictures_of_scores(evaluation, title)
    _write_json(whole, folder / REPORT)
    _write_text(report_table(whole, rows, [f"{name}.png" for name in pictures]), folder / "table.md")
    _write_readings(evaluation, folder / "readings.csv")
    for name, picture in pictures.items():
        save_figure(picture, folder / f"{name}.png")


def write_comparison(reports: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write what compares the models of a task: their table, and accuracy against running time.

    Args:
        reports: The figures of each, with what is `about` it.
        folder: An existing folder.
    """
    first = reports[0]
    title = f"{first['task']} on {layout_of(first)} ({first['split']}), bubbles show parameters"
    _write_json({"task": first["task"], "models": list(reports)}, folder / REPORT)
    _write_text(comparison_table(reports), folder / "table.md")
    save_figure(plot_trade_off(reports, title), folder / "speed.png")


def layout_of(figures: Mapping[str, Any]) -> str:
    """The data set's layout, without the path that it has on this machine."""
    name: str = figures["data"].partition(":")[0]
    return name


def _pictures_of_scores(evaluation: Evaluation, title: str) -> dict[str, Figure]:
    """The pictures that need every answer, not the confusion alone."""
    task, readings = evaluation.task, evaluation.readings
    if task.numbers is not None:
        answers = expectation(np.array(task.numbers), readings.scores)
        return {"numbers": plot_numbers(true_numbers(readings.found), answers, title)}
    classes = true_classes(task, readings)
    return {
        "roc": plot_roc(roc_curves(task.labels, classes, readings.scores), task.colours, title),
        "reliability": plot_reliability(reliability(classes, readings.scores), title),
    }


def _write_readings(evaluation: Evaluation, path: Path) -> None:
    """A row a photograph: the file, its label, and what was read, to look at the mistakes; empty where no face was."""
    task, readings = evaluation.task, evaluation.readings
    text = StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("image", "label", "read", "score"))
    for sample, scores in zip(readings.found, readings.scores, strict=True):
        read = task.predict(scores)
        rows.writerow((sample.image, sample.label, read.label, f"{read.score:.4f}"))
    rows.writerows((sample.image, sample.label, "", "") for sample in readings.missed)
    _write_text(text.getvalue(), path)


def _write_json(values: Mapping[str, Any], path: Path) -> None:
    _write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", path)


def _write_text(text: str, path: Path) -> None:
    write_file(path, valid_text(text).encode())
