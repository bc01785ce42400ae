"""Print the results table of the documentation: the shipped models beside the papers'.

Figures come from the models' index (--shipped), from the `report.json` files that `smiledet evaluate --report` wrote
into folders below REPORTS, or are measured now with --data-folder.

Example:
  python scripts/results_table.py --shipped
  python scripts/results_table.py reports
  python scripts/results_table.py --data-folder ../shared/data
"""

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smiledet.cli import main as smiledet
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.records import read_kept
from smiledet.lab.training.evaluation.held_out import HELD_OUT, LABELLED_AS, held_out_of
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.model_index import read_index


@dataclass(frozen=True)
class Published:
    """A figure that somebody else reports.

    Attributes:
        system: Whose.
        parameters: As reported; empty where it is not.
        figure: Accuracy and, where there is one, AUC.
        data: What it was measured on: seldom the very photographs that ours is.
        source: Where the figure stands.
    """

    system: str
    parameters: str
    figure: str
    data: str
    source: str


BENCHMARKS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
UNSHIPPED = BENCHMARKS / "unshipped"

THESIS = "thesis, Figure 25"
FACE_CLASSIFICATION = "Arriaga et al."
PRIVATE = "FER-2013 PrivateTest"

PUBLISHED = {
    "smile": (
        Published("SmileNet", "", "95.76 %", "GENKI-4K", "given to this project; the thesis' text has no figure"),
        Published("thesis: Inception-ResNet-V2", "", "92.8 %, AUC 0.980", "GENKI-4K", THESIS),
        Published("thesis: VGG-16", "", "91.2 %, AUC 0.905", "GENKI-4K", THESIS),
        Published("OpenCV's smile cascade", "", "65.6 %", "GENKI-4K", "measured for this project"),
    ),
    "emotion": (
        Published("ResMaskNet", "", "74.14 %", PRIVATE, "best single model found"),
        Published("ResNet-18", "", "73.70 %", PRIVATE, "published"),
        Published("VGG", "", "73.28 %", PRIVATE, "published"),
        Published("DenseNet-1", "95,263", "70.91 %", PRIVATE, "published"),
        Published("light-weight CNN with MTCNN", "58,423", "67 %", "FER-2013", "light-weight CNN paper"),
        Published("mini-Xception", "about 60,000", "66 %", "FER-2013", FACE_CLASSIFICATION),
        Published("sequential fully-CNN", "about 600,000", "66 %", "FER-2013", FACE_CLASSIFICATION),
        Published("people", "", "65 ± 5 %", "FER-2013", "Goodfellow et al."),
    ),
    "gender": (
        Published("sequential fully-CNN", "about 600,000", "96 %", "IMDB", FACE_CLASSIFICATION),
        Published("mini-Xception", "about 60,000", "95 %", "IMDB", FACE_CLASSIFICATION),
    ),
    "age": (),
}
"""As the papers report them, and as the field's best were found; seeds `000_*` and `002_*` to `004_*`."""


def read_reports(folder: Path) -> list[dict[str, Any]]:
    """Every single model's `report.json` below a folder, by task and from best to worst.

    Raises:
        UsageError: There is none, or one is broken.
    """
    found = [report for path in sorted(folder.rglob("report.json")) if (report := _read_report(path)) is not None]
    if not found:
        raise UsageError(f"no report.json below {folder}: write some with `smiledet evaluate TASK --report FOLDER`")
    return sorted(found, key=_rank)


