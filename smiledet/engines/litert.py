"""LiteRT (TensorFlow Lite's successor) with XNNPACK: the desktop's engine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.errors import UsageError

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

ANNOUNCEMENT = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
"""What native code writes to stderr when the first network of a process gets its memory; no setting keeps it quiet."""

_first = threading.Lock()
_announced = False


class LiteRTEngine(Engine):
    """A `.tflite` network with a fixed batch of one; `invoke` releases the GIL."""

    name = "litert"

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as problem:
            raise UsageError(f"the litert engine needs the package ai-edge-litert: {problem}") from problem
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            _allocate(self._interpreter)
        except (RuntimeError, ValueError) as problem:
            raise UsageError(f"{path} is no LiteRT model: {str(problem).splitlines()[0]}") from problem
        given, result = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        self._input, self._output = given["index"], result["index"]
        self._shape = tuple(int(side) for side in given["shape"][1:])
        self._classes = int(result["shape"][-1])
        self.device = f"CPU, XNNPACK, {threads} thread{'s' if threads > 1 else ''}"

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`."""
        if chips.shape[1:] != self._shape:
            raise ValueError(f"chips of shape {chips.shape}, expected (n, {', '.join(map(str, self._shape))})")
        scores = np.empty((len(chips), self._classes), np.float32)
        for row, chip in zip(scores, chips.astype(np.float32), strict=True):
            self._interpreter.set_tensor(self._input, chip[None])
            self._interpreter.invoke()
            row[:] = self._interpreter.get_tensor(self._output)[0]
        return scores


def _allocate(interpreter: Interpreter) -> None:
    """Give a network its memory, without a word on stderr."""
    global _announced
    with _first:
        if not _announced:
            with _standard_error_without(ANNOUNCEMENT):
                interpreter.allocate_tensors()
            _announced = True
            return
    interpreter.allocate_tensors()


@contextmanager
def _standard_error_without(line: bytes) -> Iterator[None]:
    """Leave one line out of what is written to stderr; the rest, other threads' too, comes out at the end."""
    if sys.platform != "linux" or sys.__stderr__ is None:  # without a stderr, 2 may be any file
        yield
        return
    kept = os.dup(2)
    with os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            with suppress(OSError):  # nobody reads it any more
                os.write(2, b"".join(each for each in held if each.rstrip() != line))


ENGINE = LiteRTEngine
