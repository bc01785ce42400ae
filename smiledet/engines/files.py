"""Which file of a model an engine loads: a shipped one, or one that `smiledet export` has made on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smiledet.engines.base import Engine, engine_class, engine_names
from smiledet.errors import ModelError
from smiledet.model_index import Model
from smiledet.schema import AUTO
from smiledet.system.resources import cache_folder

FLOAT32 = "float32"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format that networks are exported to.

    Attributes:
        suffix: Of its files; a SavedModel is a folder.
        precisions: In which numbers it can be had.
        batches: Whether a file with a free batch can be had beside one that takes a face at a time.
    """

    suffix: str
    precisions: tuple[str, ...]
    batches: bool = False


FORMATS = {
    "litert": FileFormat(".tflite", (FLOAT32, "float16", "dynamic", "int8")),
    "onnx": FileFormat(".onnx", (FLOAT32, "float16", "int8"), batches=True),
    "savedmodel": FileFormat(".savedmodel", (FLOAT32,)),
    "gradients": FileFormat("-gradients.tflite", ("float16",)),
}
"""What `smiledet export --to` knows."""

PRECISIONS = (FLOAT32, "float16", "dynamic", "int8")
"""float16: weights stored in half precision · dynamic: weights int8, sums float32 · int8: weights and activations."""


def check_precision(file_format: str, precision: str) -> None:
    """See that a format can be had in a precision.

    Raises:
        ModelError: It cannot.
    """
    if precision not in (there := FORMATS[file_format].precisions):
        raise ModelError(f"{file_format} files cannot be had in {precision}; there are {', '.join(there)}")


def file_key(file_format: str, precision: str = FLOAT32) -> str:
    """What the index calls a file: `litert`, `litert-int8`, `onnx` …; float32 goes without saying."""
    return file_format if precision == FLOAT32 else f"{file_format}-{precision}"


def file_name(model: Model, file_format: str, precision: str = FLOAT32, free_batch: bool = False) -> str:
    """What an exported file is called: `mini-xception.tflite`, `mini-xception-int8.onnx`, `…-any-batch.onnx`.

    Models that share a network share its files, which have the name of its Keras file.
    """
    ending = "" if precision == FLOAT32 else f"-{precision}"
    stem = Path(model.files["keras"].path).stem if "keras" in model.files else model.name
    return f"{stem}{'-any-batch' * free_batch}{ending}{FORMATS[file_format].suffix}"


def exported_file(model: Model, file_format: str, precision: str = FLOAT32, free_batch: bool = False) -> Path:
    """Where `smiledet export` puts a file that does not ship.

    The folder is named after the Keras file that it is made from, so that a model that was trained anew never runs
    from an old export.

    Raises:
        ModelError: The model has no Keras file to export from.
    """
    if "keras" not in model.files:
        raise ModelError(f"model {model.task}/{model.name} has no keras file to export from")
    digest = model.files["keras"].sha256[:12]
    folder = cache_folder() / "exported" / model.task / f"{model.name}-{digest}"
    return folder / file_name(model, file_format, precision, free_batch)


def file_there(model: Model, file_format: str, precision: str, free_batch: bool = False) -> Path | None:
    """The file of a model that is there: exported with a free batch, shipped, or exported; None if there is none.

    No file ships with a free batch: whoever has made one wants it taken.

    Args:
        model: A row of the index.
        file_format: One of `FORMATS`.
        precision: One of the format's.
        free_batch: No other than one with a free batch.

    Raises:
        ModelError: The shipped file is damaged, or there is none and the model has no Keras file to export from.
    """
    if FORMATS[file_format].batches and "keras" in model.files:
        path = exported_file(model, file_format, precision, free_batch=True)
        if path.exists():
            return path
    if free_batch:
        return None
    key = file_key(file_format, precision)
    if key in model.files:
        return model.file(key)
    path = exported_file(model, file_format, precision)
    return path if path.exists() else None


def model_file(model: Model, engine: str, precision: str = AUTO) -> Path:
    """The file of a model that an engine loads.

    Args:
        model: A row of the index.
        engine: One of `smiledet.engines.base.engine_names()`.
        precision: One of `PRECISIONS`, or `auto` for what the engine is best at.

    Raises:
        ModelError: No such engine or precision; there is no file for it, and then the message says which command
            makes it; the shipped file is damaged.
    """
    file_format = engine_class(engine).file_format
    will_do = engine_class(engine).file_precisions(precision)
    if precision == AUTO and engine_class(engine).prefers_int8 and file_key(file_format, "int8") in model.files:
        return model.file(file_key(file_format, "int8"))
    for each in will_do:
        check_precision(file_format, each)
        path = file_there(model, file_format, each)
        if path is not None:
            return path
    precision = will_do[0]
    if precision == FLOAT32 and "keras" in model.files and engine_class(engine).reads_keras():
        return model.file("keras")
    key = file_key(file_format, precision)
    option = "" if precision == FLOAT32 else f" --precision {precision}"
    calibration = " --data LAYOUT:PATH" if precision == "int8" else ""
    raise ModelError(
        f"model {model.task}/{model.name} has no {key} file yet; to make it: "
        f"smiledet export {model.task}/{model.name} --to {file_format}{option}{calibration}"
    )


def gradient_file(model: Model) -> Path:
    """The file with a model's gradients, see `smiledet.engines.gradients`.

    Raises:
        ModelError: There is none, and then the message says which command makes it; the shipped one is damaged.
    """
    path = file_there(model, "gradients", "float16")
    if path is None:
        name = f"{model.task}/{model.name}"
        raise ModelError(f"model {name} has no gradients yet; to make them: smiledet export {name} --to gradients")
    return path


def with_readers(preference: Sequence[str], models: Iterable[Model]) -> tuple[str, ...]:
    """A preference among engines, and behind it the readers of the only file that some model has, which a user named.

    Args:
        preference: Engines, the best first.
        models: What is to be run.
    """
    alone = [key for model in models if len(model.files) == 1 for key in model.files]
    readers = [name for key in alone for name in engine_names() if _reads(engine_class(name), key)]
    return tuple(dict.fromkeys([*preference, *readers]))


def _reads(engine: type[Engine], key: str) -> bool:
    return engine.reads_keras() if key == "keras" else engine.file_format == key


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a SavedModel."""
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())
