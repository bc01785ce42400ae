"""NVIDIA's TensorRT: the engine of the Jetsons, and of newer GPUs where it is installed.

What of this never ran on hardware: all of it. No board and no GPU was at hand. It was tested against a stand-in for
TensorRT and for CUDA's runtime, whose names and signatures are held against NVIDIA's own bindings of TensorRT 8.6, 10.3
and 11.4; those of 8.2 and 8.5 are after NVIDIA's documentation. The helper ran under Python 3.6 and 3.8 on x86-64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from smiledet.engines._tensorrt import board_python
from smiledet.engines._tensorrt.finding import Found, find_tensorrt
from smiledet.engines._tensorrt.helper import helper_under
from smiledet.engines._tensorrt.plans import plan_of
from smiledet.engines.base import Engine, check_chips
from smiledet.errors import ModelError, SmiledetError, UsageError

PRECISIONS = ("auto", "float32", "float16", "int8")


class _Network(Protocol):
    """A plan that is loaded: `board_python.Network` or `HelperNetwork`."""

    shape: tuple[int, ...]
    classes: int
    rows: int

    def run(self, chips: npt.NDArray[Any], scores: npt.NDArray[np.float32]) -> None: ...

    def close(self) -> None: ...


class TensorRTEngine(Engine):
    """An `.onnx` network, built into a plan for this very board the first time that it is loaded.

    Below TensorRT 11 a float32 file can be run in half precision, and is, where the GPU is fast in it. From 11 on the
    file decides. Full int8 needs a file with Q/DQ nodes on any.

    A file with a fixed batch is run so many chips at a time. Of one that leaves it free (`smiledet export --batch any`)
    the plan has several profiles, and chips that come together are run together (`board_python.PROFILES`).

    Where this Python cannot import TensorRT, a helper process under the board's runs the plan, one for all networks.

    Args:
        path: The network.
        threads: Of no use here: the GPU runs it.
        precision: `float32`, `float16`, `int8`, or `auto` for the fastest that the file allows without loss to speak
            of.

    Raises:
        ModelError: There is no TensorRT or no GPU, or they do not take the network.
        SmiledetError: The building fails midway.
    """

    name: ClassVar[str] = "tensorrt"
    file_format: ClassVar[str] = "onnx"

    def __init__(self, path: Path, threads: int = 1, precision: str = "auto") -> None:  # noqa: ARG002
        if precision not in PRECISIONS:
            raise ModelError(f"tensorrt cannot compute in {precision}; there are {', '.join(PRECISIONS)}")
        found = find_tensorrt()
        plan, numbers = plan_of(path, precision, found)
        try:
            network = _load(plan, found)
        except (
            board_python.Refused
        ):  # whole, and yet no good: of a TensorRT that was changed under the same version, say
            plan.unlink(missing_ok=True)
            plan, numbers = plan_of(path, precision, found)
            try:
                network = _load(plan, found)
            except board_python.Refused as refusal:
                raise ModelError(f"{path}: {refusal}") from refusal
        self._network: _Network | None = network
        self._shape = tuple(network.shape)
        self.device = _device(found, numbers)

    @classmethod
    def load(cls, path: Path, threads: int, precision: str) -> TensorRTEngine:
        """See `Engine.load`."""
        return cls(path, threads, precision)

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        find_tensorrt()

    @classmethod
    def file_precisions(cls, wanted: str) -> tuple[str, ...]:
        """See `Engine.file_precisions`."""
        if wanted not in ("auto", "float16"):
            return (wanted,)
        try:
            half_first = find_tensorrt().strongly_typed
        except UsageError:  # it will be said when the network is loaded
            half_first = False
        return ("float16", "float32") if half_first else ("float32", "float16")

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`.

        Raises:
            SmiledetError: The GPU fails, or the helper is lost again and again.
        """
        if self._network is None:
            raise ValueError("the engine is closed")
        check_chips(chips, self._shape)
        scores = np.empty((len(chips), self._network.classes), np.float32)
        for start in range(0, len(chips), self._network.rows):
            rows = slice(start, start + self._network.rows)
            try:
                self._network.run(chips[rows], scores[rows])
            except board_python.Refused as refusal:
                raise SmiledetError(str(refusal)) from refusal
        return scores

    def close(self) -> None:
        """See `Engine.close`."""
        if self._network is not None:
            self._network.close()
            self._network = None


def _load(plan: Path, found: Found) -> _Network:
    if found.python is not None:
        return helper_under(found.python).load(plan)
    return board_python.Network(board_python.read_plan(str(plan))[1])


def _device(found: Found, numbers: str) -> str:
    """What runs it, in words."""
    gpu = str(found.facts["gpu"])
    maker = "" if gpu.startswith(("NVIDIA", "Tesla")) else "NVIDIA "
    helper = f", in a helper under {found.python}" if found.python else ""
    return f"{maker}{gpu}, TensorRT {found.version}, {numbers}{helper}"


ENGINE = TensorRTEngine
