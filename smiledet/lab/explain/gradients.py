"""Guided back-propagation and Grad-CAM of a Keras classifier, under TensorFlow.

Both ask what raises a class' score before the softmax: behind it the classes' gradients cancel each other, and those of
a sure answer vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from smiledet.errors import UsageError
from smiledet.lab.networks.parts import TWO_LABELS

Maps = npt.NDArray[np.float32]


class GuidedReLU(keras.layers.Layer):  # type: ignore[misc]
    """A ReLU through which only positive gradients pass back.

    Seed `004_*`, equation 2: R(l) = (R(l+1) > 0) * R(l+1), where the unit itself was active (Springenberg et al.,
    Striving for simplicity, 2015).

    Args:
        max_value: Where the activation saturates (6 in MobileNet); None for nowhere.
    """

    def __init__(self, max_value: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value = max_value

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The activation, with its own gradient."""
        return guided_relu(inputs, self.max_value)

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer.get_config`."""
        return {**super().get_config(), "max_value": self.max_value}


class Identity(keras.layers.Layer):  # type: ignore[misc]
    """In a softmax's place, called as it is called."""

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:  # noqa: ARG002
        """What goes in."""
        return inputs


def guided_relu(values: tf.Tensor, max_value: float | None = None) -> tf.Tensor:
    """`min(max(values, 0), max_value)`, with equation 2 for a gradient."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def guided(inputs: tf.Tensor) -> tuple[tf.Tensor, Any]:
        limit = np.inf if max_value is None else max_value

        def gradient(above: tf.Tensor) -> tf.Tensor:
            active = (inputs > 0) & (inputs < limit)
            return tf.where(active & (above > 0), above, tf.zeros_like(above))

        return tf.clip_by_value(inputs, 0.0, limit), gradient

    return guided(values)


def only_head(network: keras.Model, outputs: Sequence[int]) -> tuple[keras.Model, tuple[int, ...]]:
    """A network that reads several tasks without the heads of the others.

    Args:
        network: A classifier; one that reads a single task is returned as it is.
        outputs: Which of its outputs are meant, of one head; empty for all.

    Returns:
        The network up to that head, and where the outputs stand there. One that ends in a sigmoid unit up to that unit.
    """
    last = network.layers[-1]
    if last.name == TWO_LABELS:
        return keras.Model(network.input, last.input), ()
    if not outputs or not isinstance(last, keras.layers.Concatenate):
        return network, tuple(outputs)
    start = 0
    for head in last.input:
        if outputs[0] < start + head.shape[-1]:
            return keras.Model(network.input, head), tuple(place - start for place in outputs)
        start += head.shape[-1]
    raise ValueError(f"no head has the outputs {outputs}")


def without_softmax(network: keras.Model, guided: bool = False) -> keras.Model:
    """The same network, same weights, up to the scores before its softmax (or sigmoid).

    Args:
        network: A classifier of one input, with one head or several. A head that is neither a softmax nor a sigmoid is
            left as it is.
        guided: Replace every ReLU's gradient by equation 2's; other activations keep theirs.

    Raises:
        UsageError: Keras does not run under TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UsageError(f"explaining needs Keras' TensorFlow backend, not {keras.backend.backend()}: KERAS_BACKEND")
    last = {layer.name for layer in _last_layers(network)}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in last and isinstance(layer, keras.layers.Softmax):
            return Identity(name=layer.name)
        if layer.name in last and config.get("activation") in ("softmax", "sigmoid"):
            return type(layer).from_config({**config, "activation": "linear"})
        if guided and isinstance(layer, keras.layers.ReLU) and not config["negative_slope"] and not config["threshold"]:
            return GuidedReLU(config["max_value"], name=layer.name)
        copied = type(layer).from_config(config)
        if guided and config.get("activation") in ("relu", "relu6"):
            limit = 6.0 if config["activation"] == "relu6" else None
            copied.activation = lambda values: guided_relu(values, limit)
        return copied

    copied = keras.models.clone_model(network, clone_function=copy, recursive=True)
    copied.set_weights(network.get_weights())
    return copied


def class_scores(scores: tf.Tensor, classes: npt.NDArray[np.int64]) -> tf.Tensor:
    """Each row's score of its class; a single output speaks for class 1, and its negative for class 0."""
    if scores.shape[-1] == 1:
        return scores[:, 0] * tf.constant(np.where(classes == 1, 1.0, -1.0), scores.dtype)
    return tf.gather(scores, tf.constant(classes), batch_dims=1)


def guided_backpropagation(guided: keras.Model, chips: Maps, classes: npt.NDArray[np.int64]) -> Maps:
    """The pixels that raise a class' score, seed `004_*` section III.

    The selected neuron is the class' score. In a network that ends in a map a class and their mean (mini-Xception) that
    is the gradient of the whole map, as in the seed's published program.

    Args:
        guided: From `without_softmax(network, guided=True)`.
        chips: float32 (n, height, width, channels), pixels 0 … 255.
        classes: int64 (n,), whose score is asked for.

    Returns:
        float32, the chips' shape; signed.
    """
    pixels = tf.constant(chips)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        scores = class_scores(guided(pixels, training=False), classes)
    return np.asarray(tape.gradient(scores, pixels), np.float32)


def last_convolution(network: keras.Model) -> Any:
    """The map (batch, height, width, channels) that the last convolution makes; in mini-Xception a map a class.

    Raises:
        UsageError: The network has no convolution.
    """
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    maps = [layer.output for layer in network.layers if isinstance(layer, convolutions) and _has_one_output(layer)]
    if not maps:
        raise UsageError(f"the network {network.name} has no convolution to explain")
    return maps[-1]


def strongest_neuron(guided: keras.Model, chips: Maps) -> Maps:
    """The pixels that raise the most active neuron of the last convolution, seed `004_*` section IV and figure 8.

    "The selected neuron was always selected in accordance to the highest activation."

    Args:
        guided: From `without_softmax(network, guided=True)`.
        chips: float32 (n, height, width, channels), pixels 0 … 255.

    Returns:
        float32, the chips' shape; signed.
    """
    inner = keras.Model(guided.inputs, last_convolution(guided))
    pixels = tf.constant(chips)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        maps = inner(pixels, training=False)
        highest = tf.reduce_max(tf.reshape(maps, (maps.shape[0], -1)), axis=1)
    return np.asarray(tape.gradient(highest, pixels), np.float32)


def last_features(network: keras.Model) -> Any:
    """The last map (batch, height, width, channels) from which the head reads.

    In a network that ends in a map a class, these are the features before: the class' own map would be all that there
    is to weigh.

    Raises:
        UsageError: The network has no maps.
    """
    classes = {layer.output.shape[-1] for layer in _last_layers(network)}
    shapes = [(layer.output, tuple(layer.output.shape)) for layer in network.layers if _has_one_output(layer)]
    maps = [output for output, shape in shapes if len(shape) == 4 and shape[-1] not in {*classes, 1}]
    spread = [output for output in maps if output.shape[1] != 1 or output.shape[2] != 1]
    if not spread:
        raise UsageError(f"the network {network.name} has no feature maps to explain")
    return spread[-1]


def grad_cam(network: keras.Model, chips: Maps, classes: npt.NDArray[np.int64]) -> Maps:
    """Where the evidence for a class lies: Selvaraju et al., Grad-CAM, 2017.

    The maps of the last features are weighted by the mean gradient of the class' score, summed, and what speaks against
    the class is cut off.

    Args:
        network: From `without_softmax(network)`.
        chips: float32 (n, height, width, channels), pixels 0 … 255.
        classes: int64 (n,), whose score is asked for.

    Returns:
        float32 (n, rows, columns) of the feature maps, 0 and up.
    """
    inner = keras.Model(network.inputs, [last_features(network), network.outputs[0]])
    pixels = tf.constant(chips)
    with tf.GradientTape() as tape:
        tape.watch(pixels)  # or a frozen network would leave no trace
        features, scores = inner(pixels, training=False)
        chosen = class_scores(scores, classes)
    gradients = tape.gradient(chosen, features)
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)), np.float32)


def _last_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """The layers that answer: one a head."""
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Concatenate):
        return [last]
    return [tensor._keras_history.operation for tensor in last.input]


def _has_one_output(layer: keras.layers.Layer) -> bool:
    try:
        return hasattr(layer.output, "shape")
    except (AttributeError, ValueError):  # never called, or called more than once
        return False
