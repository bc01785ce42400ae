"""From a trained Keras network to the files that the engines read, and its row in the index."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import ZIP_LZMA, ZipFile

import keras
import numpy as np
import numpy.typing as npt

from smiledet.engines.files import check_precision, file_key, file_name
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.classifiers.heads import answers, heads_of, sizes
from smiledet.lab.training.export.conversion import to_litert, to_onnx, to_savedmodel
from smiledet.lab.training.faces.chips import ChipSet, cut_chips
from smiledet.lab.training.own_data import one_split
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.model_index import Model, ModelFile, read_index, sha256, write_row
from smiledet.shipped_models import shipped_aligner
from smiledet.system.output_files import NO_ROOM
from smiledet.tasks.base import Task, get_task

__all__ = [
    "calibration_chips",
    "export",
    "export_to_index",
    "labelled_chips",
    "load_network",
    "ship",
    "ship_file",
    "to_litert",
]

PREPROCESSING = "none: float32 pixels 0 to 255; the network scales them to -1 to 1 itself"

CALIBRATION_CHIPS = 100
"""Faces that int8 ranges are found on; on training faces 30, 100, 300 and 1,500 agreed with float32 alike."""


def ship(
    task: Task,
    recipe: ClassifierRecipe,
    network: keras.Model,
    folder: Path,
    calibration: npt.NDArray[np.uint8] | None = None,
    temperatures: Mapping[str, float] | None = None,
) -> list[Model]:
    """Write a trained network into a models folder: Keras and LiteRT files, and a row of the index for each task.

    Args:
        task: What it reads; of several tasks the one whose folder the files go to.
        recipe: What it was trained from.
        network: The trained network.
        folder: The models folder.
        calibration: As in `export`, for a recipe that is stored as int8; see `calibration_chips`.
        temperatures: Of its answers, by TASK/NAME; 1 where nothing is said.

    Returns:
        The new rows.

    Raises:
        UsageError: See `export`.
    """
    _check_calibration(recipe.stored, calibration)  # before anything is written, and the network rounded
    (folder / task.name).mkdir(parents=True, exist_ok=True)
    stem = f"{task.name}/{recipe.name}"
    if recipe.stored == "float32":
        network.save(folder / f"{stem}.keras")
    else:
        save_half(network, folder / f"{stem}.keras")
    heads = heads_of(recipe, task)
    keras_file = ModelFile(f"{stem}.keras", sha256(folder / f"{stem}.keras"))
    for answer in answers(heads):
        every = answer.outputs == tuple(range(sum(sizes(heads))))
        write_row(
            Model(
                task=answer.task.name,
                name=answer.name,
                architecture=recipe.architecture,
                labels=answer.task.labels,
                input=recipe.input,
                preprocessing=PREPROCESSING,
                files={"keras": keras_file},
                card=f"{answer.task.name}/{answer.name}.md",
                mirror_averaging=recipe.mirror_averaging,
                outputs=() if every else answer.outputs,
                temperature=(temperatures or {}).get(f"{answer.task.name}/{answer.name}", 1.0),
                folder=folder,
            )
        )
    rows = sharing(folder, f"{stem}.keras")
    export_to_index(rows[0], network, "litert", recipe.stored, calibration)
    return sharing(folder, f"{stem}.keras")


def sharing(folder: Path, keras_file: str) -> list[Model]:
    """The rows of a models folder whose files are made from one Keras file."""
    rows = read_index(folder)
    return [row for row in rows if "keras" in row.files and row.files["keras"].path == keras_file]


def _check_calibration(precision: str, calibration: npt.NDArray[np.uint8] | None) -> None:
    if precision == "int8" and (calibration is None or not len(calibration)):
        raise UsageError("int8 needs real faces to calibrate on: --data LAYOUT:PATH")


def save_half(network: keras.Model, path: Path) -> None:
    """Write a Keras file of about half the size, its kernels rounded to half precision, here and in the network.

    A Keras file is a zip archive of uncompressed members; rounded numbers have zeros at their end, which compress.

    Args:
        network: Changed in place.
        path: The file.
    """
    for weight in network.trainable_variables:
        if len(weight.shape) > 1:  # not what normalises: those are few, and their range is wider
            weight.assign(keras.ops.convert_to_numpy(weight).astype(np.float16).astype(np.float32))
    whole = path.with_name(f".{path.name}.whole.keras")
    network.save(whole)
    with ZipFile(whole) as archive, ZipFile(path, "w", ZIP_LZMA) as packed:
        for member in archive.infolist():
            packed.writestr(member.filename, archive.read(member))
    whole.unlink()


def load_network(model: Model) -> keras.Model:
    """The Keras network of a row of the index.

    Raises:
        UsageError: It has no Keras file, or a damaged one.
    """
    return keras.saving.load_model(model.file("keras"), compile=False)


def export(
    network: keras.Model,
    path: Path,
    file_format: str,
    precision: str = "float32",
    calibration: npt.NDArray[np.uint8] | None = None,
    batch: int | None = 1,
) -> Path:
    """Write a network in the format of an engine; a file of that name is replaced once the new one is whole.

    Args:
        network: From pixels to class probabilities.
        path: The file to write, or the folder for a SavedModel; its folder is made.
        file_format: One of `smiledet.engines.files.FORMATS`.
        precision: One of the format's.
        calibration: uint8 chips (n, height, width, channels) that int8 ranges are found on.
        batch: Chips that an ONNX file takes at once; None for any number.

    Returns:
        `path`.

    Raises:
        UsageError: The format cannot be had in that precision, int8 is asked for without chips, a package is missing,
            or the file cannot be written.
    """
    check_precision(file_format, precision)
    _check_calibration(precision, calibration)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        if file_format == "savedmodel":
            to_savedmodel(network, partial)
            _remove(path)
        else:
            partial.write_bytes(_converted(network, file_format, precision, calibration, batch))
        partial.replace(path)
    except OSError as problem:
        with suppress(OSError):
            _remove(partial)
        kind = SmiledetError if problem.errno in NO_ROOM else UsageError
        raise kind(f"cannot write {path}: {problem.strerror}") from problem
    return path


def _converted(
    network: keras.Model,
    file_format: str,
    precision: str,
    calibration: npt.NDArray[np.uint8] | None,
    batch: int | None,
) -> bytes:
    from smiledet.lab.training.export.quantise import onnx_to_float16, onnx_to_int8, to_litert_int8

    if file_format == "litert":
        return to_litert(network, precision) if calibration is None else to_litert_int8(network, calibration)
    whole = to_onnx(network, batch)
    if precision == "float16":
        return onnx_to_float16(whole)
    return whole if calibration is None else onnx_to_int8(whole, calibration)


def _remove(path: Path) -> None:
    """Remove what an earlier export left; a folder only if it is a SavedModel or an unfinished one."""
    if path.is_dir():
        if path.suffix != ".partial" and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
            raise UsageError(f"{path} is a folder of something else; move it out of the way")
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def export_to_index(
    model: Model,
    network: keras.Model,
    file_format: str,
    precision: str = "float32",
    calibration: npt.NDArray[np.uint8] | None = None,
) -> Model:
    """Write a further file of a model into its models folder and name it in the index, so that it ships.

    Args:
        model: A row of the index.
        network: Its Keras network.
        file_format: `litert` or `onnx`; a SavedModel is a folder, and the index knows of files.
        precision: As in `export`.
        calibration: As in `export`.

    Returns:
        The new row.

    Raises:
        UsageError: See `export`.
    """
    with TemporaryDirectory(prefix="smiledet-export-") as folder:
        path = Path(folder) / file_name(model, file_format, precision)
        return ship_file(model, export(network, path, file_format, precision, calibration), file_format, precision)


def ship_file(model: Model, path: Path, file_format: str, precision: str) -> Model:
    """Copy an exported file of a model into its models folder and name it in the index, for all that share the network.

    Args:
        model: A row of the index.
        path: The file.
        file_format: As in `export_to_index`.
        precision: As in `export`.

    Returns:
        The new row.

    Raises:
        UsageError: The file cannot be written.
    """
    beside = model.files["keras"].path if "keras" in model.files else f"{model.task}/{model.name}"
    relative = (PurePosixPath(beside).parent / file_name(model, file_format, precision)).as_posix()
    place = model.folder / relative
    partial = place.with_name(f".{place.name}.partial")
    try:
        shutil.copyfile(path, partial)
        partial.replace(place)
    except OSError as problem:
        raise UsageError(f"cannot write {place}: {problem.strerror}") from problem
    exported = {file_key(file_format, precision): ModelFile(relative, sha256(place))}
    others = sharing(model.folder, beside)
    for other in others:
        if (other.task, other.name) != (model.task, model.name):
            write_row(replace(other, files={**other.files, **exported}))
    row = replace(model, files={**model.files, **exported})
    write_row(row)
    return row


def calibration_chips(task: Task, recipe: ClassifierRecipe, data_folder: Path) -> npt.NDArray[np.uint8] | None:
    """The faces that a recipe's int8 file is calibrated on; None where it ships none.

    Args:
        task: What the network reads.
        recipe: What it is trained from; the first of its data sets counts.
        data_folder: What the recipe's data paths are relative to.

    Raises:
        UsageError: See `labelled_chips`.
    """
    if recipe.stored != "int8":
        return None
    head = heads_of(recipe, task)[0]
    layout, _, path = head.data[0].partition(":")
    data = f"{layout}:{data_folder / path}"
    return labelled_chips(head.task.name, recipe.input, data, "train", CALIBRATION_CHIPS).chips


def labelled_chips(task: str, spec: ChipSpec, data: str, split: str, limit: int | None = None) -> ChipSet:
    """Faces of a data set as a network takes them.

    Args:
        task: What it reads.
        spec: Its chips.
        data: LAYOUT:PATH.
        split: `train` or `test`, of the data set or as training draws them (`smiledet.lab.training.own_data`);
            everything where that leaves nothing.
        limit: Take so many photographs at most, drawn evenly from all; the same ones each time.

    Raises:
        UsageError: A missing or broken data set, labels of another task, or no face in it.
    """
    labels = get_task(task).labels
    layout, everything = read_samples(data, task)
    samples = one_split(layout.name, everything, split) or everything
    if unknown := {sample.label for sample in samples} - set(labels):
        raise UsageError(f"{data}: the label {min(unknown)!r} is none of the task {task!r}: {', '.join(labels)}")
    if limit is not None and limit < len(samples):
        samples = [samples[row] for row in np.linspace(0, len(samples) - 1, limit).round().astype(int)]
    found = cut_chips(samples, labels, shipped_aligner(), spec)
    if not len(found.chips):
        raise UsageError(f"{data}: no face found in its {len(samples)} photographs")
    return found
