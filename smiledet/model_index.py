"""The index of trained models: `models/index.json`, a row a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from smiledet.errors import ModelError
from smiledet.frame import ChipSpec
from smiledet.system.resources import models_folder

INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        path: Relative to the index.
        sha256: Of its bytes, in hexadecimal; checked before the file is loaded.
    """

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the index.

    Attributes:
        task: What it reads: smile, emotion …; `landmarks` for the aligner's trees.
        name: What `--model TASK=NAME` calls it.
        architecture: The network that it is.
        labels: Its classes in the order of its outputs; none for landmarks.
        input: Geometry of the chips that it takes; None for landmarks.
        preprocessing: What has to be done to a chip first, in words; the shipped networks do it themselves.
        files: By engine (`litert`, `keras` …).
        figures: What was measured, as printed by the commands in its card.
        card: The model card, relative to the index.
        default: Whether it is the one that is taken where nobody names another.
        both_views: Whether it is shown a face's mirror image as well; see `smiledet.engines.mirror_averaging`.
        folder: The folder of the index that it was read from; not written to it.
    """

    task: str
    name: str
    architecture: str
    labels: tuple[str, ...]
    input: ChipSpec | None
    preprocessing: str
    files: Mapping[str, ModelFile]
    figures: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    default: bool = False
    both_views: bool = False
    folder: Path = field(default_factory=models_folder, compare=False)

    def file(self, engine: str) -> Path:
        """The checked path of an engine's file.

        Raises:
            ModelError: The model has no file for that engine, the file is missing, or its sha256 is wrong.
        """
        if engine not in self.files:
            raise ModelError(f"model {self.task}/{self.name} has no {engine} file; it has {', '.join(self.files)}")
        entry = self.files[engine]
        path = self.folder / entry.path
        if not path.is_file():
            raise ModelError(f"model {self.task}/{self.name}: {path} is missing: reinstall smiledet")
        found = sha256(path)
        if found != entry.sha256:
            raise ModelError(
                f"model {self.task}/{self.name}: {path} is damaged: its sha256 is {found[:12]}…, "
                f"the index says {entry.sha256[:12]}…"
            )
        return path


def sha256(path: Path) -> str:
    """A file's sha256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_index(folder: Path | None = None) -> list[Model]:
    """Every model of an index.

    Args:
        folder: The folder that holds `index.json`; None for the shipped one.

    Raises:
        ModelError: There is no index, or it is broken.
    """
    folder = folder or models_folder()
    path = folder / INDEX
    try:
        rows = json.loads(path.read_text())["models"]
        return [_model(row, folder) for row in rows]
    except FileNotFoundError:
        raise ModelError(f"no model index at {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem


def find_model(task: str, name: str = "", folder: Path | None = None) -> Model:
    """The model of a task by name.

    Args:
        task: The task.
        name: The model's name; empty for the task's default: the row that says so, or failing that the first.
        folder: The folder that holds the index; None for the shipped one.

    Raises:
        ModelError: There is none; the message lists those that there are.
    """
    models = [model for model in read_index(folder) if model.task == task]
    if not name and models:
        return next((model for model in models if model.default), models[0])
    for model in models:
        if model.name == name:
            return model
    if not name:
        raise ModelError(f"there is no model for the task {task!r} yet")
    there = ", ".join(model.name for model in models) or "none"
    raise ModelError(f"no model {name!r} for the task {task!r}; there are {there}")


def write_row(model: Model) -> None:
    """Put a model into the index of its folder, in the place of the one of that task and name if there is one.

    A model that takes the place of the task's default is the default.
    """
    path = model.folder / INDEX
    models = read_index(model.folder) if path.is_file() else []
    if any(other.default and (other.task, other.name) == (model.task, model.name) for other in models):
        model = replace(model, default=True)
    kept = [other for other in models if (other.task, other.name) != (model.task, model.name)]
    rows = [_row(each) for each in sorted([*kept, model], key=lambda each: (each.task, each.name))]
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"models": rows}, indent=2) + "\n")
    partial.replace(path)


def _model(row: Mapping[str, Any], folder: Path) -> Model:
    values = dict(row)
    values["labels"] = tuple(row["labels"])
    values["input"] = ChipSpec(**row["input"]) if row["input"] else None
    values["files"] = {engine: ModelFile(**entry) for engine, entry in row["files"].items()}
    return Model(**values, folder=folder)


def _row(model: Model) -> dict[str, Any]:
    row = asdict(model)
    del row["folder"]
    return row
