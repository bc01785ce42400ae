"""A model that is a single file: `--model presents=net.tflite`.

What no network says of itself stands beside it, in `net.tflite.json`: its labels, and how much of a face it is shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smiledet.engines.onnx_files import check_onnx_file
from smiledet.errors import ModelError
from smiledet.frame import ChipSpec
from smiledet.model_index import INDEX, MODEL_SUFFIXES, UNKNOWN, Model, ModelFile, bring_tasks, read_index, sha256
from smiledet.schema import between, build
from smiledet.system.output_files import write_file
from smiledet.system.text import from_json
from smiledet.tasks.base import bring_task, get_task


@dataclass(frozen=True, slots=True)
class FileCard:
    """What stands in `FILE.json` beside a model's file; each key may be left out.

    Attributes:
        labels: Its classes in the order of its outputs. They define the task, where there is none of that name.
        margin: Side of what it is shown, in sides of a face box; 1 frames a face as Viola-Jones does.
        mirror_averaging: Whether it is shown a face's mirror image as well, and the mean taken.
    """

    labels: tuple[str, ...] = ()
    margin: float = field(default=1.0, metadata=between(0.5, 4))
    mirror_averaging: bool = False


def card_path(path: Path) -> Path:
    """Where the card of a model's file lies.

    >>> str(card_path(Path("nets/own.tflite")))
    'nets/own.tflite.json'
    """
    return path.with_name(f"{path.name}.json")


def read_card(path: Path) -> FileCard:
    """The card of a model's file; the usual values where there is none.

    Raises:
        UsageError: It is no JSON object, or a key or value in it is none that is allowed; the message says which.
    """
    place = card_path(path)
    try:
        values = from_json(place.read_bytes())
    except FileNotFoundError:
        return FileCard()
    except (OSError, ValueError) as problem:
        raise ModelError(f"{place} cannot be read as JSON: {problem}") from problem
    if not isinstance(values, dict):
        raise ModelError(f"{place}: expected an object with labels, margin or mirror_averaging")
    return build(FileCard, values, str(place))


def write_card(model: Model, path: Path) -> Path:
    """Write what an index says of a model beside a file of it, so that the file can be used without the index."""
    assert model.input is not None
    card = {"labels": model.labels, "margin": model.input.margin, "mirror_averaging": model.mirror_averaging}
    write_file(card_path(path), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card_path(path)


def bring_task_of_file(task: str, path: Path) -> None:
    """Make a task known that a model's file brings: by the models folder in which it lies, or by its card.

    Raises:
        UsageError: Index or card is broken, or a task has the name of another.
    """
    if path.suffix not in MODEL_SUFFIXES:
        return
    for folder in _folders_around(path):
        bring_tasks(folder)
    if path.is_file() and (labels := read_card(path).labels):
        bring_task(task, labels)


def model_of_file(task: str, path: Path) -> Model:
    """A model that is a single file, read as its index says where it lies in a models folder.

    Elsewhere its card says what it is shown; size and channels of the chips are the network's own.

    Args:
        task: What it reads.
        path: A `.tflite`, `.onnx` or `.keras` file.

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
    card, labels = read_card(path), get_task(task).labels
    if card.labels and card.labels != labels:
        raise ModelError(
            f"{card_path(path)}: labels are {', '.join(card.labels)}, the task {task!r} has {', '.join(labels)}"
        )
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
        input=ChipSpec(size, card.margin, channels),
        preprocessing="",
        files={MODEL_SUFFIXES[path.suffix]: ModelFile(str(path.resolve()), sha256(path))},
        mirror_averaging=card.mirror_averaging,
        folder=path.resolve().parent,
    )


def _folders_around(path: Path) -> list[Path]:
    """The models folders that a file may belong to: TASK/NAME.tflite, or NAME.tflite."""
    return [folder for folder in list(path.resolve().parents)[:2] if (folder / INDEX).is_file()]


def _geometry(path: Path) -> tuple[int, int, int]:
    """Side and channels of what a network takes, and how many numbers it answers.

    Raises:
        UsageError: It is no network, or takes something else than one square picture.
    """
    shapes = {".tflite": _litert_shapes, ".onnx": _onnx_shapes, ".keras": _keras_shapes}[path.suffix]
    try:
        given, answered = shapes(path)
    except (ImportError, ModelError):
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
    check_onnx_file(path)
    network = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], enable_fallback=0)
    return list(network.get_inputs()[0].shape), list(network.get_outputs()[0].shape)


def _keras_shapes(path: Path) -> tuple[list[Any], list[Any]]:
    from smiledet.engines.tensorflow import load_keras

    network = load_keras(path)
    return list(network.input_shape), list(network.output_shape)
