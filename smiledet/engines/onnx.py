"""ONNX Runtime: the engine of newer GPUs (CUDA) where TensorRT is not installed, and of any processor."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, check_chips, in_batches
from smiledet.engines.onnx_files import check_onnx_file
from smiledet.errors import ModelError

log = logging.getLogger(__name__)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

ERRORS_ONLY = 3
"""ONNX Runtime's log severity: it warns of every optimisation that it leaves out."""

PIXELS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class ONNXEngine(Engine):
    """An `.onnx` network, with a fixed or a free batch; `run` releases the GIL.

    CUDA is tried where the installed ONNX Runtime has it. Which provider runs is asked of the session: where CUDA's
    libraries are missing or too old, ONNX Runtime goes over to the processor by itself.
    """

    name: ClassVar[str] = "onnx"
    file_format: ClassVar[str] = "onnx"
    auto_precisions: ClassVar[tuple[str, ...]] = ("float32", "float16")

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.check()
        check_onnx_file(path)
        onnxruntime = import_runtime()
        wanted = [provider for provider in (CUDA, CPU) if provider in onnxruntime.get_available_providers()]
        if CUDA in wanted and hasattr(onnxruntime, "preload_dlls"):  # CUDA as pip installs it; from 1.21 on
            onnxruntime.preload_dlls()
        try:
            # Where there is nothing else to fall back to, it would say so on standard output and try once more.
            session: Any = onnxruntime.InferenceSession(
                str(path), _options(onnxruntime, threads), providers=wanted, enable_fallback=int(CUDA in wanted)
            )
        except Exception as problem:  # its exceptions have no base of their own
            raise ModelError(f"{path} is no ONNX model: {str(problem).splitlines()[0]}") from problem
        self._session: Any = session
        (given,), (result,) = session.get_inputs(), session.get_outputs()
        self._input, self._output = given.name, result.name
        batch, *sides = given.shape
        if given.type not in PIXELS or not all(isinstance(side, int) for side in sides):
            raise ModelError(f"{path} takes {given.type} {given.shape}, expected chips of one size")
        self._type = PIXELS[given.type]
        self._batch = batch if isinstance(batch, int) else None
        self._shape = tuple(sides)
        self._classes = int(result.shape[-1])
        self.device = _device(session.get_providers(), threads)
        if CUDA in wanted and not self.device.startswith("CUDA"):
            log.warning("ONNX Runtime has CUDA, but could not start it here; running on %s", self.device)

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        if find_spec("onnxruntime") is None:
            raise ModelError(
                "the engine onnx needs ONNX Runtime: pip install 'smiledet[onnx]' "
                "(for an NVIDIA GPU: pip install onnxruntime-gpu)"
            )

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`."""
        if self._session is None:
            raise ValueError("the engine is closed")
        check_chips(chips, self._shape)
        scores = np.empty((len(chips), self._classes), np.float32)
        for rows, batch in in_batches(chips.astype(self._type, copy=False), self._batch or max(1, len(chips))):
            (found,) = self._session.run([self._output], {self._input: batch})
            scores[rows] = found[: rows.stop - rows.start]
        return scores

    def close(self) -> None:
        """See `Engine.close`."""
        self._session = None


def import_runtime() -> Any:
    """ONNX Runtime, without its reports to its maker.

    Newer ones (1.31 does) keep a number for the machine in the user's cache and send events home. A program that looks
    at faces sends nothing anywhere that it was not told to.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Its threads would go on asking for work between two faces, on cores that other stages want.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _device(providers: list[str], threads: int) -> str:
    """What runs a session with these providers, the first of them first."""
    if providers[0] == CUDA:
        return "CUDA GPU, ONNX Runtime"
    if providers[0] == CPU:
        return f"CPU, ONNX Runtime, {threads} thread{'s' if threads > 1 else ''}"
    return f"{providers[0].removesuffix('ExecutionProvider')}, ONNX Runtime"


ENGINE = ONNXEngine
