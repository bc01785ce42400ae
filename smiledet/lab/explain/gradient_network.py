"""A network's gradients as a network of their own, for LiteRT: what `smiledet.engines.gradients` runs.

Forward and backward pass are one graph without TensorFlow's gradient operations, which LiteRT does not have: those of
depthwise convolution and max pooling are written here in operations that it has; the rest of the backward pass is
convolutions, sums and products.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.explain.gradients import (
    Maps,
    grad_cam,
    guided_backpropagation,
    last_features,
    only_head,
    without_softmax,
)
from smiledet.lab.training.export.conversion import converted
from smiledet.system.output_files import write_file

LEAST_AGREEMENT = 0.99
"""Correlation with what Keras computes, from which an exported file will do; its weights are in half precision."""


def to_gradients(network: keras.Model) -> bytes:
    """Grad-CAM and guided back-propagation of a classifier as a LiteRT model, weights in half precision.

    It takes a chip, float32 (1, height, width, channels), and the weight of each output's score, float32 (1, outputs).
    It answers with Grad-CAM, float32 (rows, columns), and guided gradients, float32 (height, width, channels); see
    `smiledet.lab.explain.gradients`.

    Args:
        network: From pixels to class probabilities, of one head or several.

    Raises:
        UsageError: It has no feature maps to explain.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    scores = without_softmax(network)
    inner = keras.Model(scores.inputs, [last_features(scores), scores.outputs[0]])
    pixels = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name="pixels")
    wanted = tf.TensorSpec((1, network.output_shape[-1]), tf.float32, name="wanted")

    @tf.function(input_signature=[pixels, wanted])  # type: ignore[untyped-decorator]
    def gradients(pixels: Any, wanted: Any) -> Any:
        with tf.compat.v1.get_default_graph().gradient_override_map(_OVERRIDDEN):
            features, found = inner(pixels, training=False)
        asked = tf.reduce_sum(found * wanted)
        guided, slope = tf.gradients(asked, [pixels, features])
        weights = tf.reduce_mean(slope, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))[0], guided[0]

    traced = gradients.get_concrete_function()
    for operation in traced.graph.get_operations():
        if "_gradient_op_type" in operation.node_def.attr:
            operation._clear_attr("_gradient_op_type")  # or the converter looks for gradients of the gradients
    concrete = convert_variables_to_constants_v2(traced)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converted(converter)


