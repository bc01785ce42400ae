"""Opening a LiteRT network, without a word on stderr and without AMX."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.system.amx import without_amx
from smiledet.system.standard_streams import TENSORFLOW_GREETING, standard_error_without

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

ANNOUNCEMENT = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
"""What native code writes to stderr when the first network of a process gets its memory; no setting keeps it quiet."""

_first = threading.Lock()
_announced = False


def _announces(line: bytes) -> bool:
    return line.rstrip() == ANNOUNCEMENT or TENSORFLOW_GREETING.match(line) is not None


def opened(path: Path, threads: int) -> Interpreter:
    """A network with its memory, without a word on stderr.

    The first one of a process decides for all which kernels there are: those without AMX.
    """
    global _announced
    with _first:
        if not _announced:
            with standard_error_without(_announces), without_amx():
                from ai_edge_litert.interpreter import Interpreter  # LiteRT up to 2.0 greets as TensorFlow does

                first = Interpreter(model_path=str(path), num_threads=threads)
                first.allocate_tensors()
            _announced = True
            return first
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter
