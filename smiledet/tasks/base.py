"""What a classification task is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from keyword import iskeyword
from pkgutil import iter_modules
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.frame import FaceReading, Prediction
from smiledet.scope import current_scope, open_scope

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

UNSURE = "unsure"
"""The answer where no label leads clearly enough; see `Task.unsure_below`."""

FULL_ODDS = 2.5
"""Logarithm of the odds from which on a label's intensity is 1: a probability of 0.924, near the surest that networks
get that learn smoothed labels."""

SMALLEST = 1e-6
"""Probability that the logarithm of the odds is taken of at least."""

SMOOTHING, HYSTERESIS = 0.35, 0.1
"""A task's own where it says nothing else; see `Task`."""

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
        colours: How each class is drawn; in grey where it is missing.
        smoothing: Time constant in seconds over which scores are averaged along a track; more is steadier and slower.
        hysteresis: How much more probable than the shown class another must become before the label changes, 0 to 1;
            of numbers, how far the mean must have moved from the shown one.
        numbers: What each label stands for where the answer is a number; None for classes.
        unit: Of the numbers.
        bands: First and last number of each range in which the answer is shown as the range (`text`): there it is not
            known more exactly.
        unsure_below: Lead of the first label over the next, 0 to 1, below which the answer is `UNSURE`; 0 for never.
        strength: A label of which the answer says how much of it there is (`Prediction.intensity`); empty for none.

    Examples:
        >>> Task("presents", ("none", "some")).predict([0.25, 0.75]).label
        'some'
    """

    name: str
    labels: tuple[str, ...]
    colours: Mapping[str, Colour] = field(default_factory=dict)
    smoothing: float = SMOOTHING
    hysteresis: float = HYSTERESIS
    numbers: tuple[float, ...] | None = None
    unit: str = ""
    bands: tuple[tuple[int, int], ...] = ()
    unsure_below: float = 0.0
    strength: str = ""

    def predict(self, scores: Sequence[float] | npt.NDArray[Any]) -> Prediction:
        """What a row of a network's output stands for.

        Args:
            scores: Probability by label, in the order of the labels.

        Raises:
            ValueError: There are not as many scores as labels.
        """
        numbers = scores.tolist() if isinstance(scores, np.ndarray) else map(float, scores)
        return self.settle(dict(zip(self.labels, numbers, strict=True)))

    def settle(self, scores: Mapping[str, float], shown: str | None = None) -> Prediction:
        """The answer to show.

        Args:
            scores: Probability by label.
            shown: What is shown now; it stays unless another leads by the hysteresis. None for nothing yet.
        """
        if self.numbers is None:
            label = self._label(scores, shown)
            score = scores[label] if label in scores else max(scores.values())
            return Prediction(label, score, scores, self._intensity(scores))
        total = sum(scores.values())
        mean = sum(number * score for number, score in zip(self.numbers, scores.values(), strict=True)) / (total or 1)
        if shown is None or abs(mean - float(shown)) > self.hysteresis:
            shown = f"{mean:.0f}"
        near = (
            score for number, score in zip(self.numbers, scores.values(), strict=True) if abs(number - mean) <= NEARNESS
        )
        return Prediction(shown, min(1.0, sum(near)), scores)

    def _label(self, scores: Mapping[str, float], shown: str | None) -> str:
        """The class to show: the first one, the one that is shown while its lead lasts, or none that is sure."""
        best = max(scores, key=scores.__getitem__)
        if shown is not None and shown in scores and _lead(scores, shown) >= self.unsure_below - self.hysteresis:
            return shown
        # What was unsure has to be sure by as much more as keeps a label from flickering.
        wanted = self.unsure_below + (self.hysteresis if shown == UNSURE else 0)
        return best if _lead(scores, best) >= min(wanted, 1.0) else UNSURE

    def _intensity(self, scores: Mapping[str, float]) -> float | None:
        """How much of `strength` there is, 0 to 1: the logarithm of its odds, on a straight scale."""
        if not self.strength:
            return None
        share = min(max(scores[self.strength], SMALLEST), 1 - SMALLEST)
        return min(1.0, max(0.0, 0.5 + math.log(share / (1 - share)) / (2 * FULL_ODDS)))

    def text(self, label: str) -> str:
        """A label as a person reads it: a number, or the band that it lies in, with its unit.

        Args:
            label: One of the labels, or `unsure`.
        """
        for first, last in self.bands:
            if first <= float(label) <= last:
                label = f"{first} to {last}"
                break
        return f"{label} {self.unit}" if self.unit else label


def _lead(scores: Mapping[str, float], label: str) -> float:
    """By how much a label is more probable than the next best; negative where another one leads."""
    return scores[label] - max((score for other, score in scores.items() if other != label), default=0.0)


PALETTE: tuple[Colour, ...] = (
    (70, 210, 250),
    (190, 190, 190),
    (220, 140, 60),
    (60, 60, 230),
    (70, 160, 90),
    (190, 90, 170),
    (80, 165, 255),
    (200, 200, 90),
)
"""Colours of a task that brings none, label by label, over and over."""

ENTRY_POINTS = "smiledet.tasks"
"""Group of entry points by which a package brings tasks: each is a `Task`."""

_registered: dict[str, Task] = {}


def register_task(
    name: str,
    labels: Sequence[str],
    *,
    colours: Mapping[str, Colour] | None = None,
    smoothing: float = SMOOTHING,
    hysteresis: float = HYSTERESIS,
) -> Task:
    """Make a task of one's own known to this process; it is then named like any other.

    Registering the same task twice does no harm. Tasks of a models folder or of a configuration need no registering.

    Args:
        name: What `--tasks` calls it: letters, digits and underscores, no digit first.
        labels: Its classes, two at least, in the order of the network's outputs.
        colours: (blue, green, red), 0 to 255, by label; those that are missing are taken from a palette.
        smoothing: Seconds over which scores are averaged along a track, 0 for none.
        hysteresis: How much more probable than the shown class another must become, 0 to 1.

    Returns:
        The task.

    Raises:
        UsageError: The name is taken by another task, or an argument makes no sense.

    Examples:
        >>> register_task("presents", ["none", "some"]).labels
        ('none', 'some')
    """
    task = define_task(name, labels, colours, smoothing, hysteresis)
    if name not in _own_names():
        _registered[name] = task
    return task


def bring_task(
    name: str,
    labels: Sequence[str],
    colours: Mapping[str, Sequence[int]] | None = None,
    smoothing: float = SMOOTHING,
    hysteresis: float = HYSTERESIS,
) -> Task:
    """Make a task known until the scope ends that is open; see `smiledet.scope` and, for the rest, `register_task`."""
    task = define_task(name, labels, colours, smoothing, hysteresis)
    if name not in _own_names():
        open_scope().tasks[name] = task
    return task


def define_task(
    name: str,
    labels: Sequence[str],
    colours: Mapping[str, Sequence[int]] | None = None,
    smoothing: float = SMOOTHING,
    hysteresis: float = HYSTERESIS,
) -> Task:
    """A task, checked, without making it known; see `register_task`."""
    _check_name(name)
    if isinstance(labels, str) or len(labels) < 2 or not all(isinstance(label, str) and label for label in labels):
        raise UsageError(f"task {name!r}: labels are {labels!r}, expected two or more texts")
    if len(set(labels)) != len(labels):
        raise UsageError(f"task {name!r}: a label stands twice in {', '.join(labels)}")
    given: dict[str, Colour] = {}
    for label, colour in (colours or {}).items():
        if label not in labels:
            raise UsageError(f"task {name!r}: a colour for {label!r}, which is none of its labels")
        if len(colour) != 3 or not all(isinstance(part, int) and 0 <= part <= 255 for part in colour):
            raise UsageError(f"task {name!r}: the colour of {label!r} is {colour!r}, expected three of 0 to 255")
        given[label] = (colour[0], colour[1], colour[2])
    if not smoothing >= 0 or not 0 <= hysteresis <= 1:
        raise UsageError(
            f"task {name!r}: smoothing {smoothing!r} and hysteresis {hysteresis!r}, expected 0 or more, 0 to 1"
        )
    usual = {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(labels)}
    task = Task(name, tuple(labels), {**usual, **given}, float(smoothing), float(hysteresis))
    if is_task(name) and (known := get_task(name).labels) != task.labels:
        raise UsageError(f"task {name!r} is there already, with the labels {', '.join(known)}")
    return task


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or iskeyword(name):
        raise UsageError(
            f"task name {name!r}: expected letters, digits and underscores, a letter first, no Python word"
        )
    if name in RESERVED:
        raise UsageError(f"task name {name!r} is taken by a stage of the pipeline or a column; choose another")
    if (of := name.rpartition("_")[0]) and is_task(of) and name.removeprefix(f"{of}_") in COLUMNS_OF_A_TASK:
        raise UsageError(f"task name {name!r} is taken by a column of the task {of!r}; choose another")


STAGES = frozenset({"grab", "locate", "align", "draw", "window", "landmarks", "proposals", "detector"})
COLUMNS = frozenset(
    {
        *("source", "file", "frame", "timestamp", "time", "track", "x", "y", "width", "height", "detection_score"),
        *("yaw", "pitch", "roll", "eyes_open", "mouth_open", "latency_ms", "machine"),
    }
)
ATTRIBUTES = frozenset(name for name in dir(FaceReading) if not name.startswith("_"))
RESERVED = STAGES | COLUMNS | ATTRIBUTES | {"faces"}
"""Names that mean something else where a task's name stands."""

