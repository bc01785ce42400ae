"""`smiledet train --study` and `--compare`: several trainings, a row each, and the pictures of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from smiledet.lab.training.classifiers import variants
from smiledet.lab.training.classifiers.comparison import draw, entrants
from smiledet.lab.training.classifiers.study import variants_of
from smiledet.lab.training.classifiers.variants import Outcome
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.system.text import printable
from smiledet.tasks.base import Task

HEADER = (
    f"{'':30}{'pixels':>7}{'epochs':>7}{'accuracy':>10}{'AUC':>8}{'loss':>8}{'faces':>7}"
    f"{'parameters':>13}{'MFLOPs':>9}{'ms':>8}"
)


def run_variants(arguments: argparse.Namespace, task: Task, recipe: ClassifierRecipe) -> None:
    """Train and test, print a row each, and draw the comparison."""
    kind = "comparison" if arguments.compare else f"study-{arguments.study}"
    output = arguments.output or Path("runs") / f"{kind}-{task.name}-{recipe.name}"
    recipe = variants.shortened(recipe, arguments.epochs, task)
    if arguments.compare:
        chosen = entrants(arguments.compare, recipe)
        print(f"architectures for {task.name}, {recipe.schedule.epochs} epochs", flush=True)
    else:
        chosen = variants_of(arguments.study, recipe)
        words = f"{arguments.study} for {task.name}, {recipe.architecture}, {recipe.schedule.epochs} epochs"
        print(words, flush=True)
    print(HEADER)
    outcomes = []
    for outcome in variants.run_variants(chosen, task, arguments.data_folder, output, arguments.fresh):
        outcomes.append(outcome)
        print(row(outcome), flush=True)
    title = f"{task.name}: accuracy and AUC against time, {outcomes[0].count} held-out faces"
    for path in draw(chosen, outcomes, title, output):
        print(printable(path))


def row(outcome: Outcome) -> str:
    """A line of the table."""
    auc = "" if outcome.auc is None else f"{outcome.auc:.4f}"
    megaflops = 2 * outcome.multiply_adds / 1e6
    return (
        f"{outcome.name:30}{outcome.side:7}{outcome.epochs:7}{100 * outcome.accuracy:8.2f} %{auc:>8}{outcome.loss:8.3f}"
        f"{outcome.count:7}{outcome.parameters:13,}{megaflops:9.1f}{outcome.milliseconds:8.3f}"
    )