def export_gradients(network: keras.Model, path: Path) -> None:
    """Write a classifier's gradients; a file of that name is replaced once the new one is whole.

    Raises:
        UsageError: It has no feature maps to explain, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from problem
    write_file(path, to_gradients(network))


def check_gradients(
    path: Any, network: keras.Model, heads: Sequence[Sequence[int]], chips: Maps
) -> tuple[float, float]:
    """Compare an exported file with what Keras computes.

    Args:
        path: The file.
        network: What it was made from.
        heads: The outputs that answer together: a task's; empty for all of the network's.
        chips: Real faces, (n, height, width, channels), pixels 0 … 255.

    Returns:
        The least correlation of a face's Grad-CAM maps, and of its guided gradients.

    Raises:
        SmiledetError: They differ by more than half precision explains.
    """
    from smiledet.engines.gradients import GradientNetwork

    exported = GradientNetwork(path)
    cams, guided = [1.0], [1.0]
    for outputs in heads:
        head, places = only_head(network, tuple(outputs))
        plain, backward = without_softmax(head), without_softmax(head, guided=True)
        names = tuple(outputs) or tuple(range(network.output_shape[-1]))
        for chip in chips:
            for number, output in enumerate(names):
                classes = np.array([places[number] if places else number], np.int64)
                found = exported.explain(chip, exported.one(output))
                cams.append(_correlation(found.cam, grad_cam(plain, chip[None], classes)[0]))
                guided.append(_correlation(found.guided, guided_backpropagation(backward, chip[None], classes)[0]))
    if not (min(cams) >= LEAST_AGREEMENT and min(guided) >= LEAST_AGREEMENT):
        raise SmiledetError(
            f"the exported gradients differ from Keras: least correlation {min(cams):.3f} (Grad-CAM), "
            f"{min(guided):.3f} (guided), allowed is {LEAST_AGREEMENT}"
        )
    return min(cams), min(guided)


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Cosine of two maps; 1 where both are empty."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / length if length else float(not one.any() and not other.any())


@tf.RegisterGradient("SmiledetGuidedReLU")  # type: ignore[untyped-decorator]
def _guided(operation: Any, above: Any) -> Any:
    """Equation 2 of seed `004_*`: only positive gradients pass, where the unit was active."""
    values = operation.inputs[0]
    active = (values > 0) & (above > 0)
    if operation.type == "Relu6":
        active &= values < 6
    return tf.where(active, above, tf.zeros_like(above))


@tf.RegisterGradient("SmiledetDepthwise")  # type: ignore[untyped-decorator]
def _depthwise(operation: Any, above: Any) -> Any:
    """Of the pixels alone: the gradient, spread to the strides, convolved with the kernel turned by half a turn."""
    pixels, kernel = operation.inputs
    sides, strides = kernel.shape[:2], operation.get_attr("strides")[1:3]
    margins = []
    for axis in (0, 1):
        before = _before(operation, pixels, axis, sides[axis], strides[axis])
        spread = (above.shape[1 + axis] - 1) * strides[axis] + 1
        first = sides[axis] - 1 - before
        margins.append((first, pixels.shape[1 + axis] + sides[axis] - 1 - first - spread))
    dense = tf.pad(_spread(above, strides), [(0, 0), *margins, (0, 0)])
    return tf.nn.depthwise_conv2d(dense, tf.reverse(kernel, axis=[0, 1]), (1, 1, 1, 1), "VALID"), None


@tf.RegisterGradient("SmiledetMaxPool")  # type: ignore[untyped-decorator]
def _max_pool(operation: Any, above: Any) -> Any:
    """To the first of a window's pixels that has its maximum.

    Pixels are taken apart by their place within a stride: so every step is on maps of the pooled size.
    """
    (pixels,), (pooled,) = operation.inputs, operation.outputs
    sides, strides = operation.get_attr("ksize")[1:3], operation.get_attr("strides")[1:3]
    size = pooled.shape[1:3]
    steps = [size[axis] + -(-sides[axis] // strides[axis]) - 1 for axis in (0, 1)]
    before = [_before(operation, pixels, axis, sides[axis], strides[axis]) for axis in (0, 1)]
    whole = [steps[axis] * strides[axis] for axis in (0, 1)]
    after = [max(0, whole[axis] - before[axis] - pixels.shape[1 + axis]) for axis in (0, 1)]
    lowest = tf.pad(
        pixels, [(0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)], constant_values=pixels.dtype.min
    )
    parts: dict[tuple[int, int], Any] = {}
    left = above
    for row in range(sides[0]):
        for column in range(sides[1]):
            tap = lowest[
                :,
                row : row + (size[0] - 1) * strides[0] + 1 : strides[0],
                column : column + (size[1] - 1) * strides[1] + 1 : strides[1],
            ]
            here = tf.where(tf.equal(tap, pooled), left, tf.zeros_like(left))
            left = left - here
            down, right = row // strides[0], column // strides[1]
            placed = tf.pad(
                here, [(0, 0), (down, steps[0] - size[0] - down), (right, steps[1] - size[1] - right), (0, 0)]
            )
            place = row % strides[0], column % strides[1]
            parts[place] = placed if place not in parts else parts[place] + placed
    nothing = tf.zeros((1, *steps, pixels.shape[-1]))
    rows = [
        tf.concat([parts.get((row, column), nothing) for column in range(strides[1])], axis=3)
        for row in range(strides[0])
    ]
    lines = tf.concat([tf.reshape(each, (1, steps[0], -1)) for each in rows], axis=2)
    dense = tf.reshape(lines, (1, *whole, pixels.shape[-1]))
    return dense[:, before[0] : before[0] + pixels.shape[1], before[1] : before[1] + pixels.shape[2]]


_OVERRIDDEN = {
    "Relu": "SmiledetGuidedReLU",
    "Relu6": "SmiledetGuidedReLU",
    "DepthwiseConv2dNative": "SmiledetDepthwise",
    "MaxPool": "SmiledetMaxPool",
}


def _before(operation: Any, pixels: Any, axis: int, side: int, stride: int) -> int:
    """Pixels that TensorFlow puts before the first one along an axis."""
    if operation.get_attr("padding") == b"VALID":
        return 0
    length = pixels.shape[1 + axis]
    return int(max(0, (-(-length // stride) - 1) * stride + side - length)) // 2


def _spread(values: Any, strides: Sequence[int]) -> Any:
    """Maps with zeros between their pixels, so that each is a stride from the next."""
    _, height, width, channels = values.shape
    down, right = strides
    if right > 1:
        values = tf.reshape(
            tf.pad(values, [(0, 0), (0, 0), (0, 0), (0, (right - 1) * channels)]), (1, height, -1, channels)
        )
        values = values[:, :, : (width - 1) * right + 1]
    if down > 1:
        across = values.shape[2]
        lines = tf.pad(
            tf.reshape(values, (1, height, across * channels)), [(0, 0), (0, 0), (0, (down - 1) * across * channels)]
        )
        values = tf.reshape(lines, (1, height * down, across, channels))[:, : (height - 1) * down + 1]
    return values