COLUMNS_OF_A_TASK = frozenset({"score", "scores", "intensity"})
"""What follows a task's name and an underscore in the names of its columns, beside its labels."""


def task_names() -> list[str]:
    """The tasks that there are: one a file in this folder, those of entry points, and those registered."""
    return sorted({*_own_names(), *_entry_points(), *_registered, *current_scope().tasks})


def is_task(name: str) -> bool:
    """Whether there is such a task; entry points are looked for last, since that takes some milliseconds."""
    return name in _own_names() or name in _own_tasks() or name in _entry_points()


def shipped_tasks() -> list[str]:
    """The tasks that come with smiledet."""
    return sorted(_own_names())


def is_shipped(name: str) -> bool:
    """Whether the task comes with smiledet."""
    return name in _own_names()


def get_task(name: str) -> Task:
    """A task by name.

    Raises:
        UsageError: No such task, or a package's entry point is none.
    """
    if name in _own_names():
        task: Task = import_module(f"smiledet.tasks.{name}").TASK
        return task
    if (own := _own_tasks().get(name)) is not None:
        return own
    if name not in _entry_points():
        raise UsageError(f"no task {name!r}; there are {', '.join(task_names())}")
    found = _entry_points()[name]
    try:
        brought = found.load()
    except Exception as problem:  # whatever somebody else's module raises
        raise UsageError(f"task {name!r} of the package {found.value}: {problem!r}") from problem
    if not isinstance(brought, Task) or brought.name != name:
        raise UsageError(f"the entry point {name!r} ({found.value}) is no smiledet.Task of that name")
    _check_name(name)
    return brought


def _own_tasks() -> Mapping[str, Task]:
    """Those registered, and those of the scope that is open."""
    return {**_registered, **current_scope().tasks}


@cache
def _own_names() -> frozenset[str]:
    package = import_module("smiledet.tasks")
    return frozenset(module.name for module in iter_modules(package.__path__) if module.name != "base")


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=ENTRY_POINTS)}
