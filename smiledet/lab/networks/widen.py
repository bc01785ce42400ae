"""The function of a narrow network in a wider one of the same layers: Net2WiderNet (Chen, Goodfellow and Shlens, 2016).

A wider layer's further channels are copies of the narrow one's, and whatever reads a channel that has copies shares its
weights out among them, so that the wider network answers as the narrow one does. It then has room to learn more.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

Weights = list[npt.NDArray[np.float32]]
Channels = npt.NDArray[np.intp]
"""Which channel of the narrow layer each channel of the wide one is."""

UNEVEN = 0.6
"""How far shares may lie apart: copies that are read alike would learn alike and stay copies for ever."""


def is_wider(wide: keras.Model, narrow: keras.Model) -> bool:
    """Whether two networks have the same kinds of layers in one chain, some of them wider, none narrower."""
    if [type(layer) for layer in wide.layers] != [type(layer) for layer in narrow.layers]:
        return False
    bodies = list(zip(_shapes(wide), _shapes(narrow), strict=True))[:-1]  # the head is as wide as there are classes
    return any(ours != theirs for ours, theirs in bodies) and all(
        len(mine) == len(its) and all(a >= b for a, b in zip(mine, its, strict=True))
        for ours, theirs in bodies
        for mine, its in zip(ours, theirs, strict=True)
    )


def _shapes(network: keras.Model) -> list[list[tuple[int, ...]]]:
    shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in network.layers]
    return [each for each in shapes if each]


def widen(wide: keras.Model, narrow: keras.Model, seed: int = 0) -> None:
    """Put a narrow network's function into a wider one.

    Args:
        wide: Changed in place; a chain of layers (MobileNet v1), not a graph with branches. Its head keeps the weights
            that it was drawn where it has other classes than `narrow`.
        narrow: `is_wider(wide, narrow)`.
        seed: Of how weights are shared out.

    Raises:
        ValueError: A kind of layer is met that this does not know.
    """
    generator = np.random.default_rng(seed)
    channels: Channels = np.arange(narrow.input_shape[-1])
    for ours, theirs in zip(wide.layers, narrow.layers, strict=True):
        weights = theirs.get_weights()
        if not weights:
            continue
        spread = _SPREAD.get(type(ours))
        if spread is None:
            raise ValueError(f"{ours.name}: cannot widen a {type(ours).__name__}")
        count = ours.weights[0].shape[-1]
        if ours is wide.layers[-1] and count != weights[0].shape[-1]:
            break
        widened, channels = spread(weights, channels, count, generator)
        ours.set_weights(widened)


def _chosen(narrow: int, wide: int) -> Channels:
    """Every narrow channel once, then copies of as many as there is room for, evenly spread."""
    return np.concatenate([np.arange(narrow), np.arange(wide - narrow) * narrow // max(1, wide - narrow)])


def _shares(channels: Channels, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Of each copy; those of one channel sum to 1."""
    raw = 1 + UNEVEN * generator.uniform(-1, 1, len(channels))
    return np.asarray(raw / np.bincount(channels, raw)[channels], np.float32)


def _mixing(
    weights: Weights, channels: Channels, count: int, generator: np.random.Generator
) -> tuple[Weights, Channels]:
    """A layer that reads every channel, its kernel (…, channels in, channels out), and perhaps a bias."""
    kernel, *bias = weights
    chosen = _chosen(kernel.shape[-1], count)
    shared = np.take(kernel, channels, axis=-2) * _shares(channels, generator)[:, None]
    return [np.take(shared, chosen, axis=-1), *(each[chosen] for each in bias)], chosen


def _depthwise(weights: Weights, channels: Channels, _count: int, _: np.random.Generator) -> tuple[Weights, Channels]:
    """A kernel (height, width, channels, 1), and perhaps a bias."""
    kernel, *bias = weights
    return [np.take(kernel, channels, axis=-2), *(each[channels] for each in bias)], channels


def _by_channel(weights: Weights, channels: Channels, _count: int, _: np.random.Generator) -> tuple[Weights, Channels]:
    return [weight[channels] for weight in weights], channels


_SPREAD: dict[type, Callable[[Weights, Channels, int, np.random.Generator], tuple[Weights, Channels]]] = {
    keras.layers.Conv2D: _mixing,
    keras.layers.Dense: _mixing,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.BatchNormalization: _by_channel,
}
