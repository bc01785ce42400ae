"""OpenVINO: no engine of smiledet, but what the speed of its engines is held against."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, check_chips, engine_class, engine_names, in_batches, load_engine
from smiledet.errors import UsageError

OPENVINO = "openvino"

CONVERTER = "openvino.tools.ovc"


class OpenVINOYardstick(Engine):
    """An `.onnx` network on the processor, one request at a time, in float32, as the engines run it."""

    name: ClassVar[str] = OPENVINO
    file_format: ClassVar[str] = "onnx"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.check()
        openvino = import_openvino()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
        }
        try:
            network = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as problem:
            raise UsageError(f"{path} is no ONNX model for OpenVINO: {str(problem).splitlines()[0]}") from problem
        self._request: Any = network.create_infer_request()
        self._batch, *sides = tuple(network.inputs[0].shape)
        self._shape = tuple(sides)
        self._classes = int(network.outputs[0].shape[-1])
        self.device = f"CPU, OpenVINO, {threads} thread{'s' if threads > 1 else ''}"

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        if find_spec("openvino") is None:
            raise UsageError("timing openvino needs OpenVINO: pip install 'smiledet[bench]'")

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`."""
        if self._request is None:
            raise ValueError("the runner is closed")
        check_chips(chips, self._shape)
        scores = np.empty((len(chips), self._classes), np.float32)
        for rows, batch in in_batches(chips.astype(np.float32, copy=False), self._batch):
            found = self._request.infer({0: batch}, share_inputs=True, share_outputs=True)
            scores[rows] = found[0][: rows.stop - rows.start]
        return scores

    def close(self) -> None:
        """See `Engine.close`."""
        self._request = None


def import_openvino() -> Any:
    """OpenVINO, without its reports to its maker.

    Importing it (2026.4 does) loads its model converter where that is there, which sends an event home as soon as it is
    imported. Nothing here needs the converter; without it OpenVINO goes on.
    """
    sys.modules.setdefault(CONVERTER, None)  # type: ignore[arg-type]
    import openvino

    return openvino


def runner_names() -> list[str]:
    """All that can be timed: the engines, and OpenVINO."""
    return [*engine_names(), OPENVINO]


def runner_class(name: str) -> type[Engine]:
    """An engine or OpenVINO by name.

    Raises:
        UsageError: There is no such.
    """
    if name not in runner_names():
        raise UsageError(f"no engine {name!r}; there are {', '.join(runner_names())}")
    return OpenVINOYardstick if name == OPENVINO else engine_class(name)


def load_runner(name: str, path: Path, threads: int) -> Engine:
    """Load a network into an engine, or into OpenVINO.

    Raises:
        UsageError: See `Engine`.
    """
    return OpenVINOYardstick(path, threads) if name == OPENVINO else load_engine(name, path, threads)
