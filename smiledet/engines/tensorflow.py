"""TensorFlow with a SavedModel: the engine of GPUs that only old releases serve.

TensorFlow 2.14 is the last whose packages run on compute capability 3.5 (the K40). Nothing here is newer than that.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, check_chips, in_batches
from smiledet.errors import ModelError
from smiledet.system.standard_streams import TENSORFLOW_GREETING, standard_error_without

SIGNATURE = "serving_default"

_first = threading.Lock()


class TensorFlowEngine(Engine):
    """A SavedModel's serving signature, with a free or a fixed batch; running it releases the GIL.

    Memory on the GPU grows with use: TensorFlow would take all of it at the first network. How many threads an
    inference may use is one setting for the whole process, and the first network sets it.
    """

    name: ClassVar[str] = "tensorflow"
    file_format: ClassVar[str] = "savedmodel"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.check()
        tf = _imported(threads)
        if not (path / "saved_model.pb").is_file():
            raise ModelError(f"{path} is no SavedModel: expected a folder with saved_model.pb")
        try:
            self._network: Any = tf.saved_model.load(str(path))
            self._run: Any = self._network.signatures[SIGNATURE]
            ((self._input, given),) = self._run.structured_input_signature[1].items()
            ((self._output, result),) = self._run.structured_outputs.items()
        except Exception as problem:  # protobuf's, TensorFlow's and the operating system's, as the damage has it
            what = (str(problem) or repr(problem)).splitlines()[0]
            raise ModelError(f"{path} is no SavedModel of ours: {what}") from problem
        self._type = given.dtype.as_numpy_dtype
        self._batch, *sides = given.shape
        self._shape = tuple(sides)
        self._classes = int(result.shape[-1])
        self._constant = tf.constant
        self.device = _device(tf)

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        if find_spec("tensorflow") is None:
            raise ModelError("the engine tensorflow needs TensorFlow: pip install 'smiledet[tensorflow]'")

    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """See `Engine.predict`."""
        if self._run is None:
            raise ValueError("the engine is closed")
        check_chips(chips, self._shape)
        scores = np.empty((len(chips), self._classes), np.float32)
        for rows, batch in in_batches(chips.astype(self._type, copy=False), self._batch or max(1, len(chips))):
            found = self._run(**{self._input: self._constant(batch)})[self._output]
            scores[rows] = found.numpy()[: rows.stop - rows.start]
        return scores

    def close(self) -> None:
        """See `Engine.close`."""
        self._network = self._run = None


def _imported(threads: int) -> Any:
    """TensorFlow, set up for this process: quiet, with growing memory and so many threads."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _first, standard_error_without(TENSORFLOW_GREETING.match):
        import tensorflow as tf

        # RuntimeError: another network runs already, and these are settled.
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            with suppress(RuntimeError):
                tf.config.experimental.set_memory_growth(gpu, True)
    return tf


def _device(tf: Any) -> str:
    """What TensorFlow runs on here."""
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        return f"{details.get('device_name', 'GPU')}, TensorFlow {tf.__version__}"
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    how_many = f"{threads} thread{'s' if threads > 1 else ''}" if threads else "all cores"
    return f"CPU, TensorFlow {tf.__version__}, {how_many}"


ENGINE = TensorFlowEngine
