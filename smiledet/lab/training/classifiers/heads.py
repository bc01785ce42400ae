"""A network that reads several tasks at once: what each head is to answer, and the loss of all of them.

The heads' probabilities stand one after the other in the network's only output, and so do the targets. A photograph
that a head has no answer for has zeros there: it adds nothing to that head's loss (R. Caruana: Multitask learning,
1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample
from smiledet.lab.networks.parts import Classes
from smiledet.lab.training.recipe import ClassifierRecipe, Head
from smiledet.tasks.base import Task, get_task

YEARS_OF_DOUBT = 2.5
"""A number's target is a bell over the labels about it, so wide: the next one is nearly as right (label distribution
learning; Geng et al., 2013)."""

SMALLEST = 1e-7
"""Probability that a logarithm is taken of at least."""


@dataclass(frozen=True, slots=True)
class TaskHead:
    """A head with its task.

    Attributes:
        task: What it reads.
        data: Training sets.
        name: The model's name for the task.
        also: Further tasks that it answers.
        weight: Of its loss.
    """

    task: Task
    data: tuple[str, ...]
    name: str
    also: tuple[Task, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A task that a network answers: a row of the index.

    Attributes:
        task: The task.
        name: The model's name for it.
        outputs: Which of the network's outputs are the labels', in their order.
    """

    task: Task
    name: str
    outputs: tuple[int, ...]


def heads_of(recipe: ClassifierRecipe, task: Task) -> tuple[TaskHead, ...]:
    """What a recipe's network reads: its heads, or one task alone.

    Raises:
        UsageError: No head answers the task, or heads are asked for with what only one task can have.
    """
    if not recipe.heads:
        return (TaskHead(task, recipe.data, recipe.name),)
    heads = tuple(_with_tasks(head, recipe.name) for head in recipe.heads)
    if task.name not in (known := dict.fromkeys(answer.task.name for answer in answers(heads))):
        raise UsageError(f"the recipe {recipe.name} trains {', '.join(known)}, not {task.name}")
    if recipe.schedule.class_weight_power or recipe.teacher:
        raise UsageError(f"the recipe {recipe.name}: class_weight_power and teacher are for one task, not for heads")
    return heads


def _with_tasks(head: Head, name: str) -> TaskHead:
    task, also = get_task(head.task), tuple(map(get_task, head.also))
    for other in also:
        if unknown := set(other.labels) - set(task.labels):
            raise UsageError(f"a head of {task.name} cannot answer {other.name}: it has no label {min(unknown)!r}")
    return TaskHead(task, head.data, head.name or name, also, head.weight)


def answers(heads: Sequence[TaskHead]) -> list[Answer]:
    """Every task that a network answers, head by head."""
    found = []
    for head, place in zip(heads, places(sizes(heads)), strict=True):
        for task in (head.task, *head.also):
            outputs = tuple(place.start + head.task.labels.index(label) for label in task.labels)
            found.append(Answer(task, head.name, outputs))
    return found


def sizes(heads: Sequence[TaskHead]) -> tuple[int, ...]:
    """Outputs of each head."""
    return tuple(len(head.task.labels) for head in heads)


def classes_of(heads: Sequence[TaskHead]) -> Classes:
    """What the network is built for: the classes of one task, or of each."""
    return sizes(heads) if len(heads) > 1 else sizes(heads)[0]


def places(counts: Sequence[int]) -> list[slice]:
    """Where each head's outputs stand.

    >>> places((8, 7))
    [slice(0, 8, None), slice(8, 15, None)]
    """
    return [slice(start, end) for start, end in pairwise(accumulate(counts, initial=0))]


