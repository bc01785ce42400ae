"""Measuring shipped models on labelled photographs, through the pipeline that runs at deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.config import load_config
from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.training.evaluation.groups import group_tables
from smiledet.lab.training.evaluation.metrics import report
from smiledet.lab.training.evaluation.numbers import BAND, expectation, report_numbers
from smiledet.lab.training.evaluation.readings import Readings, read_faces
from smiledet.lab.training.learnt import split_learnt
from smiledet.lab.training.own_data import has_splits
from smiledet.model_index import Model, all_models, find_model
from smiledet.platform import choose_platform
from smiledet.tasks.base import Task


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model, measured.

    Attributes:
        task: What it reads.
        readings: Its answers.
        figures: What `smiledet evaluate --json` prints.
    """

    task: Task
    readings: Readings
    figures: dict[str, Any]


def models_of(task: Task) -> list[Model]:
    """Every shipped model of a task.

    Raises:
        UsageError: There is none.
    """
    models = [model for model in all_models() if model.task == task.name]
    if not models:
        raise UsageError(f"no model of the task {task.name!r} ships")
    return models


def default_model(task: Task) -> Model:
    """The model that a run on this machine would take.

    Raises:
        UsageError: There is none.
    """
    settings = load_config(choose_platform()).config.task.get(task.name)
    return find_model(task.name, settings.model if settings is not None else "")


def chosen_samples(
    task: Task, models: Sequence[Model], data: str, split: str | None
) -> tuple[list[Sample], dict[str, Any]]:
    """The photographs that models are measured on, and what they are, for the figures.

    Args:
        task: See `samples_of`.
        models: What is measured.
        data: See `samples_of`.
        split: See `samples_of`. None for the test split; of a folder without splits for every photograph that none of
            the models was trained on.

    Returns:
        The photographs, and `split`, `trained_on` (photographs that a model was trained on, among those measured) and
        `left_out` (those that are not measured because of it).

    Raises:
        UsageError: See `samples_of`; or there is none that a model was not trained on.
    """
    if split is None:
        split = "test" if has_splits(read_samples(data, task.name)[1]) else "all"
        new, learnt = split_learnt(samples_of(task, data, split), models)
        if not new:
            raise UsageError(f"--data {data}: the model was trained on each of its photographs; --split all takes them")
        return new, {"split": split, "trained_on": 0, "left_out": len(learnt)}
    samples = samples_of(task, data, split)
    return samples, {"split": split, "trained_on": len(split_learnt(samples, models)[1]), "left_out": 0}


def samples_of(task: Task, data: str, split: str) -> list[Sample]:
    """A split's photographs.

    Args:
        task: Whose labels they must carry.
        data: LAYOUT:PATH.
        split: One of the layout's splits, or `all` for everything that is there.

    Raises:
        UsageError: An unknown data set or split, or a label that is none of the task's.
    """
    _, samples = read_samples(data, task.name)
    splits = sorted({sample.split for sample in samples} - {"all"})
    chosen = [sample for sample in samples if split in (sample.split, "all")]
    if not chosen:
        raise UsageError(f"--split {split!r}: {data} has {', '.join(splits)} and all")
    if task.numbers is None and (unknown := {sample.label for sample in chosen} - set(task.labels)):
        allowed = ", ".join(task.labels)
        raise UsageError(f"{data}: the label {min(unknown)!r} is none of the task {task.name!r}: {allowed}")
    if task.numbers is not None:
        true_numbers(chosen, f"{data}: the task {task.name!r} takes numbers")
    return chosen


def true_classes(task: Task, readings: Readings) -> npt.NDArray[np.int64]:
    """The true class of every face found, int64 (n,)."""
    return np.array([task.labels.index(sample.label) for sample in readings.found], np.int64)


def true_numbers(samples: Sequence[Sample], complaint: str = "no number") -> npt.NDArray[np.float64]:
    """The true number of every photograph, float64 (n,), for a task whose answer is one.

    Raises:
        UsageError: A photograph has none; the message begins with the complaint.
    """
    numbers = []
    for sample in samples:
        try:
            numbers.append(float(sample.label) if sample.target is None else sample.target)
        except ValueError:  # noqa: PERF203 - the message names the label
            raise UsageError(f"{complaint}, not {sample.label!r}") from None
    return np.array(numbers, np.float64)


def measured(task: Task, readings: Readings) -> dict[str, Any]:
    """The figures of a model's answers.

    Returns:
        For classes `report`, for numbers `report_numbers`; but
        `count` is that of all photographs. Beside it `found` and `missed` (they sum to `count`), `unaligned`, and
        `accuracy_all`: `accuracy` is of the faces found, in `accuracy_all` a missed one is a mistake. `groups`
        (`smiledet.lab.training.evaluation.groups`) where the data set tells people apart.
    """
    if task.numbers is None:
        truth = true_classes(task, readings)
        figures, guess, errors = report(task.labels, truth, readings.scores), readings.scores.argmax(axis=1), None
    else:
        values, ages = np.array(task.numbers), true_numbers(readings.found)
        answers = expectation(values, readings.scores)
        figures, errors = report_numbers(values, ages, readings.scores), np.abs(answers - ages)
        truth, guess = (np.floor(numbers / BAND).astype(np.int64) for numbers in (ages, answers))
    found, missed = len(readings.found), len(readings.missed)
    right = int(np.trace(np.array(figures["confusion"])))
    groups = group_tables(readings.found, readings.missed, task.labels, truth, guess, errors)
    return {
        **figures,
        "count": found + missed,
        "found": found,
        "missed": missed,
        "unaligned": readings.unaligned,
        "accuracy_all": round(right / (found + missed), 4),
        **({"groups": groups} if groups else {}),
    }


def evaluate_models(
    task: Task,
    models: Sequence[Model],
    data: str,
    split: str | None = None,
    engine: str = "litert",
    locate: bool = False,
) -> list[Evaluation]:
    """Show a split's photographs to models of a task.

    Args:
        task: What the models read.
        models: The models.
        data: LAYOUT:PATH.
        split: See `chosen_samples`.
        engine: What runs the models.
        locate: Search for the face even in sets that are crops already.

    Returns:
        An evaluation a model, its figures `measured` with `task`, `model`, `engine`, `data`, `split`, `trained_on`,
        `left_out` (`chosen_samples`) and `located` (whether faces were searched for in crops) before them.

    Raises:
        UsageError: An unknown data set, split or label; a model without a file for the engine.
    """
    for model in models:
        if model.labels != task.labels:
            raise UsageError(
                f"model {task.name}/{model.name} reads {', '.join(model.labels) or 'no labels'}; "
                f"the task {task.name!r} has {', '.join(task.labels)}"
            )
    samples, which = chosen_samples(task, models, data, split)
    evaluations = []
    for readings in read_faces(samples, models, engine, locate):
        about = {"task": task.name, "model": readings.model.name, "engine": engine, "data": data, **which}
        evaluations.append(Evaluation(task, readings, {**about, "located": locate, **measured(task, readings)}))
    return evaluations


def evaluate(
    task: Task, model_name: str, data: str, split: str, engine: str = "litert", locate: bool = False
) -> dict[str, Any]:
    """The figures of one model; see `evaluate_models`."""
    model = find_model(task.name, model_name)
    return evaluate_models(task, [model], data, split, engine, locate)[0].figures
