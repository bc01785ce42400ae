"""Counting a network's work from its graph, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
from keras import layers

FOLDED = (layers.BatchNormalization, layers.Normalization)
"""Layers with weights that an exported network does not have any more: they go into the convolution before them."""

PLAIN = (layers.Dropout,)
"""Layers whose only weights are those of their random numbers."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one picture costs.

    Attributes:
        multiply_adds: Products of a weight and a value that are added up, in convolutions and dense layers. Biases,
            activations, poolings, sums and normalisation count as nothing, as in the papers' own counts.
    """

    multiply_adds: int

    @property
    def flops(self) -> int:
        """Floating-point operations: a multiply-add is two."""
        return 2 * self.multiply_adds


def _pixels(shape: tuple[int | None, ...], layer: keras.layers.Layer) -> int:
    """Positions of a map (batch, height, width, channels), or 1 of a vector (batch, channels)."""
    sides = [side for side in shape[1:-1] if side is not None]
    if len(sides) < len(shape) - 2:
        raise ValueError(f"{layer.name}: its map {shape} has no size; build the network with a height and a width")
    return math.prod(sides)


def _size(weight: keras.Variable) -> int:
    return math.prod(weight.shape)


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Of one layer, for a batch of one.

    Raises:
        TypeError: The layer has weights, and nothing is known of how it uses them.
        ValueError: Its output has no fixed size.
    """
    if not layer.weights or isinstance(layer, (*FOLDED, *PLAIN)):
        return 0
    # Each weight of such a kernel is used once a position of the output (of the input, where the layer enlarges).
    if type(layer) in (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense):
        return _size(layer.kernel) * _pixels(layer.output.shape, layer)
    if type(layer) is layers.SeparableConv2D:
        kernels = _size(layer.depthwise_kernel) + _size(layer.pointwise_kernel)
        return kernels * _pixels(layer.output.shape, layer)
    if type(layer) is layers.Conv2DTranspose:
        return _size(layer.kernel) * _pixels(layer.input.shape, layer)
    raise TypeError(f"{layer.name}: cannot count the work of a {type(layer).__name__}")


def inner_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of the models within it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from inner_layers(layer)
        else:
            yield layer


def count_flops(model: keras.Model) -> Work:
    """Count a network's work for one picture.

    Args:
        model: A built network with a fixed input size.

    Raises:
        TypeError: It has a layer with weights of which nothing is known.
        ValueError: Its input has no fixed size.
    """
    return Work(sum(multiply_adds(layer) for layer in inner_layers(model)))
