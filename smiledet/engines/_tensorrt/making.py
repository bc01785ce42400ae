"""A shipped model's plan for this very board, made ahead of the first run: `smiledet export --to tensorrt`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smiledet.engines._tensorrt.finding import find_tensorrt
from smiledet.engines._tensorrt.plans import plan_of
from smiledet.engines.files import exported_file, file_there
from smiledet.engines.tensorrt import PRECISIONS, TensorRTEngine
from smiledet.errors import ModelError
from smiledet.model_index import Model


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan in the cache.

    Attributes:
        path: Its file.
        network: The ONNX file that it was built from.
        numbers: What it computes in: `float32`, `float16` or `int8`.
        board: What it is good for: 'Orin, TensorRT 10.3.0'.
    """

    path: Path
    network: Path
    numbers: str
    board: str


def check_board(precision: str) -> None:
    """See that a plan can be built here; quick, and before anything else is loaded.

    Raises:
        ModelError: No such precision, no TensorRT or no GPU; the message says what is missing.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"tensorrt cannot compute in {precision}; there are {', '.join(PRECISIONS)}")
    find_tensorrt()


def make_plan(model: Model, precision: str, export: Callable[[Path, str], object], free_batch: bool = False) -> Plan:
    """Build a model's plan, unless the cache has it.

    Args:
        model: A row of the index.
        precision: One of TensorRT's.
        export: Writes the model's ONNX file in a precision; called if no file that will do is there.
        free_batch: Of a file whose batch is free; else of the one that a run would take.

    Raises:
        ModelError: See `check_board`, or TensorRT does not take the network.
        SmiledetError: The building fails midway.
    """
    found = find_tensorrt()
    network = _network(model, TensorRTEngine.file_precisions(precision), export, free_batch)
    TensorRTEngine(network, precision=precision).close()  # a plan that does not load is built anew
    path, numbers = plan_of(network, precision, found)
    return Plan(path, network, numbers, f"{found.facts['gpu']}, TensorRT {found.version}")


def _network(model: Model, will_do: tuple[str, ...], export: Callable[[Path, str], object], free_batch: bool) -> Path:
    """The ONNX file of a model, in the first precision that there is; made in the best one if there is none."""
    for precision in will_do:
        there = file_there(model, "onnx", precision, free_batch)
        if there is not None:
            return there
    path = exported_file(model, "onnx", will_do[0], free_batch)
    export(path, will_do[0])
    return path
