"""Measure a model on labelled photographs, through the pipeline that runs at deployment.

A photograph in which no face is found is left out of `accuracy` and everything else but
`accuracy_all`, where it counts as a mistake. Sets that are crops already (FER-2013, SMILEs,
UTKFace) count as located unless --locate is given.

Of a data set with splits the test split is read. A folder a label has none: every photograph is
read that the model was not trained on. Photographs are known by their content.

Example:
  smiledet evaluate smile --data genki4k:genki4k.tar.gz --split test --report reports/smile
  smiledet evaluate emotion --all-models --data fer2013:fer2013.tar.gz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.cli._arguments import add_models, data_path, files_read, use_models
from smiledet.system.text import printable

if TYPE_CHECKING:
    from smiledet.lab.training.evaluation.evaluate import Evaluation
    from smiledet.model_index import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("task", metavar="TASK", help="smile, emotion …")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="NAME", help="as `smiledet models` lists it (default: the configured one)")
    which.add_argument("--all-models", action="store_true", help="every shipped model of the task, compared")
    parser.add_argument("--data", required=True, metavar="LAYOUT:PATH", help="genki4k, smiles, fer2013, folders …")
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="train, test …, or all (default: test; of a folder without splits what the model was not trained on)",
    )
    parser.add_argument("--engine", default="litert", help="what runs the model (default: litert)")
    parser.add_argument("--locate", action="store_true", help="search for the face even where crops are given")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write figures, tables and plots there")
    add_models(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print, and write the report."""
    use_models(arguments)
    from smiledet.lab.training.evaluation.evaluate import default_model, evaluate_models, models_of
    from smiledet.model_index import find_model
    from smiledet.tasks.base import get_task

    task = get_task(arguments.task)
    if arguments.all_models:
        models = models_of(task)
    else:
        models = [find_model(task.name, arguments.model) if arguments.model else default_model(task)]
    if arguments.report is not None:
        from smiledet.lab.training.evaluation.report_folder import prepare_folder
        from smiledet.system.output_checks import check_folder

        check_folder("--report", arguments.report, [data_path(arguments.data), *files_read(arguments)])
        prepare_folder(arguments.report)
    evaluations = evaluate_models(task, models, arguments.data, arguments.split, arguments.engine, arguments.locate)
    figures = [evaluation.figures for evaluation in evaluations]
    if arguments.report is not None:
        _write(evaluations, models, arguments)
    if arguments.json:
        print(json.dumps({"task": task.name, "models": figures} if arguments.all_models else figures[0]))
    else:
        print("\n\n".join(describe(each) for each in figures))
        if arguments.report is not None:
            print(f"\nthe report is in {printable(arguments.report)}")
    return 0


def _write(evaluations: list[Evaluation], models: list[Model], arguments: argparse.Namespace) -> None:
    from smiledet.lab.benchmark.models.size_and_speed import describe_models
    from smiledet.lab.training.evaluation.report_folder import prepare_folder, write_comparison, write_report

    abouts = describe_models(models, arguments.engine)
    for evaluation, about in zip(evaluations, abouts, strict=True):
        about["command"] = _command(evaluation.figures, arguments.locate)
        folder = arguments.report
        if arguments.all_models:
            folder = folder / evaluation.figures["model"]
            prepare_folder(folder)
        write_report(evaluation, about, folder)
    if arguments.all_models:
        rows = [{**each.figures, **about} for each, about in zip(evaluations, abouts, strict=True)]
        write_comparison(rows, arguments.report)


def _command(figures: dict[str, Any], locate: bool) -> str:
    """What measures the same again, but for the folder of the data."""
    layout, _, path = figures["data"].partition(":")
    words = ["smiledet evaluate", figures["task"], "--model", figures["model"]]
    words += ["--data", f"{layout}:{Path(path).name}"]
    words += [] if figures["left_out"] else ["--split", figures["split"]]
    words += ["--engine", figures["engine"]] if figures["engine"] != "litert" else []
    return " ".join(words + (["--locate"] if locate else []))


def _which(result: dict[str, Any]) -> str:
    """Which photographs were read."""
    if result["left_out"]:
        return f"{result['split']} but {result['left_out']} that a model was trained on"
    if result["trained_on"]:
        return f"{result['split']}, {result['trained_on']} of them trained on"
    return str(result["split"])


def describe(result: dict[str, Any]) -> str:
    """The result as a person reads it."""
    from smiledet.lab.training.evaluation.tables import headline

    lines = [
        f"{result['task']}/{result['model']} on {printable(result['data'])} ({_which(result)}): {headline(result)}",
        f"  {result['count']} photographs; no face found in {result['missed']} "
        f"(as mistakes: accuracy {result['accuracy_all']:.2%})",
    ]
    width = max(map(len, result["labels"]))
    for label, row in zip(result["labels"], result["confusion"], strict=True):
        recall = result["recall"][label]
        shown = "      -" if recall is None else f"{recall:7.2%}"
        lines.append(f"  {label:{width}} {shown} " + " ".join(f"{count:6d}" for count in row))
    for name, values in result.get("groups", {}).items():
        lines.append(f"  by {name}: " + ", ".join(f"{value} {_figure(row)}" for value, row in values.items()))
    return "\n".join(lines)


def _figure(row: dict[str, Any]) -> str:
    if row.get("mean_error") is not None:
        return f"{row['mean_error']:.2f} ({row['count']})"
    return "-" if row["accuracy"] is None else f"{row['accuracy']:.2%} ({row['count']})"
