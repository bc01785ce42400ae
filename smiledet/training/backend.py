"""What has to be settled before Keras or TensorFlow is imported for the first time."""

from __future__ import annotations

import os
from importlib.util import find_spec

from smiledet.errors import UsageError


def prepare() -> None:
    """Set the environment that training needs.

    Raises:
        UsageError: Keras is not installed.
    """
    if find_spec("keras") is None:
        raise UsageError("training needs Keras and TensorFlow: pip install 'smiledet[train]' (Python 3.11 or newer)")
    # With AVX-512 kernels, oneDNN corrupts memory while training mini-Xception (TensorFlow 2.19 to 2.21 all abort in
    # malloc).
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
