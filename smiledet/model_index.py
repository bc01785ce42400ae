"""The index of trained models: `models/index.json`, a row a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from smiledet.engines.keras_files import check_keras_file
from smiledet.engines.onnx_files import check_onnx_file
from smiledet.errors import ModelError
from smiledet.frame import ChipSpec
from smiledet.scope import current_scope, open_scope
from smiledet.system.output_files import write_file
from smiledet.system.resources import models_folder
from smiledet.system.text import from_json
from smiledet.tasks.base import HYSTERESIS, SMOOTHING, Task, bring_task

INDEX = "index.json"

UNKNOWN = "unknown"
"""Architecture of a model that is a single file of the user's."""

MODEL_SUFFIXES = {".tflite": "litert", ".onnx": "onnx", ".keras": "keras"}
"""Files that a model can be named by, and what the index calls them."""


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
        mirror_averaging: Whether it is shown a face's mirror image as well; see `smiledet.engines.mirror_averaging`.
        outputs: Which of the network's outputs are the labels', in their order; empty for all. Several models may name
            the same files, each with outputs of its own.
        temperature: By which its probabilities are calibrated; see `smiledet.engines.answers`.
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
    mirror_averaging: bool = False
    outputs: tuple[int, ...] = ()
    temperature: float = 1.0
    folder: Path = field(default_factory=models_folder, compare=False)

    def file(self, engine: str) -> Path:
        """The checked path of an engine's file.

        Raises:
            ModelError: The model has no file for that engine, the file is missing, its sha256 is wrong, or it is
                Keras' and holds code, or ONNX' and names a file elsewhere.
        """
        path, expected = self.place(engine), self.files[engine].sha256
        found = sha256(path)
        if found != expected:
            raise ModelError(
                f"model {self.task}/{self.name}: {path} is damaged: its sha256 is {found[:12]}…, "
                f"the index says {expected[:12]}…"
            )
        if (check := FORMAT_CHECKS.get(path.suffix)) is not None:
            check(path)
        return path

    def place(self, engine: str) -> Path:
        """The path of an engine's file, whose content is not looked at.

        Raises:
            ModelError: The model has no file for that engine, or the file is missing.
        """
        if engine not in self.files:
            raise ModelError(f"model {self.task}/{self.name} has no {engine} file; it has {', '.join(self.files)}")
        path = self.folder / self.files[engine].path
        if not path.is_file():
            remedy = "reinstall smiledet" if self.folder == models_folder() else "train it again"
            raise ModelError(f"model {self.task}/{self.name}: {path} is missing: {remedy}")
        return path


FORMAT_CHECKS = {".keras": check_keras_file, ".onnx": check_onnx_file}
"""What looks into a model's file, by its suffix, before a library does."""


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
    values = _read(path)
    try:
        return [_model(row, folder) for row in values["models"]]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem


def search_first(folder: Path) -> None:
    """Search a folder's index before the shipped one, and know the tasks that it brings, until the scope ends.

    Raises:
        UsageError: There is no index in it, or it is broken.
    """
    bring_tasks(folder)
    open_scope().models = folder


def bring_tasks(folder: Path) -> None:
    """Make the tasks of a folder's index known until the scope ends; see `smiledet.scope`.

    Raises:
        UsageError: There is no index in it, it is broken, or one of its tasks has the name of another.
    """
    read_index(folder)
    path = folder / INDEX
    try:
        for row in _read(path).get("tasks", []):
            bring_task(
                row["name"],
                row["labels"],
                colours={label: tuple(colour) for label, colour in row.get("colours", {}).items()},
                smoothing=row.get("smoothing", SMOOTHING),
                hysteresis=row.get("hysteresis", HYSTERESIS),
            )
    except (KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem


def all_models(folder: Path | None = None) -> list[Model]:
    """Every model that can be named: those of the user's own folder, then the shipped ones that it does not replace.

    Args:
        folder: The user's own; None for the one of `search_first`, if any.
    """
    found: list[Model] = []
    own = folder or current_scope().models
    for place in [*([own] if own else []), models_folder()]:
        taken = {(model.task, model.name) for model in found}
        found += [model for model in read_index(place) if (model.task, model.name) not in taken]
    return found


def find_model(task: str, name: str = "", folder: Path | None = None) -> Model:
    """The model of a task by name, in the user's own folder or among those that ship.

    Args:
        task: The task.
        name: The model's name, or the path of a file, see `smiledet.model_files`. Empty for the task's default: of the
            user's own folder if it has one of that task, the row that says so, or else the first.
        folder: The user's own folder; see `all_models`.

    Raises:
        ModelError: There is none; the message lists those that there are.
    """
    if Path(name).suffix in MODEL_SUFFIXES:
        from smiledet.model_files import model_of_file

        return model_of_file(task, Path(name).expanduser())
    models = [model for model in all_models(folder) if model.task == task]
    if not name and models:
        nearest = [model for model in models if model.folder == models[0].folder]
        return next((model for model in nearest if model.default), nearest[0])
    for model in models:
        if model.name == name:
            return model
    if not name:
        raise ModelError(
            f"no model ships for the task {task!r}: train one (smiledet train {task} --help), "
            "or name a folder that has one with --models"
        )
    there = ", ".join(model.name for model in models) or "none"
    raise ModelError(f"no model {name!r} for the task {task!r}; there are {there}")


def write_task(task: Task, folder: Path) -> None:
    """Put a task of one's own into a folder's index, so that whoever searches it knows the task."""
    values = _read(folder / INDEX) if (folder / INDEX).is_file() else {"models": []}
    row = {
        "name": task.name,
        "labels": list(task.labels),
        "colours": {label: list(colour) for label, colour in task.colours.items()},
        "smoothing": task.smoothing,
        "hysteresis": task.hysteresis,
    }
    others = [other for other in values.get("tasks", []) if other.get("name") != task.name]
    _write(folder / INDEX, {**values, "tasks": [*others, row]})


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
    _write(path, {**(_read(path) if path.is_file() else {}), "models": rows})


def _read(path: Path) -> dict[str, Any]:
    try:
        values = from_json(path.read_text())
    except FileNotFoundError:
        raise ModelError(f"no model index at {path}") from None
    except (OSError, ValueError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem
    if not isinstance(values, dict):
        raise ModelError(f"the model index {path} is broken: it is no JSON object")
    return values


def _write(path: Path, values: Mapping[str, Any]) -> None:
    write_file(path, (json.dumps(values, indent=2) + "\n").encode())


def _model(row: Mapping[str, Any], folder: Path) -> Model:
    values = dict(row)
    values["labels"] = tuple(row["labels"])
    values["outputs"] = tuple(row.get("outputs", ()))
    values["input"] = ChipSpec(**row["input"]) if row["input"] else None
    values["files"] = {engine: ModelFile(**entry) for engine, entry in row["files"].items()}
    return Model(**values, folder=folder)


def _row(model: Model) -> dict[str, Any]:
    row = asdict(model)
    del row["folder"]
    # Only where they say something: most networks read one task, in order.
    for name, usual in (("outputs", ()), ("temperature", 1.0)):
        if row[name] == usual:
            del row[name]
    return row