def wanted(task: Task, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """The targets of a task: the votes where they are known, a bell about a number, else the label alone.

    Args:
        task: Its labels, and whether they are numbers.
        samples: Labelled photographs.

    Returns:
        float32 (n, classes); every row sums to 1.
    """
    rows = np.zeros((len(samples), len(task.labels)), np.float32)
    numbers = None if task.numbers is None else np.array(task.numbers)
    for row, sample in zip(rows, samples, strict=True):
        if sample.votes:
            row[:] = [sample.votes.get(label, 0.0) for label in task.labels]
        elif numbers is None:
            row[task.labels.index(sample.label)] = 1
        else:
            bell = np.exp(-0.5 * ((numbers - numbers[task.labels.index(sample.label)]) / YEARS_OF_DOUBT) ** 2)
            row[:] = bell / bell.sum()
    return rows


def joined(
    heads: Sequence[TaskHead], samples: Sequence[Sequence[Sample]]
) -> tuple[list[Sample], npt.NDArray[np.float32]]:
    """The photographs of all heads, those that several have once, and what each head is to say of them.

    Args:
        heads: The heads.
        samples: The photographs of each; one that stands there twice is shown twice.

    Returns:
        The photographs, and float32 (n, outputs): the heads' targets one after the other, each scaled by its weight,
        zeros where a head has no answer.
    """
    rows: dict[tuple[Path, int], int] = {}
    photographs: list[Sample] = []
    of_head: list[list[int]] = []
    for part in samples:
        seen: dict[Path, int] = {}
        found = []
        for sample in part:
            seen[sample.image] = times = seen.get(sample.image, 0) + 1
            row = rows.setdefault((sample.image, times), len(photographs))
            if row == len(photographs):
                photographs.append(sample)
            found.append(row)
        of_head.append(found)
    targets = np.zeros((len(photographs), sum(sizes(heads))), np.float32)
    for head, part, found, place in zip(heads, samples, of_head, places(sizes(heads)), strict=True):
        targets[found, place] = head.weight * wanted(head.task, part)
    return photographs, targets


def heads_loss(
    counts: Sequence[int], smoothing: float
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """The sum of the heads' cross-entropies, each with a share of its probability spread over its classes."""
    same_head = np.zeros((sum(counts), sum(counts)), np.float32)
    for place, count in zip(places(counts), counts, strict=True):
        same_head[place, place] = 1 / count

    def cross_entropy(targets: keras.KerasTensor, answers: keras.KerasTensor) -> keras.KerasTensor:
        if smoothing:
            targets = (1 - smoothing) * targets + smoothing * keras.ops.matmul(targets, same_head)
        logarithms = keras.ops.log(keras.ops.clip(answers, SMALLEST, 1.0))
        return -keras.ops.sum(targets * logarithms, axis=-1)

    return cross_entropy


class HeadAccuracy(keras.metrics.Metric):  # type: ignore[misc]
    """How often a head's first answer is the one that is wanted most, of the photographs that it has an answer for.

    Args:
        place: Where its outputs stand.
        name: Of the figure.
    """

    def __init__(self, place: slice, name: str) -> None:
        super().__init__(name=name)
        self._place = place
        self._right = self.add_weight(name="right", initializer="zeros")
        self._count = self.add_weight(name="count", initializer="zeros")

    def update_state(
        self,
        targets: keras.KerasTensor,
        answers: keras.KerasTensor,
        sample_weight: object = None,  # noqa: ARG002
    ) -> None:
        """Take a batch."""
        targets, answers = targets[:, self._place], answers[:, self._place]
        known = keras.ops.cast(keras.ops.sum(targets, axis=-1) > 0, "float32")
        alike = keras.ops.equal(keras.ops.argmax(targets, axis=-1), keras.ops.argmax(answers, axis=-1))
        self._right.assign_add(keras.ops.sum(known * keras.ops.cast(alike, "float32")))
        self._count.assign_add(keras.ops.sum(known))

    def result(self) -> keras.KerasTensor:
        """The share."""
        return self._right / keras.ops.maximum(self._count, 1.0)


def accuracies(heads: Sequence[TaskHead]) -> list[HeadAccuracy]:
    """The figures of a training's log: `accuracy` of the first head, and of each further one with its model's name."""
    return [
        HeadAccuracy(place, "accuracy" if number == 0 else f"accuracy_of_{head.task.name}")
        for number, (head, place) in enumerate(zip(heads, places(sizes(heads)), strict=True))
    ]
