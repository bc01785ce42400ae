"""Convert a model for an engine, and compare it with the Keras network that it is made from.

Without --output the file goes to where `smiledet run --engine …` looks for it. Full int8 is
calibrated on the training split of --data, and everything is checked on its test split; without
--data, on the two portraits of the demo.

--to tensorrt builds the plan that `smiledet run --engine tensorrt` would build when it first
starts, from the model's ONNX file. It is for this very board, and stays in the user's cache.

An ONNX file takes one face at a time, unless --batch any leaves the number free: TensorRT then
chooses kernels for one face, for a few and for many, and runs the faces of a picture together.
The engines take such a file before any other.

--to gradients writes what `smiledet run --explain` and the gallery's "why?" run: forward pass,
Grad-CAM and guided back-propagation as one network for LiteRT.

Example:
  smiledet export smile/mini-xception --to onnx --check
  smiledet export smile/mini-xception --to litert --precision int8 --data genki4k:genki4k.tar.gz
  smiledet export smile/mobilenet-025 --to tensorrt --check
  smiledet export smile/mobilenet-025 --to onnx --batch any --check
  smiledet export smile/mobilenet-025 --to gradients --check
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from smiledet.cli._arguments import add_models, data_path, files_read, use_models
from smiledet.errors import UsageError
from smiledet.system.text import printable

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    from smiledet.engines.base import Engine
    from smiledet.frame import ChipSpec
    from smiledet.lab.training.export.agreement import Agreement
    from smiledet.model_index import Model

log = logging.getLogger(__name__)

TENSORRT = "tensorrt"
"""The one target that is no file to carry elsewhere."""

ANY = "any"
"""A batch that is free."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from smiledet.engines.files import FORMATS, PRECISIONS

    parser.add_argument("model", metavar="TASK/NAME", help="as `smiledet models` lists it")
    parser.add_argument("--to", choices=[*FORMATS, TENSORRT], default="litert", help="the format (default: litert)")
    parser.add_argument(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="the numbers it is made of (default: float32; of a plan, float16 where the GPU is fast in it)",
    )
    parser.add_argument(
        "--batch", choices=("1", ANY), default="1", help="faces at a time, of ONNX files and plans (default: 1)"
    )
    add_models(parser)
    parser.add_argument("--data", metavar="LAYOUT:PATH", help="labelled faces to calibrate int8 and to check on")
    parser.add_argument("--check", action="store_true", help="compare with Keras; exit code 1 if it differs too much")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="FOLDER", help="the folder to write to")
    where.add_argument("--ship", action="store_true", help="write into the models folder and its index")


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    use_models(arguments)
    model = _model(arguments.model)
    model.file("keras")  # before Keras is imported, which takes seconds
    if arguments.to == TENSORRT:
        _make_plan(arguments, model)
    else:
        from smiledet.engines.files import FORMATS

        usual = FORMATS[arguments.to].precisions[0]
        _write_file(arguments, model, usual if arguments.precision == "auto" else arguments.precision)
    return 0


def _write_file(arguments: argparse.Namespace, model: Model, precision: str) -> None:
    """A file of a format."""
    from smiledet.engines.base import engine_class, engine_names
    from smiledet.engines.files import FORMATS, check_precision, exported_file, file_key, file_name, size_of

    check_precision(arguments.to, precision)
    _check_calibration(arguments)
    free = arguments.batch == ANY
    if free and not FORMATS[arguments.to].batches:
        raise UsageError(
            "--batch is for --to onnx and tensorrt; LiteRT takes one face at a time, a SavedModel any number"
        )
    if free and arguments.ship:
        raise UsageError("--batch any: what ships takes one face at a time; leave --ship out")
    if arguments.ship and arguments.to == "savedmodel":
        raise UsageError("--ship: a SavedModel is a folder and does not ship; export it on the machine that runs it")
    if arguments.output is not None and not arguments.output.is_dir():
        raise UsageError(f"--output {arguments.output}: no such folder")
    name = file_name(model, arguments.to, precision, free)
    if arguments.output is not None:
        from smiledet.model_files import card_path
        from smiledet.system.output_checks import check_outputs

        data = [data_path(arguments.data)] if arguments.data else []
        path = arguments.output / name
        check_outputs({"--output": path, "its card": card_path(path)}, [*data, *files_read(arguments)])
    network, calibration = _network(arguments, model, precision)
    from smiledet.lab.training.export.export import export, ship_file
    from smiledet.model_files import write_card

    with TemporaryDirectory(prefix="smiledet-export-") as elsewhere:
        if arguments.ship:
            path = Path(elsewhere) / name
        elif arguments.output is not None:
            path = arguments.output / name
        else:
            path = exported_file(model, arguments.to, precision, free)
        if arguments.to == "gradients":
            from smiledet.lab.explain.gradient_network import export_gradients

            export_gradients(network, path)
        else:
            export(network, path, arguments.to, precision, calibration, None if free else 1)
        print(f"wrote {name if arguments.ship else printable(path)}, {size_of(path) / 1000:.0f} kB")
        if arguments.output is not None and path.is_file() and arguments.to != "gradients":
            print(f"wrote {printable(write_card(model, path))}, what `--model {model.task}={name}` needs to know of it")
        if arguments.check and arguments.to == "gradients":
            _check_gradients(model, network, path)
        elif arguments.check:
            kind = next(found for found in map(engine_class, engine_names()) if found.file_format == arguments.to)
            _check(arguments, model, kind.load(path, 1, precision), precision)
        if arguments.ship:  # what differs too much never gets here
            shipped = ship_file(model, path, arguments.to, precision)
            print(f"it ships: {printable(shipped.folder / shipped.files[file_key(arguments.to, precision)].path)}")


