"""Measure a model on labelled photographs, through the pipeline that runs at deployment.

Example:
  smiledet evaluate smile --model mobilenet-025 --data genki4k:../shared/data/genki4k.tar.gz --split test --json
"""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("task", metavar="TASK", help="smile, emotion …")
    parser.add_argument("--model", required=True, metavar="NAME", help="as `smiledet models` lists it")
    parser.add_argument("--data", required=True, metavar="LAYOUT:PATH", help="genki4k, smiles, fer2013, folders")
    parser.add_argument("--split", default="test", metavar="NAME", help="train, test …, or all (default: test)")
    parser.add_argument("--engine", default="litert", help="what runs the model (default: litert)")
    parser.add_argument("--locate", action="store_true", help="search for the face even where crops are given")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    from smiledet.tasks.base import get_task
    from smiledet.training.evaluate import evaluate

    result = evaluate(
        get_task(arguments.task),
        arguments.model,
        arguments.data,
        arguments.split,
        arguments.engine,
        arguments.locate,
    )
    print(json.dumps(result) if arguments.json else describe(result))
    return 0


def describe(result: dict[str, Any]) -> str:
    """The result as a person reads it."""
    auc = f", AUC {result['auc']:.4f}" if result.get("auc") is not None else ""
    lines = [
        f"{result['task']}/{result['model']} on {result['data']} ({result['split']}): accuracy "
        f"{result['accuracy']:.2%}{auc} of {result['count']}; no face found in {result['missed']}"
    ]
    width = max(map(len, result["labels"]))
    for label, row in zip(result["labels"], result["confusion"], strict=True):
        recall = result["recall"][label]
        shown = "      -" if recall is None else f"{recall:7.2%}"
        lines.append(f"  {label:{width}} {shown} " + " ".join(f"{count:6d}" for count in row))
    return "\n".join(lines)
