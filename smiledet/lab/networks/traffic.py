"""Counting what a network moves through memory for one picture, if every layer's maps go there and back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import keras
from keras import layers

from smiledet.lab.networks.flops import FOLDED, PLAIN, inner_layers

FUSED = (
    *FOLDED,
    *PLAIN,
    layers.InputLayer,
    layers.Rescaling,
    layers.Activation,
    layers.ReLU,
    layers.Softmax,
    layers.Flatten,
    layers.Reshape,
    layers.ZeroPadding2D,
)
"""Layers that an engine runs within the one before or after them, or that only give a map another name."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one picture moves, in numbers of whatever width.

    Attributes:
        weights: Each of them once.
        activations: Every map, once for each layer that writes or reads it.
        steps: Layers that are run one after the other.
    """

    weights: int
    activations: int
    steps: int

    def bytes(self, width: int) -> int:
        """All of it, in bytes, for numbers of so many bytes."""
        return width * (self.weights + self.activations)


def count_traffic(model: keras.Model) -> Traffic:
    """Count a network's traffic for one picture.

    Args:
        model: A built network with a fixed input size.

    Raises:
        ValueError: Its input has no fixed size.
    """
    run = [layer for layer in inner_layers(model) if not isinstance(layer, FUSED)]
    separable = [layer for layer in run if type(layer) is layers.SeparableConv2D]
    between = sum(_between(layer) for layer in separable)
    maps = sum(_numbers(keras.tree.flatten(layer.input)) + _numbers([layer.output]) for layer in run)
    # A separable convolution is two steps: the first one's maps are written and read again.
    return Traffic(model.count_params(), maps + 2 * between, len(run) + len(separable))


def _between(layer: layers.SeparableConv2D) -> int:
    """Numbers in the maps between a separable convolution's two steps, of (…, channels, multiplier) kernels."""
    positions = _numbers([layer.output]) // layer.filters
    channels, multiplier = layer.depthwise_kernel.shape[-2:]
    return int(positions * channels * multiplier)


def _numbers(maps: Iterable[keras.KerasTensor]) -> int:
    """Numbers in some maps of one picture."""
    total = 0
    for each in maps:
        sides = each.shape[1:]
        if None in sides:
            raise ValueError(f"a map of {each.shape} has no size; build the network with a height and a width")
        total += math.prod(sides)
    return total
