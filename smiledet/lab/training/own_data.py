"""Training on data of one's own: which task it is, which recipe, and which photographs are held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.datasets.splits import split_fifths
from smiledet.schema import read_toml
from smiledet.system.resources import configs_folder
from smiledet.tasks.base import Task, bring_task, get_task, is_task

OPTIONAL = ("colours", "smoothing", "hysteresis")
"""What a recipe's `[[task]]` may say beside name and labels."""


def find_recipe(name: str, task: str) -> Path:
    """The file of a recipe: a path, the name of one that ships, or an architecture's for a task of one's own.

    Args:
        name: `my.toml`, `smile-mini-xception`, or `mini-xception`: of a task that ships the recipe it ships with, of
            another one that trains any task.
        task: The task.

    Raises:
        UsageError: There is none; the message names those that there are.
    """
    if name.endswith(".toml"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"--recipe {name}: no such file")
        return path
    folder = configs_folder() / "train"
    own, studies = folder / "own", folder / "studies"
    for path in (
        folder / f"{task}-{name}.toml",
        folder / f"{name}.toml",
        own / f"{name}.toml",
        studies / f"{task}-{name}.toml",
    ):
        if path.is_file():
            return path
    shipped = [path.stem for path in sorted(folder.glob("*.toml"))]
    any_task, compared = ([path.stem for path in sorted(each.glob("*.toml"))] for each in (own, studies))
    raise UsageError(
        f"no recipe {name!r}: there are {', '.join(any_task)} for any task, {', '.join((*shipped, *compared))}, "
        "or a FILE.toml"
    )


def recipe_values(path: Path) -> dict[str, Any]:
    """A recipe's file, parsed; the tasks that its `[[task]]` tables define are brought.

    Raises:
        UsageError: It is no TOML, or a task in it makes no sense.
    """
    values = read_toml(path)
    for row in values.pop("task", []):
        if not isinstance(row, dict) or not {"name", "labels"} <= set(row):
            raise UsageError(f"{path}: a [[task]] needs name and labels")
        if unknown := set(row) - {"name", "labels", *OPTIONAL}:
            allowed = ", ".join(("name", "labels", *OPTIONAL))
            raise UsageError(f"{path}: unknown key task.{min(unknown)}; allowed are {allowed}")
        others = {key: row[key] for key in OPTIONAL if key in row}
        bring_task(row["name"], row["labels"], **others)
    return values


def task_of(name: str, data: Sequence[str], labels: Sequence[str] | None = None) -> Task:
    """The task of that name; where there is none, one whose labels are the folders of the data.

    Args:
        name: What the command line says.
        data: Training sets, each LAYOUT:PATH.
        labels: In this order instead.

    Raises:
        UsageError: There is no such task, and no data whose folders could define it.
    """
    if labels:
        return bring_task(name, labels)
    if is_task(name):
        return get_task(name)
    folders = [each for each in data if each.startswith("folders:")]
    if not folders:
        get_task(name)  # says which there are
    found = {sample.label for each in folders for sample in read_samples(each)[1]}
    return bring_task(name, sorted(found))


def training_split(layout: str, samples: Sequence[Sample]) -> list[Sample]:
    """The photographs to learn from: the training split, or four fifths where the set has none."""
    return one_split(layout, samples, "train")


def held_out_split(layout: str, samples: Sequence[Sample]) -> list[Sample]:
    """The photographs that `training_split` leaves: the test split, or the other fifth."""
    return one_split(layout, samples, "test")


def has_splits(samples: Sequence[Sample]) -> bool:
    """Whether a data set says itself which photographs are for training."""
    return any(sample.split == "train" for sample in samples)


def one_split(layout: str, samples: Sequence[Sample], name: str) -> list[Sample]:
    """The photographs of a split, drawn here (a fifth of each label for `test`) where the set has no training split."""
    if not has_splits(samples):
        samples = split_fifths(samples, layout)
    return [sample for sample in samples if sample.split == name]
