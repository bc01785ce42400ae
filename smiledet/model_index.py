"""The index of trained models: `models/index.json`, a row a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from smiledet.errors import ModelError, UsageError
from smiledet.frame import ChipSpec
from smiledet.system.output_files import write_file
from smiledet.system.resources import models_folder
from smiledet.tasks.base import HYSTERESIS, SMOOTHING, Task, get_task, register_task

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
    values = _read(path)
    try:
        return [_model(row, folder) for row in values["models"]]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem


_searched: list[Path] = []


def search_first(folder: Path) -> None:
    """Search a folder's index before the shipped one from now on, and register the tasks that it brings.

    It holds for the whole process: the command line calls it for `--models`.

    Raises:
        UsageError: There is no index in it, or it is broken.
    """
    bring_tasks(folder)
    _searched[:] = [folder]


def bring_tasks(folder: Path) -> None:
    """Make the tasks of a folder's index known to this process.

    Raises:
        UsageError: There is no index in it, it is broken, or one of its tasks has the name of another.
    """
    read_index(folder)
    path = folder / INDEX
    try:
        for row in _read(path).get("tasks", []):
            register_task(
                row["name"],
                row["labels"],
                colours={label: tuple(colour) for label, colour in row.get("colours", {}).items()},
                smoothing=row.get("smoothing", SMOOTHING),
                hysteresis=row.get("hysteresis", HYSTERESIS),
            )
    except (KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f"the model index {path} is broken: {problem!r}") from problem


def bring_tasks_beside(path: Path) -> None:
    """Make the tasks known that a models folder brings in which a model's file lies; nothing where it lies in none."""
    for folder in _folders_around(path) if path.suffix in MODEL_SUFFIXES else ():
        bring_tasks(folder)


def _folders_around(path: Path) -> list[Path]:
    """The models folders that a file may belong to: TASK/NAME.tflite, or NAME.tflite."""
    return [folder for folder in list(path.resolve().parents)[:2] if (folder / INDEX).is_file()]


def all_models(folder: Path | None = None) -> list[Model]:
    """Every model that can be named: those of the user's own folder, then the shipped ones that it does not replace.

    Args:
        folder: The user's own; None for the one of `search_first`, if any.
    """
    found: list[Model] = []
    for place in [*([folder] if folder else _searched), models_folder()]:
        taken = {(model.task, model.name) for model in found}
        found += [model for model in read_index(place) if (model.task, model.name) not in taken]
    return found


def find_model(task: str, name: str = "", folder: Path | None = None) -> Model:
    """The model of a task by name, in the user's own folder or among those that ship.

    Args:
        task: The task.
        name: The model's name, or the path of a file, see `model_of_file`. Empty for the task's default: of the user's
            own folder if it has one of that task, the row that says so, or else the first.
        folder: The user's own folder; see `all_models`.

    Raises:
        ModelError: There is none; the message lists those that there are.
    """
    if Path(name).suffix in MODEL_SUFFIXES:
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


def model_of_file(task: str, path: Path) -> Model:
    """A model that is a single file, read as its index says where it lies in a models folder.

    Elsewhere it is taken to read the task's labels from chips that show what a face's box frames (margin 1); their size
    and channels are the network's own.

    Args:
        task: What it reads.
        path: A `.tflite` or `.onnx` file.

    Raises:
        UsageError: There is no such file, or it is no network that reads the task.
    """
    if not path.is_file():
        raise ModelError(f"no model file {path} for the task {task!r}")
    for folder in _folders_around(path):
        for model in read_index(folder):
            key = next((key for key, file in model.files.items() if (folder / file.path) == path.resolve()), None)
            if key is not None and model.task == task:
                return replace(model, files={key: model.files[key]})
    if path.suffix == ".keras":
        raise ModelError(f"{path}: no engine runs Keras' files; make one of it that does with `smiledet export`")
    labels = get_task(task).labels
    size, channels, answers = _geometry(path)
    if answers != len(labels):
        raise ModelError(
            f"{path} has {answers} outputs, the task {task!r} has {len(labels)} labels: {', '.join(labels)}"
        )
    return Model(
        task=task,
        name=path.stem,
        architecture=UNKNOWN,
        labels=labels,
        input=ChipSpec(size=size, channels=channels),
        preprocessing="",
        files={MODEL_SUFFIXES[path.suffix]: ModelFile(str(path.resolve()), sha256(path))},
        folder=path.resolve().parent,
    )


def _geometry(path: Path) -> tuple[int, int, int]:
    """Side and channels of what a network takes, and how many numbers it answers.

    Raises:
        UsageError: It is no network, or takes something else than one square picture.
    """
    try:
        given, answered = _litert_shapes(path) if path.suffix == ".tflite" else _onnx_shapes(path)
    except (ImportError, UsageError):
        raise
    except Exception as problem:  # whatever a library says of a file that it cannot read
        raise ModelError(f"{path} is no network that can be read: {str(problem).splitlines()[0]}") from problem
    if len(given) != 4 or given[1] != given[2] or given[3] not in (1, 3) or not isinstance(given[1], int):
        raise ModelError(
            f"{path} takes {tuple(given)}, expected (1, side, side, 1 or 3): one square face, channels last"
        )
    if not isinstance(answered[-1], int):
        raise ModelError(f"{path} answers {tuple(answered)}, expected (1, labels)")
    return given[1], given[3], answered[-1]


def _litert_shapes(path: Path) -> tuple[list[Any], list[Any]]:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_path=str(path))
    shapes = [
        [int(side) for side in details[0]["shape"]]
        for details in (network.get_input_details(), network.get_output_details())
    ]
    return shapes[0], shapes[1]


def _onnx_shapes(path: Path) -> tuple[list[Any], list[Any]]:
    try:
        import onnxruntime
    except ImportError as problem:
        raise ModelError(f"{path} needs ONNX Runtime: pip install 'smiledet[onnx]'") from problem
    network = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(network.get_inputs()[0].shape), list(network.get_outputs()[0].shape)


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
        values = json.loads(path.read_text())
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
