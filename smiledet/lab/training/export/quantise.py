"""Smaller numbers for the networks that ship: half precision for ONNX, and full int8 after real faces.

Full int8 is Jacob et al. (2018): weights with a scale each channel, activations with one range each tensor, found by
running the float32 network over calibration chips. Those come from a training split, never from what is measured on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from smiledet.engines.onnx import import_runtime
from smiledet.errors import UsageError
from smiledet.lab.training.export.conversion import converted, litert_converter, quiet

Chips = npt.NDArray[np.uint8]
"""(n, height, width, channels), pixels 0 … 255."""


MAX_ERROR = 1.0
"""Error of a layer's answers, in steps of its integers, above which integers are too coarse. Rounding alone is 0.29."""

NOT_INHERITED = "MEAN", "SOFTMAX", "LOGISTIC"
"""What comes last, by TensorFlow's names: no layer inherits its errors, and to keep it in float32 all would have to be.
After few faces the mean of a map spans so little that its integers' steps are finer than the map's own."""

MEASURED_CHIPS = 10
"""Faces that layers' errors are measured on."""


def to_litert_int8(network: keras.Model, chips: Chips, real_answers: bool = False) -> bytes:
    """The network as a LiteRT model of integers throughout, uint8 pixels in and uint8 probabilities out.

    Where integers are too coarse for some layers, all up to the last of those, pixels and answers stay float32: it is
    the first layers of a MobileNet, few channels on large maps, whose errors all the others inherit.

    Args:
        network: From pixels to class probabilities.
        chips: To calibrate on.
        real_answers: Its answers are no probabilities: they come out as float32.
    """
    import tensorflow as tf

    seen = full_range(chips)
    with quiet():
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=_calibrating(network, seen),
            debug_dataset=lambda: ([chip[None]] for chip in seen[:MEASURED_CHIPS]),
        )
        if coarse := coarse_layers(layer_errors(debugger)):
            debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=coarse)
            mixed: bytes = debugger.get_nondebug_quantized_model()
            return mixed
    converter = _calibrating(network, seen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32 if real_answers else tf.uint8
    return converted(converter)


def _calibrating(network: keras.Model, seen: Iterable[npt.NDArray[np.float32]]) -> Any:
    """TensorFlow's converter to integers, their ranges those of some chips."""
    import tensorflow as tf

    converter = litert_converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([chip[None]] for chip in seen)
    return converter


def to_litert_partly_int8(
    network: keras.Model, pictures: Sequence[npt.NDArray[np.float32]], integers: Callable[[str], bool]
) -> bytes:
    """The network as a LiteRT model of which some layers are integers; what goes in and comes out stays float32.

    Args:
        network: With names of its own for its layers.
        pictures: To calibrate on, each as the network takes it, without the batch.
        integers: Whether a layer is to be integers, by its name.
    """
    import tensorflow as tf

    with quiet():
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=_calibrating(network, pictures), debug_dataset=lambda: ([each[None]] for each in pictures[:1])
        )
        real = [name for name in layer_errors(debugger) if not integers(layer_of(name))]
        debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=real)
        mixed: bytes = debugger.get_nondebug_quantized_model()
    return mixed


def layer_of(tensor: str) -> str:
    """The Keras layer whose answer is a tensor of TensorFlow's graph; of several, fused into one, the last.

    >>> layer_of("functional_1/eighth_positive_1/Relu;functional_1/eighth_norm_1/add;functional_1/eighth_1/convolution")
    'eighth_positive_1'
    """
    parts = tensor.partition(";")[0].split("/")
    return parts[1] if len(parts) > 1 else tensor


def layer_errors(debugger: Any) -> dict[str, float]:
    """How far each layer's integers are from what it would answer to the same input in float32.

    Args:
        debugger: TensorFlow's `QuantizationDebugger`.

    Returns:
        Root mean square error of the layer's answers in steps of its integers, by the name of what it answers, first
        layer first; but for `NOT_INHERITED`.
    """
    debugger.run()
    table = StringIO()
    debugger.layer_statistics_dump(table)
    return {
        row["tensor_name"]: float(row["mean_squared_error"]) ** 0.5 / float(row["scale"])
        for row in csv.DictReader(table.getvalue().splitlines())
        if row["op_name"] not in NOT_INHERITED
    }


def coarse_layers(errors: Mapping[str, float], limit: float = MAX_ERROR) -> list[str]:
    """The layers up to the last one whose error is above the limit.

    >>> coarse_layers({"first": 0.3, "second": 2.9, "third": 1.1, "fourth": 0.4})
    ['first', 'second', 'third']
    """
    names = list(errors)
    return names[: max((number for number, name in enumerate(names, 1) if errors[name] > limit), default=0)]


def full_range(chips: Chips) -> npt.NDArray[np.float32]:
    """Calibration chips that span 0 … 255 for certain, so that the network's integers are the pixels themselves."""
    seen = chips.astype(np.float32)
    seen[0, 0, :2, 0] = (0, 255)
    return seen


def onnx_to_float16(model: bytes) -> bytes:
    """An ONNX network with weights and sums in half precision; pixels and probabilities stay float32.

    Raises:
        UsageError: ONNX Runtime, which does it, is not installed.
    """
    with _onnxruntime_tools():
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        halved: bytes = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=True).SerializeToString()
    return halved


def onnx_to_int8(model: bytes, chips: Chips) -> bytes:
    """An ONNX network with Q/DQ nodes about what TensorRT runs in int8.

    Weights by channel, activations by tensor, and all zero points 0: TensorRT takes no others ("Working with Quantized
    Types", explicit quantisation). ONNX Runtime reads it as well.

    Args:
        model: A float32 network with a fixed batch or a free one.
        chips: To calibrate on.

    Raises:
        UsageError: ONNX Runtime, which does it, is not installed.
    """
    with _onnxruntime_tools(), TemporaryDirectory() as folder:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        given = onnx.load_from_string(model).graph.input[0]
        batch = given.type.tensor_type.shape.dim[0].dim_value or 1  # 0: it is free
        whole, prepared, written = (Path(folder) / f"{name}.onnx" for name in ("whole", "prepared", "int8"))
        whole.write_bytes(model)
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            prepared,
            written,
            _Calibration(given.name, full_range(chips), batch),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
        )
        return written.read_bytes()


class _Calibration:
    """Batches of chips as ONNX Runtime's calibrators ask for them (`CalibrationDataReader`)."""

    def __init__(self, name: str, chips: npt.NDArray[np.float32], batch: int) -> None:
        self._name = name
        self._batches: Iterator[npt.NDArray[np.float32]] = (
            chips[start : start + batch] for start in range(0, len(chips) - batch + 1, batch)
        )

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


@contextmanager
def _onnxruntime_tools() -> Iterator[None]:
    """ONNX Runtime, quiet; says on one line what is missing."""
    try:
        import_runtime()
        with quiet():
            yield
    except ImportError as problem:
        raise UsageError(
            f"half precision and int8 ONNX files need onnx and onnxruntime: pip install 'smiledet[train]' ({problem})"
        ) from problem
