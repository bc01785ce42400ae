"""LiteRT (TensorFlow Lite's successor) with XNNPACK: the desktop's engine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, check_chips
from smiledet.errors import ModelError
from smiledet.system.litert import opened

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


class LiteRTEngine(Engine):
    """A `.tflite` network with a fixed batch of one; `invoke` releases the GIL.

    Float32, float16 and dynamic-range files take and give float32. Full int8 files take pixels as integers and give
    integers; each has its scale and zero point in the file (Jacob et al. 2018, equation 1: real = scale (integer -
    zero point)).
    """

    name: ClassVar[str] = "litert"
    file_format: ClassVar[str] = "litert"
    prefers_int8: ClassVar[bool] = True
    auto_precisions: ClassVar[tuple[str, ...]] = ("float32", "float16", "dynamic")

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.check()
        interpreter = open_network(path, threads)
        given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        self._interpreter: Interpreter | None = interpreter
        self._input, self._output = given["index"], result["index"]
        self._shape = tuple(int(side) for side in given["shape"][1:])
        self._classes = int(result["shape"][-1])
        self._input_type, self._given = np.dtype(given["dtype"]), _quantisation(given)
        self._result = _quantisation(result)
        self.device = f"CPU, XNNPACK, {threads} thread{'s' if threads > 1 else ''}"

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        if find_spec("ai_edge_litert") is None:
            raise ModelError("the engine litert needs the package ai-edge-litert, a dependency: reinstall smiledet")

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`."""
        if self._interpreter is None:
            raise ValueError("the engine is closed")
        check_chips(chips, self._shape)
        scores = np.empty((len(chips), self._classes), np.float32)
        for row, chip in zip(scores, self._as_input(chips), strict=True):
            self._interpreter.set_tensor(self._input, chip[None])
            self._interpreter.invoke()
            row[:] = self._interpreter.get_tensor(self._output)[0]
        return scores if self._result is None else _real(scores, *self._result)

    def close(self) -> None:
        """See `Engine.close`."""
        self._interpreter = None

    def _as_input(self, chips: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self._given is None:
            return chips.astype(self._input_type, copy=False)
        scale, zero = self._given
        if chips.dtype == self._input_type and (scale, zero) == (1, 0):
            return chips  # its integers are the pixels themselves
        limits = np.iinfo(self._input_type)
        integers: npt.NDArray[Any] = np.clip(np.rint(chips / scale) + zero, limits.min, limits.max)
        return integers.astype(self._input_type)


def open_network(path: Path, threads: int) -> Interpreter:
    """A network with its memory.

    Raises:
        ModelError: LiteRT cannot be loaded here, or the file is not what it reads.
    """
    try:
        return opened(path, threads)
    except ImportError as problem:  # its wheels can ask for a newer glibc than they say: JetPack 4's is older
        raise ModelError(f"the engine litert cannot be loaded here: {_first_line(problem)}") from problem
    except (OSError, RuntimeError, ValueError) as problem:
        raise ModelError(f"{path} is no LiteRT model: {_first_line(problem)}") from problem


def _quantisation(details: dict[str, Any]) -> tuple[float, int] | None:
    """Scale and zero point of a tensor of integers; None for real numbers."""
    if not np.issubdtype(details["dtype"], np.integer):
        return None
    scale, zero = details["quantization"]
    return float(scale), int(zero)


def _real(integers: npt.NDArray[np.float32], scale: float, zero: int) -> npt.NDArray[np.float32]:
    """Probabilities from the integers of an int8 file; rounded one by one, so that they have to be made to sum to 1."""
    scores = scale * (integers - zero)
    total = scores.sum(axis=1, keepdims=True)  # 1, or as many as a network has heads
    whole: npt.NDArray[np.float32] = (scores * np.maximum(np.rint(total), 1) / total).astype(np.float32)
    return whole


def _first_line(problem: Exception) -> str:
    return (str(problem) or repr(problem)).splitlines()[0]


ENGINE = LiteRTEngine
