"""A report's figures as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a person reads it.

    >>> percent(0.9417, 2), percent(None)
    ('94.17 %', '-')
    """
    return "-" if share is None else f"{share * 100:.{digits}f} %"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(markdown(("label", "recall"), [("happy", "85.0 %")]))
    | label | recall |
    | --- | --- |
    | happy | 85.0 % |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def class_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The per-label table: seed `001_*`, Table 7, with precision and F1 beside it.

    Args:
        rows: As `smiledet.lab.training.evaluation.curves.per_class` returns them.
    """
    cells = [
        (
            row["label"],
            str(row["correct"]),
            str(row["wrong"]),
            percent(row["recall"]),
            percent(row["precision"]),
            "-" if row["f1"] is None else f"{row['f1']:.3f}",
        )
        for row in rows
    ]
    return markdown(("label", "correct", "wrong", "recall", "precision", "F1"), cells)


def group_table(name: str, values: Mapping[str, Mapping[str, Any]], most_labels: int = 3) -> str:
    """One grouping's table.

    Args:
        name: What tells the groups apart (race, say).
        values: The grouping's part of `smiledet.lab.training.evaluation.groups.group_tables`.
        most_labels: With more classes than this the table has no column for each one's recall.
    """
    any_row = next(iter(values.values()))
    labels = list(any_row.get("recall", {}))
    labels = labels if len(labels) <= most_labels else []
    numeric = "mean_error" in any_row
    header = [name, "photographs", "face found", "accuracy", *(f"recall, {label}" for label in labels)]
    rows = []
    for value, row in values.items():
        cells = [value, str(row["count"]), percent(row["found"] / row["count"]), percent(row["accuracy"])]
        cells += [percent(row["recall"][label]) for label in labels]
        cells += [_number(row["mean_error"])] if numeric else []
        rows.append(cells)
    return markdown(header + (["mean error"] if numeric else []), rows)


def headline(figures: Mapping[str, Any]) -> str:
    """The figures that matter most, in a sentence."""
    low, high = figures["accuracy_interval"]
    parts = [f"accuracy {percent(figures['accuracy'], 2)} (95 % interval {percent(low)} to {percent(high)})"]
    if figures.get("mean_error") is not None:
        near = ", ".join(f"{percent(share)} within {limit}" for limit, share in figures["near"].items())
        parts.insert(0, f"mean error {figures['mean_error']:.2f} (bias {figures['bias']:+.2f}; {near})")
        parts[1] = parts[1].replace("accuracy", "accuracy by bands of ten", 1)
    for key, words in (("auc", "AUC"), ("auc_macro", "mean AUC of each class against the rest")):
        if figures.get(key) is not None:
            parts.append(f"{words} {figures[key]:.4f}")
    if "calibration_error" in figures:
        parts.append(f"expected calibration error {figures['calibration_error']:.4f}")
    return "; ".join(parts)


def report_table(report: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], pictures: Sequence[str]) -> str:
    """`table.md` of one model.

    Args:
        report: What `report.json` holds.
        rows: As `smiledet.lab.training.evaluation.curves.per_class` returns them.
        pictures: File names of the pictures beside it.
    """
    parts = [
        f"# {report['task']}/{report['model']} on {report['data'].partition(':')[0]} ({report['split']})",
        f"{report['count']} photographs, a face found in {report['found']}: {headline(report)}. "
        f"With a missed face counted as a mistake the accuracy is {percent(report['accuracy_all'], 2)}.",
    ]
    if report.get("milliseconds") is not None:
        size = "" if report.get("parameters") is None else f"; {report['parameters']:,} parameters"
        parts.append(f"{report['milliseconds']:.3f} ms a face on one thread of {report['machine']}{size}.")
    parts.append(class_table(rows))
    for name, values in report.get("groups", {}).items():
        parts.append(f"## By {name}\n\n{group_table(name, values)}")
    parts.append("\n".join(f"![{picture.removesuffix('.png')}]({picture})" for picture in pictures))
    if "command" in report:
        parts.append(f"    {report['command']}")
    return "\n\n".join(parts) + "\n"


def comparison_table(reports: Sequence[Mapping[str, Any]]) -> str:
    """`table.md` of all models of a task."""
    first = reports[0]
    numeric = "mean_error" in first
    header = ["model", "parameters", "ms a face", "accuracy", "missed as mistakes"]
    rows = []
    for report in reports:
        parameters = report["parameters"]
        cells = [report["model"], "-" if parameters is None else f"{parameters:,}", f"{report['milliseconds']:.3f}"]
        cells += [percent(report["accuracy"], 2), percent(report["accuracy_all"], 2)]
        cells.append(_number(report["mean_error"]) if numeric else _number(report.get("auc", report.get("auc_macro"))))
        rows.append(cells)
    title = f"# {first['task']} on {first['data'].partition(':')[0]} ({first['split']}), {first['count']} photographs"
    return f"{title}\n\n{markdown([*header, 'mean error' if numeric else 'AUC'], rows)}\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