def _make_plan(arguments: argparse.Namespace, model: Model) -> None:
    """A plan in the cache."""
    _check_calibration(arguments)
    if arguments.ship or arguments.output is not None:
        raise UsageError(
            "--to tensorrt: a plan is good for the board that built it alone, and stays in the user's cache; "
            "leave --ship and --output out"
        )
    from smiledet.engines._tensorrt.making import check_board, make_plan
    from smiledet.engines.tensorrt import TensorRTEngine

    check_board(arguments.precision)
    free = arguments.batch == ANY

    def export_onnx(path: Path, precision: str) -> None:
        network, calibration = _network(arguments, model, precision)
        from smiledet.lab.training.export.export import export

        export(network, path, "onnx", precision, calibration, None if free else 1)

    plan = make_plan(model, arguments.precision, export_onnx, free)
    size = plan.path.stat().st_size / 1000
    print(f"plan {plan.path}, {size:.0f} kB, {plan.numbers}, of {plan.network.name} for {plan.board}")
    if arguments.check:
        _check(arguments, model, TensorRTEngine(plan.network, precision=arguments.precision), plan.numbers)


def _check_calibration(arguments: argparse.Namespace) -> None:
    if arguments.precision == "int8" and arguments.data is None:
        raise UsageError("--precision int8 needs real faces to calibrate on: --data LAYOUT:PATH")


def _network(
    arguments: argparse.Namespace, model: Model, precision: str
) -> tuple[keras.Model, npt.NDArray[np.uint8] | None]:
    """The Keras network, and the faces that int8 is calibrated on."""
    from smiledet.lab.backend import prepare

    prepare()
    from smiledet.lab.training.export.export import CALIBRATION_CHIPS, labelled_chips, load_network

    network = load_network(model)
    if precision != "int8":
        return network, None
    return network, labelled_chips(model.task, _spec(model), arguments.data, "train", CALIBRATION_CHIPS).chips


def _model(wanted: str) -> Model:
    from smiledet.model_index import find_model

    task, slash, name = wanted.partition("/")
    if not slash:
        raise UsageError(f"{wanted!r}: expected TASK/NAME, smile/mobilenet-025 say")
    return find_model(task, name)


def _spec(model: Model) -> ChipSpec:
    """The chips that a model takes."""
    if model.input is None:
        raise UsageError(f"model {model.task}/{model.name} takes no chips")
    return model.input


def _check(arguments: argparse.Namespace, model: Model, engine: Engine, precision: str) -> None:
    """Print how an export compares with Keras.

    Raises:
        SmiledetError: It differs by more than its precision may.
    """
    from smiledet.lab.backend import prepare

    prepare()
    from smiledet.lab.training.export.agreement import check, compare, portrait_chips
    from smiledet.lab.training.export.export import labelled_chips, load_network

    if arguments.data is not None:
        tested = labelled_chips(model.task, _spec(model), arguments.data, "test")
        chips, classes, what = tested.chips, tested.classes, f"{arguments.data} (test)"
    else:
        chips, classes, what = portrait_chips(_spec(model)), None, "the demo's portraits"
    try:
        found = compare(load_network(model), engine, chips, classes, model.outputs)
    finally:
        engine.close()
    print(f"compared with Keras on {found.chips} faces of {what}, {engine.name} on {engine.device}:")
    for line in describe(found):
        print(f"  {line}")
    check(found, precision)


def _check_gradients(model: Model, network: keras.Model, path: Path) -> None:
    """Print how exported gradients compare with Keras'.

    Raises:
        SmiledetError: They differ too much.
    """
    from smiledet.lab.explain.gradient_network import check_gradients
    from smiledet.lab.training.export.agreement import portrait_chips

    chips = portrait_chips(_spec(model), tilts=(0, 8), light=(1.0,)).astype("float32")
    cam, guided = check_gradients(path, network, [model.outputs], chips)
    print(
        f"compared with Keras on {len(chips)} faces of the demo's portraits, every class: "
        f"least correlation {cam:.4f} (Grad-CAM), {guided:.4f} (guided)"
    )


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
