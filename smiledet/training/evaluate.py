"""Measuring a shipped model on labelled photographs, through the pipeline that runs at deployment."""

from __future__ import annotations

from typing import Any

from smiledet.alignment.shipped import shipped_aligner
from smiledet.datasets.base import read_samples
from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.errors import UsageError
from smiledet.tasks.base import Task
from smiledet.training.chips import cut_chips
from smiledet.training.metrics import report
from smiledet.zoo import find_model


def evaluate(
    task: Task, model_name: str, data: str, split: str, engine: str = "litert", locate: bool = False
) -> dict[str, Any]:
    """Locate, align and classify every photograph of a split.

    Args:
        task: What the model reads.
        model_name: As in the index.
        data: LAYOUT:PATH.
        split: One of the layout's splits, or `all` for everything that is there.
        engine: What runs the model.
        locate: Search for the face even in sets that are crops already.

    Returns:
        `smiledet.training.metrics.report` with, beside it, `task`, `model`, `engine`, `data`, `split`, `missed` (no
        face found: not in `count`), `unaligned`, and `accuracy_missed_wrong` (the accuracy when a missed face is a
        mistake).

    Raises:
        UsageError: An unknown model, data set, split or label.
    """
    model = find_model(task.name, model_name)
    if model.input is None:
        raise UsageError(f"model {task.name}/{model_name} takes no chips")
    _, samples = read_samples(data)
    splits = sorted({sample.split for sample in samples})
    if split != "all":
        samples = [sample for sample in samples if sample.split == split]
    if not samples:
        raise UsageError(f"--split {split!r}: {data} has {', '.join(splits)} and all")
    if unknown := {sample.label for sample in samples} - set(task.labels):
        raise UsageError(
            f"{data}: the label {sorted(unknown)[0]!r} is none of the task {task.name!r}: {', '.join(task.labels)}"
        )
    loaded = load_engine(engine, model_file(model, engine))
    cut = cut_chips(samples, task.labels, shipped_aligner(), model.input, locate)
    result = report(task.labels, cut.classes, loaded.predict(cut.chips))
    right = result["accuracy"] * result["count"]
    return {
        "task": task.name,
        "model": model_name,
        "engine": engine,
        "data": data,
        "split": split,
        **result,
        "missed": cut.missed,
        "unaligned": cut.unaligned,
        "accuracy_missed_wrong": round(right / max(1, result["count"] + cut.missed), 4),
    }
