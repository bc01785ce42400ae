"""Contact sheets of the photographs that a model reads most wrongly, to see what its mistakes are.

A wrong answer is worse the surer it is; of a number, the further it is off. Below each photograph stand the true label,
what was read and how sure that was. The sheets show people's photographs: they are for looking at, not for
publishing, and no folder inside a repository takes them.

    python scripts/worst_errors.py --task smile --output /tmp/errors --data-folder ../shared/data
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Image
from smiledet.lab.training.evaluation.evaluate import evaluate_models, models_of, true_classes, true_numbers
from smiledet.lab.training.evaluation.held_out import HELD_OUT, held_out_of
from smiledet.lab.training.evaluation.numbers import expectation
from smiledet.lab.training.evaluation.readings import Readings
from smiledet.model_index import Model, find_model
from smiledet.system.output_files import write_file
from smiledet.tasks.base import Task, get_task

COLUMNS, CELL = 10, 120
"""Of a sheet: photographs a row, and their width in pixels."""

MOST_PAIRS = 8
"""Confusions that are printed: true label and answer, and how often."""


def badness(task: Task, readings: Readings) -> tuple[np.ndarray, list[str]]:
    """How wrong each answer is, 0 for a right one, and its caption."""
    if task.numbers is None:
        truth, scores = true_classes(task, readings), readings.scores
        guess = scores.argmax(axis=1)
        rows = np.arange(len(truth))
        wrong = np.where(guess == truth, 0.0, scores[rows, guess] - scores[rows, truth] + 1e-6)
        names = [
            f"{task.labels[true]}: {task.labels[read]} {sure:.0%}"
            for true, read, sure in zip(truth, guess, scores[rows, guess], strict=True)
        ]
        return wrong, names
    ages = true_numbers(readings.found)
    answers = expectation(np.array(task.numbers), readings.scores)
    return np.abs(answers - ages), [f"{age:.0f}: {answer:.0f}" for age, answer in zip(ages, answers, strict=True)]


def picture(path: Path) -> Image:
    """A photograph; blank where it cannot be read any more."""
    image = cv2.imread(str(path))
    return np.zeros((CELL, CELL, 3), np.uint8) if image is None else np.asarray(image, np.uint8)


def sheet_of(model: Model, task: Task, data_folder: Path, count: int, output: Path) -> Path | None:
    """Write a model's sheet, and print its commonest confusions; None where it makes no mistake."""
    held_out = held_out_of(model)
    readings = evaluate_models(task, [model], held_out.data(data_folder), held_out.split)[0].readings
    wrong, captions = badness(task, readings)
    worst = [row for row in np.argsort(-wrong, kind="stable")[:count] if wrong[row] > 0]
    if not worst:
        return None
    images = [picture(readings.found[row].image) for row in worst]
    sheet = contact_sheet(images, [captions[row] for row in worst], COLUMNS, CELL)
    path = output / f"{task.name}-{model.name}.png"
    write_file(path, cv2.imencode(".png", sheet)[1].tobytes())
    pairs = Counter(captions[row].rpartition(" ")[0] for row in np.flatnonzero(wrong)) if task.numbers is None else {}
    print(f"{path}: {len(worst)} of {int((wrong > 0).sum())} of {len(wrong)} faces")
    for pair, times in Counter(pairs).most_common(MOST_PAIRS):
        print(f"  {times:4}  {pair}")
    return path


def check_output(folder: Path) -> None:
    """See that the folder lies outside every repository: photographs of people are never committed.

    Raises:
        UsageError: It does not, or it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: it is no folder")
    if inside := next(
        (each for each in (folder.absolute(), *folder.absolute().parents) if (each / ".git").exists()), None
    ):
        raise UsageError(f"--output {folder}: it is in the repository {inside}; photographs belong outside")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sheets; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", choices=sorted(HELD_OUT), help="may be repeated (default: all)")
    parser.add_argument("--model", help="one of its models (default: all of them)")
    parser.add_argument("--count", type=int, default=100, help="photographs a sheet (default: 100)")
    parser.add_argument("--output", type=Path, required=True, help="folder for the sheets, outside any repository")
    parser.add_argument("--data-folder", type=Path, default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")))
    given = parser.parse_args(arguments)
    if given.count < 1:
        raise UsageError(f"--count is {given.count}, expected 1 or more")
    check_output(given.output)
    given.output.mkdir(parents=True, exist_ok=True)
    for name in given.task or sorted(HELD_OUT):
        task = get_task(name)
        for model in [find_model(name, given.model)] if given.model else models_of(task):
            if sheet_of(model, task, given.data_folder, given.count, given.output) is None:
                print(f"{name}/{model.name}: no mistake")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"worst_errors: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
