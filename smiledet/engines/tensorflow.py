"""TensorFlow with a SavedModel: the engine of GPUs that only old releases serve; or with a Keras file.

TensorFlow 2.14 is the last whose packages run on compute capability 3.5 (the K40). Nothing here is newer than that.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, check_chips, in_batches
from smiledet.engines.keras_files import check_keras_file
from smiledet.errors import ModelError
from smiledet.system.standard_streams import TENSORFLOW_GREETING, standard_error_without

SIGNATURE = "serving_default"

_first = threading.Lock()


KERAS = "3"
"""The version of Keras whose files are read; TensorFlow 2.14 comes with 2."""


class TensorFlowEngine(Engine):
    """A SavedModel's serving signature, or a Keras file; with a free or a fixed batch. Running it releases the GIL.

    Memory on the GPU grows with use: TensorFlow would take all of it at the first network. How many threads an
    inference may use is one setting for the whole process, and the first network sets it.
    """

    _network: Any
    _run: Any
    _type: Any
    _batch: int | None
    _shape: tuple[int, ...]

    name: ClassVar[str] = "tensorflow"
    file_format: ClassVar[str] = "savedmodel"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.check()
        tf = _imported(threads)
        self._constant = tf.constant
        self.device = _device(tf)
        if path.suffix == ".keras":
            self._load_keras(tf, path)
        else:
            self._load_saved(tf, path)

    def _load_keras(self, tf: Any, path: Path) -> None:
        self._network = network = load_keras(path)
        shape = (None, *network.input_shape[1:])
        run = tf.function(
            lambda chips: {"scores": network(chips, training=False)},
            input_signature=[tf.TensorSpec(shape, tf.float32, name="chips")],
        )
        self._run, self._input, self._output = run, "chips", "scores"
        self._type, self._batch = np.float32, network.input_shape[0]
        self._shape, self._classes = shape[1:], int(network.output_shape[-1])

    def _load_saved(self, tf: Any, path: Path) -> None:
        if not (path / "saved_model.pb").is_file():
            raise ModelError(f"{path} is no SavedModel: expected a folder with saved_model.pb")
        try:
            self._network = tf.saved_model.load(str(path))
            self._run = self._network.signatures[SIGNATURE]
            ((self._input, given),) = self._run.structured_input_signature[1].items()
            ((self._output, result),) = self._run.structured_outputs.items()
        except Exception as problem:  # protobuf's, TensorFlow's and the operating system's, as the damage has it
            what = (str(problem) or repr(problem)).splitlines()[0]
            raise ModelError(f"{path} is no SavedModel of ours: {what}") from problem
        self._type = given.dtype.as_numpy_dtype
        self._batch, *sides = given.shape
        self._shape = tuple(sides)
        self._classes = int(result.shape[-1])

    @classmethod
    def check(cls) -> None:
        """See `Engine.check`."""
        if find_spec("tensorflow") is None:
            raise ModelError("the engine tensorflow needs TensorFlow: pip install 'smiledet[tensorflow]'")

    @classmethod
    def reads_keras(cls) -> bool:
        """See `Engine.reads_keras`."""
        try:
            return version("keras").partition(".")[0] == KERAS
        except PackageNotFoundError:
            return False

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


def load_keras(path: Path) -> Any:
    """A Keras file's network; code in the file is never run.

    Raises:
        ModelError: TensorFlow or Keras 3 is missing, or the file is damaged or made of other than Keras' own layers.
    """
    if not TensorFlowEngine.reads_keras() or find_spec("tensorflow") is None:
        raise ModelError(f"{path} needs TensorFlow with Keras 3: pip install 'smiledet[tensorflow]'")
    check_keras_file(path)
    _imported(1)
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as problem:  # whatever Keras, h5py and the layers say of it
        what = (str(problem).strip() or repr(problem)).splitlines()[0]
        raise ModelError(f"{path} is no network that Keras can load: {what}") from problem
    if not isinstance(network.input_shape, tuple) or not isinstance(network.output_shape, tuple):
        raise ModelError(f"{path} has several inputs or outputs, expected one of each")
    return network


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
