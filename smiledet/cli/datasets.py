"""List the layouts of data sets, or count what a data set holds and show it.

Example:
  smiledet datasets
  smiledet datasets utkface:../shared/data/utkface.tar.gz --task age --sheet faces.png
  smiledet datasets genki4k:data/genki4k smiles:data/SMILEs --json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.cli._arguments import data_path
from smiledet.errors import UsageError
from smiledet.system.text import printable

if TYPE_CHECKING:
    from smiledet.lab.datasets.base import Sample
    from smiledet.lab.datasets.census import Census

PICTURES = (".png", ".jpg", ".jpeg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "data", nargs="*", metavar="LAYOUT:PATH", help="a data set; without any, the layouts are listed"
    )
    parser.add_argument("--task", metavar="TASK", help="smile, gender, age … (default: each layout's usual one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a data set, a line each")
    parser.add_argument("--sheet", type=Path, metavar="OUT.png", help="write a picture with a row a class")
    parser.add_argument("--columns", type=int, default=10, metavar="N", help="photographs a row of it (default: 10)")


def run(arguments: argparse.Namespace) -> int:
    """List or count."""
    if arguments.sheet is not None:
        _check_sheet(arguments)
    if not arguments.data:
        print(_layouts(arguments.json))
        return 0
    from smiledet.lab.datasets.base import read_samples
    from smiledet.lab.datasets.census import take_census

    read: list[tuple[str, list[Sample]]] = []
    for data in arguments.data:
        layout, samples = read_samples(data, arguments.task)
        task = arguments.task or next(iter(layout.tasks), None)
        census = take_census(samples)
        shown = json.dumps({"data": data, "task": task, **asdict(census)}) if arguments.json else None
        print(shown or describe(data, task, census), flush=True)
        read.append((data, samples))
    if arguments.sheet is not None:
        _write_sheet(arguments.sheet, read, arguments.columns)
    return 0


def describe(data: str, task: str | None, census: Census) -> str:
    """The census as a person reads it."""
    from smiledet.report import table

    splits = list(census.counts)
    rows = [
        (label, *(str(census.counts[split].get(label, 0)) for split in splits), str(_total(census, label)))
        for label in census.classes
    ]
    sums = [sum(census.counts[split].values()) for split in splits]
    rows.append(("all", *map(str, sums), str(sum(sums))))
    lines = [f"{printable(data)}, {task or 'classes'}:", table(("class", *splits, "all"), rows)]
    if census.identities is not None:
        lines.append(f"people: {census.identities}, {census.identities_across} of them in more than one split")
    lines.append(
        f"exact duplicates: {census.duplicates}; contents in more than one split: {census.duplicates_across}, "
        f"under more than one class: {census.duplicates_at_odds}"
    )
    for name, members in census.groups.items():
        lines.append(f"{name}: " + ", ".join(f"{group} {count}" for group, count in members.items()))
    return "\n".join(lines) + "\n"


def _total(census: Census, label: str) -> int:
    return sum(count.get(label, 0) for count in census.counts.values())


def _layouts(as_json: bool) -> str:
    from smiledet.lab.datasets.base import find_layout, layout_names
    from smiledet.report import table

    layouts = [find_layout(name) for name in layout_names()]
    if as_json:
        return "\n".join(
            json.dumps({"layout": layout.name, "tasks": dict(layout.tasks), "holds": layout.holds})
            for layout in layouts
        )
    rows = [(layout.name, ", ".join(layout.tasks) or "any", layout.holds) for layout in layouts]
    landmarks = ("landmarks68", "(landmarks)", "NAME.jpg beside NAME.pts; for the landmark recipe alone")
    return table(("layout", "tasks", "what PATH must hold"), sorted([*rows, landmarks]))


def _check_sheet(arguments: argparse.Namespace) -> None:
    """Before minutes of reading.

    Raises:
        UsageError: There is nothing to show, or the file cannot be written.
    """
    from smiledet.system.output_checks import check_outputs
    from smiledet.system.output_files import check_writable

    sheet: Path = arguments.sheet
    if not arguments.data:
        raise UsageError("--sheet needs a data set to show: smiledet datasets LAYOUT:PATH --sheet OUT.png")
    if sheet.suffix.lower() not in PICTURES:
        raise UsageError(f"--sheet {sheet}: expected a name that ends in {', '.join(PICTURES)}")
    check_outputs({"--sheet": sheet}, map(data_path, arguments.data))
    check_writable(sheet)
    if not 1 <= arguments.columns <= 100:
        raise UsageError(f"--columns {arguments.columns}: expected 1 to 100")


def _write_sheet(path: Path, read: list[tuple[str, list[Sample]]], columns: int) -> None:
    import cv2

    from smiledet.lab.datasets.sheet import class_sheet
    from smiledet.system.output_files import write_file

    encoded: Any = cv2.imencode(path.suffix.lower(), class_sheet(read, columns))[1]
    write_file(path, encoded.tobytes())
