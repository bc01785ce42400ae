"""What a classification task is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.frame import Prediction

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

NEARNESS = 5
"""A number's score is the probability of the labels this near to it: of an age, that it is right within five years."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to read from a face: a class, or a number.

    A network says of either how probable each label is. Of classes the most probable is the answer; of numbers it is
    their mean (R. Rothe and others: DEX, deep expectation of apparent age, ICCV workshops 2015).

    Attributes:
        name: What `--tasks` calls it.
        labels: The classes, in the order of every model's outputs.
        colours: How each class is drawn.
        smoothing: Time constant in seconds over which scores are averaged along a track; more is steadier and slower.
        hysteresis: How much more probable than the shown class another must become before the label changes, 0 to 1;
            of numbers, how far the mean must have moved from the shown one.
        numbers: What each label stands for where the answer is a number; None for classes.
        unit: Of the numbers.
    """

    name: str
    labels: tuple[str, ...]
    colours: Mapping[str, Colour]
    smoothing: float = 0.35
    hysteresis: float = 0.1
    numbers: tuple[float, ...] | None = None
    unit: str = ""

    def predict(self, scores: Sequence[float] | npt.NDArray[Any]) -> Prediction:
        """What a row of a network's output stands for.

        Args:
            scores: Probability by label, in the order of the labels.

        Raises:
            ValueError: There are not as many scores as labels.
        """
        named = {label: float(score) for label, score in zip(self.labels, scores, strict=True)}
        return self.settle(named)

    def settle(self, scores: Mapping[str, float], shown: str | None = None) -> Prediction:
        """The answer to show.

        Args:
            scores: Probability by label.
            shown: What is shown now; it stays unless another leads by the hysteresis. None for nothing yet.
        """
        if self.numbers is None:
            best = max(scores, key=scores.__getitem__)
            keep = shown is not None and scores[best] <= scores[shown] + self.hysteresis
            label = shown if keep and shown is not None else best
            return Prediction(label, scores[label], scores)
        total = sum(scores.values())
        mean = sum(number * score for number, score in zip(self.numbers, scores.values(), strict=True)) / (total or 1)
        if shown is None or abs(mean - float(shown)) > self.hysteresis:
            shown = f"{mean:.0f}"
        near = (
            score for number, score in zip(self.numbers, scores.values(), strict=True) if abs(number - mean) <= NEARNESS
        )
        return Prediction(shown, min(1.0, sum(near)), scores)

    def text(self, label: str) -> str:
        """A label as a person reads it: a number with its unit."""
        return f"{label} {self.unit}" if self.unit else label


def task_names() -> list[str]:
    """The tasks that there are: one a file in this folder."""
    package = import_module("smiledet.tasks")
    return sorted(module.name for module in iter_modules(package.__path__) if module.name != "base")


def get_task(name: str) -> Task:
    """A task by name.

    Raises:
        UsageError: No such task.
    """
    if name not in task_names():
        raise UsageError(f"no task {name!r}; there are {', '.join(task_names())}")
    task: Task = import_module(f"smiledet.tasks.{name}").TASK
    return task
