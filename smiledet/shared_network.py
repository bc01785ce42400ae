"""A network and the tasks that it reads: one inference a face and chip, however many answers it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from smiledet.engines.answers import answers_of
from smiledet.frame import ChipSpec, Prediction
from smiledet.model_index import Model
from smiledet.tasks.base import Task

BETWEEN = "+"
"""Between the tasks in the name of a stage that reads several."""


@dataclass(frozen=True, slots=True)
class SharedNetwork:
    """A network of a run.

    Attributes:
        tasks: What it reads.
        models: The row of the index of each task; all name the same file and chip.
    """

    tasks: tuple[Task, ...]
    models: tuple[Model, ...]

    @property
    def stage(self) -> str:
        """The name of the stage that runs it: its task, or its tasks (`smile+emotion`)."""
        return BETWEEN.join(task.name for task in self.tasks)

    @property
    def spec(self) -> ChipSpec:
        """The geometry of the chip that it takes."""
        spec = self.models[0].input
        assert spec is not None  # plan_models has refused others
        return spec

    @property
    def mirror_averaging(self) -> bool:
        """See `smiledet.model_index.Model`."""
        return self.models[0].mirror_averaging

    def answers(self, rows: npt.NDArray[Any]) -> list[dict[str, Prediction]]:
        """What it says of some faces, a dictionary by task for each.

        Args:
            rows: Its output, float32 (n, outputs).
        """
        found: list[dict[str, Prediction]] = [{} for _ in rows]
        for task, model in zip(self.tasks, self.models, strict=True):
            for answer, scores in zip(found, answers_of(model, rows), strict=True):
                answer[task.name] = task.predict(scores)
        return found


def share_networks(
    tasks: Sequence[Task], models: Mapping[str, Model], files: Mapping[str, Path]
) -> tuple[SharedNetwork, ...]:
    """The networks that read some tasks: models that name the same file and chip are one.

    Args:
        tasks: The tasks, in order.
        models: The model of each, by the task's name.
        files: The file of each that the engine loads.
    """
    groups: dict[tuple[Path, ChipSpec | None, bool], list[Task]] = {}
    for task in tasks:
        model = models[task.name]
        groups.setdefault((files[task.name].resolve(), model.input, model.mirror_averaging), []).append(task)
    return tuple(SharedNetwork(tuple(group), tuple(models[task.name] for task in group)) for group in groups.values())