def _read_report(path: Path) -> dict[str, Any] | None:
    """One report; None for a comparison's, each of whose models has a folder below."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return None if "models" in report else {**report, "data": str(report["data"]), "row": our_row(report)}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{path} is no report of `smiledet evaluate`: {problem!r}") from problem


def shipped_reports() -> list[dict[str, Any]]:
    """Reports of what ships (figures from the index, times from the benchmarks), and of some that do not ship."""
    times = _shipped_times()
    reports = [
        {
            **model.figures,
            "task": model.task,
            "model": model.name,
            "data": held_out_of(model).layout,
            "split": held_out_of(model).split,
            "milliseconds": times.get(f"{model.task}/{model.name}"),
        }
        for model in read_index()
        if model.task in HELD_OUT
    ]
    rows = [{**report, "row": our_row(report)} for report in reports]
    return sorted([*rows, *unshipped_reports()], key=_rank)


def unshipped_reports(folder: Path = UNSHIPPED) -> list[dict[str, Any]]:
    """Reports of `smiledet evaluate --report` on networks that do not ship; a file's name is its row's."""
    found = []
    for path in sorted(folder.glob("*.json")):
        report = _read_report(path)
        if report is None:
            raise UsageError(f"{path} compares several models; a row is of one")
        found.append({**report, "row": [path.stem.replace("_", " "), *report["row"][1:]]})
    return found


def _shipped_times() -> dict[str, float]:
    """Milliseconds a face in LiteRT on one thread, of the file that it takes: int8 where that ships."""
    rows = [row for row in read_kept(BENCHMARKS / "models-shipped.json")["models"] if row["engine"] == "litert"]
    times = {row["model"]: row["milliseconds"] for row in rows}
    return {model.removesuffix(", int8"): times.get(f"{model}, int8", time) for model, time in times.items()}


def _rank(report: Mapping[str, Any]) -> tuple[int, float]:
    tasks = list(HELD_OUT)
    place = tasks.index(report["task"]) if report["task"] in tasks else len(tasks)
    return place, report["mean_error"] if report.get("mean_error") is not None else -report["accuracy"]


def measure(data_folder: Path, folder: Path) -> None:
    """Evaluate every shipped classifier on its task's held-out photographs, reports into `folder`.

    Raises:
        SmiledetError: An evaluation failed; it has said why.
    """
    for model in read_index():
        if model.task not in HELD_OUT:
            continue
        held_out = held_out_of(model)
        words = ["evaluate", model.task, "--model", model.name, "--split", held_out.split]
        words += ["--data", held_out.data(data_folder)]
        with redirect_stdout(io.StringIO()):
            code = smiledet([*words, "--report", str(folder / model.task / model.name)])
        if code:
            raise SmiledetError(f"`smiledet {' '.join(words)}` ended with {code}")


def what_it_was(report: Mapping[str, Any]) -> str:
    """The photographs that a report is about, in words."""
    layout = report["data"].partition(":")[0]
    known = [HELD_OUT[report["task"]]] if report["task"] in HELD_OUT else []
    known += [LABELLED_AS[layout]] if layout in LABELLED_AS else []
    words = [each.words for each in known if (each.layout, each.split) == (layout, report["split"])]
    return words[0] if words else f"{layout}, {report['split']}"


def our_row(report: Mapping[str, Any]) -> list[str]:
    """A shipped model's row."""
    figure = percent(report["accuracy"], 2)
    if report.get("mean_error") is not None:
        figure = f"mean error {report['mean_error']:.2f} years"
    elif report.get("auc") is not None:
        figure += f", AUC {report['auc']:.4f}"
    low, high = report["accuracy_interval"]
    figure = f"**{figure}**" + ("" if report.get("mean_error") is not None else f" ({percent(low)} to {percent(high)})")
    parameters, time = report.get("parameters"), report.get("milliseconds")
    return [
        f"{report['task']}/{report['model']}",
        "" if parameters is None else f"{parameters:,}",
        "" if time is None else f"{time:.2f}",
        figure,
        f"{what_it_was(report)}: {report['found']} of {report['count']}",
        "here",
    ]


def results_table(reports: Iterable[Mapping[str, Any]]) -> str:
    """The table, ours before the others' task by task, and the commands that measure ours."""
    rows: list[list[str]] = []
    commands: list[str] = []
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for report in reports:
        by_task.setdefault(report["task"], []).append(report)
    for task, ours in by_task.items():
        rows += [report["row"] for report in ours]
        rows += [
            [each.system, each.parameters, "", each.figure, each.data, each.source] for each in PUBLISHED.get(task, ())
        ]
        commands += [f"    {report['command']}" for report in ours if "command" in report]
    header = ("model", "parameters", "ms a face", "accuracy (95 % interval)", "measured on (faces found)", "source")
    return "\n".join([markdown(header, rows), "", *commands])


def main() -> int:
    """Read or measure, and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="?", type=Path, help="folder of reports; with --data-folder they go there")
    parser.add_argument("--data-folder", type=Path, help="measure now, on the data sets there")
    parser.add_argument("--shipped", action="store_true", help="what the models' index says; nothing is measured")
    arguments = parser.parse_args()
    if arguments.shipped:
        print(results_table(shipped_reports()))
        return 0
    if arguments.reports is None and arguments.data_folder is None:
        parser.error("give a folder of reports, or --data-folder")
    if arguments.data_folder is None:
        print(results_table(read_reports(arguments.reports)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.reports or Path(temporary)
        measure(arguments.data_folder, folder)
        print(results_table(read_reports(folder)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"results_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
