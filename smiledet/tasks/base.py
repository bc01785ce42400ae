"""What a classification task is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from smiledet.errors import UsageError

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to read from a face.

    Attributes:
        name: What `--tasks` calls it.
        labels: The classes, in the order of every model's outputs.
        colours: How each class is drawn.
        smoothing: Time constant in seconds over which scores are averaged along a track; more is steadier and slower.
        hysteresis: How much more probable than the shown class another must become before the label changes, 0 to 1.
    """

    name: str
    labels: tuple[str, ...]
    colours: Mapping[str, Colour]
    smoothing: float = 0.35
    hysteresis: float = 0.1


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
