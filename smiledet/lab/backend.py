"""What has to be settled before Keras or TensorFlow is imported for the first time."""

from __future__ import annotations

import os
from importlib.util import find_spec

from smiledet.errors import UsageError
from smiledet.system.standard_streams import TENSORFLOW_GREETING, standard_error_without


def prepare() -> None:
    """Set the environment that training needs, and import Keras without its backend's greeting.

    Raises:
        UsageError: Keras is not installed.
    """
    if find_spec("keras") is None:
        raise UsageError("training needs Keras and TensorFlow: pip install 'smiledet[train]' (Python 3.11 or newer)")
    # With AVX-512 kernels, oneDNN corrupts memory while training mini-Xception (TensorFlow 2.19 to 2.21 all abort in
    # malloc).
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # the ONNX tools may import it; see smiledet.engines.onnx
    with standard_error_without(TENSORFLOW_GREETING.match):
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")  # where there is none, it says so at its first look
