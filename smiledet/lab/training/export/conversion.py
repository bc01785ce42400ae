"""A Keras network as the bytes of a LiteRT or ONNX file, or as a SavedModel folder.

Numbers of the network are kept as they are, or stored smaller; what has to see faces first is in
`smiledet.lab.training.export.quantise`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras

from smiledet.errors import UsageError
from smiledet.system.standard_streams import standard_error_without

OPSET = 13
"""Every TensorRT from 8.2 to 11 and OpenCV from 4.5 on read it, and it is the first with quantisation by channel."""

TENSORFLOW_TALK = (
    b"W0000 ",
    b"I0000 ",
    b"WARNING: All log messages before absl",
    b"fully_quantize: ",
    b"INFO: Created TensorFlow Lite XNNPACK delegate",
)
"""What the converters' native code says of its progress."""


def litert_converter(network: keras.Model, batch: int = 1) -> Any:
    """TensorFlow's converter, given the network with a fixed batch."""
    import tensorflow as tf  # only the converters need it; training itself may run on another backend

    return tf.lite.TFLiteConverter.from_concrete_functions([frozen(network, batch)], tf.Module())


def frozen(network: keras.Model, batch: int | None) -> Any:
    """The network as a TensorFlow graph without variables, from `pixels` (batch, height, width, channels) to a list.

    The list holds the class probabilities. What is left are constants and the operations that TensorFlow has always
    had.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[_pixels(network, batch)])  # type: ignore[untyped-decorator]
    def classify(pixels: Any) -> Any:
        return network(pixels, training=False)

    with quiet():
        return convert_variables_to_constants_v2(classify.get_concrete_function())


def _pixels(network: keras.Model, batch: int | None) -> Any:
    import tensorflow as tf

    return tf.TensorSpec((batch, *network.input_shape[1:]), tf.float32, name="pixels")


def to_litert(network: keras.Model, precision: str = "float32") -> bytes:
    """The network as a LiteRT model with a batch of one.

    Args:
        network: From pixels to class probabilities.
        precision: `float32`; `float16`: weights in half precision, unpacked when it is loaded; `dynamic`: weights as
            int8 with a scale each channel, activations quantised on the fly where a kernel is there for it.
    """
    import tensorflow as tf

    converter = litert_converter(network)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converted(converter)


def converted(converter: Any) -> bytes:
    """Run TensorFlow's converter, without its talk."""
    with quiet():
        model: bytes = converter.convert()
    return model


def to_onnx(network: keras.Model, batch: int | None = 1) -> bytes:
    """The network as a float32 ONNX model, opset 13.

    Args:
        network: From pixels to class probabilities.
        batch: Chips that it takes at once; None for any number.

    Raises:
        UsageError: The packages for it are not installed.
    """
    pixels = keras.InputSpec(shape=(batch, *network.input_shape[1:]), dtype="float32", name="pixels")
    network(keras.ops.zeros((1, *network.input_shape[1:])))  # a loaded network has to have been called once
    with TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "network.onnx"
        try:
            network.export(path, format="onnx", opset_version=OPSET, input_signature=[pixels], verbose=False)
        except ImportError as problem:
            raise UsageError(
                f"exporting to ONNX needs onnx and tf2onnx: pip install 'smiledet[train]' ({problem})"
            ) from (problem)
        return path.read_bytes()


def to_savedmodel(network: keras.Model, folder: Path) -> None:
    """Write the network as a SavedModel with any batch, its weights as constants.

    There are no variables, no Keras objects and no checkpoint in it, so that TensorFlow 2.14 can load it.

    Args:
        network: From pixels to class probabilities.
        folder: Written; must not be there yet.
    """
    import tensorflow as tf

    graph = frozen(network, None)

    @tf.function(input_signature=[_pixels(network, None)])  # type: ignore[untyped-decorator]
    def classify(pixels: Any) -> dict[str, Any]:
        (probabilities,) = graph(pixels)
        return {"probabilities": probabilities}

    module = tf.Module()
    module.classify = classify
    with quiet():
        tf.saved_model.save(module, str(folder), signatures={"serving_default": classify})


@contextmanager
def quiet() -> Iterator[None]:
    """Without the converters' talk; their errors are raised, and other warnings come through at the end."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "root")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), standard_error_without(lambda line: line.startswith(TENSORFLOW_TALK)):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
