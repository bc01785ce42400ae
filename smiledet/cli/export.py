"""Convert a shipped model for an engine, and compare it with the Keras network that it is made from.

Without --output the file goes to where `smiledet run --engine …` looks for it. Full int8 is calibrated on the training
split of --data, and everything is checked on its test split; without --data, on the two portraits of the demo.

Example:
  smiledet export smile/mini-xception --to onnx --check
  smiledet export smile/mini-xception --to litert --precision int8 --data genki4k:../shared/data/genki4k.tar.gz --check
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.training.agreement import Agreement
    from smiledet.zoo import Model

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from smiledet.engines.files import FORMATS, PRECISIONS

    parser.add_argument("model", metavar="TASK/NAME", help="as `smiledet models` lists it")
    parser.add_argument("--to", choices=list(FORMATS), default="litert", help="the format (default: litert)")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="the numbers it is made of (default: float32)"
    )
    parser.add_argument("--data", metavar="LAYOUT:PATH", help="labelled faces to calibrate int8 and to check on")
    parser.add_argument("--check", action="store_true", help="compare with Keras; exit code 1 if it differs too much")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="FOLDER", help="the folder to write to")
    where.add_argument("--ship", action="store_true", help="write into the models folder and its index")


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    from smiledet.engines.files import check_precision, exported_file, file_key, file_name, size_of

    model = _model(arguments.model)
    model.file("keras")  # before Keras is imported, which takes seconds
    check_precision(arguments.to, arguments.precision)
    if arguments.precision == "int8" and arguments.data is None:
        raise UsageError("--precision int8 needs real faces to calibrate on: --data LAYOUT:PATH")
    if arguments.ship and arguments.to == "savedmodel":
        raise UsageError("--ship: a SavedModel is a folder and does not ship; export it on the machine that runs it")
    if arguments.output is not None and not arguments.output.is_dir():
        raise UsageError(f"--output {arguments.output}: no such folder")
    path = (
        exported_file(model, arguments.to, arguments.precision)
        if arguments.output is None
        else arguments.output / file_name(model, arguments.to, arguments.precision)
    )
    from smiledet.training.backend import prepare

    prepare()
    from smiledet.training.export import CALIBRATION_CHIPS, export, export_to_index, labelled_chips, load_network

    network = load_network(model)
    calibration = None
    if arguments.precision == "int8":
        calibration = labelled_chips(model, arguments.data, "train", CALIBRATION_CHIPS).chips
    if arguments.ship:
        shipped = export_to_index(model, network, arguments.to, arguments.precision, calibration)
        path = shipped.folder / shipped.files[file_key(arguments.to, arguments.precision)].path
    else:
        export(network, path, arguments.to, arguments.precision, calibration)
    print(f"wrote {path}, {size_of(path) / 1000:.0f} kB")
    if arguments.check:
        _check(arguments, model, path)
    return 0


def _model(wanted: str) -> Model:
    from smiledet.zoo import find_model

    task, slash, name = wanted.partition("/")
    if not slash:
        raise UsageError(f"{wanted!r}: expected TASK/NAME, smile/mobilenet-025 say")
    return find_model(task, name)


def _check(arguments: argparse.Namespace, model: Model, path: Path) -> None:
    from smiledet.engines.base import engine_class, engine_names
    from smiledet.training.agreement import check, compare, portrait_chips
    from smiledet.training.export import labelled_chips, load_network

    engine_type = next(found for found in map(engine_class, engine_names()) if found.file_format == arguments.to)
    if arguments.data is not None:
        tested = labelled_chips(model, arguments.data, "test")
        chips, classes, what = tested.chips, tested.classes, f"{arguments.data} (test)"
    else:
        assert model.input is not None  # it has a Keras file
        chips, classes, what = portrait_chips(model.input), None, "the demo's portraits"
    engine = engine_type(path)
    found = compare(load_network(model), engine, chips, classes)
    print(f"compared with Keras on {found.chips} faces of {what}, {engine.name} on {engine.device}:")
    for line in describe(found):
        print(f"  {line}")
    check(found, arguments.precision)


def describe(found: Agreement) -> list[str]:
    """A comparison in lines for a person."""
    lines = [
        f"largest difference of a score {found.largest:.2g}, mean {found.mean:.2g}",
        f"same label {found.same:.2%}",
        f"{found.milliseconds:.3f} ms a face",
    ]
    if found.accuracy is not None and found.keras_accuracy is not None:
        points = 100 * (found.accuracy - found.keras_accuracy)
        lines.insert(2, f"accuracy {found.accuracy:.2%} ({points:+.2f} points; Keras {found.keras_accuracy:.2%})")
    return lines
