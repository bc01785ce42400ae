"""The detector's network: three maps of answers, at an eighth, a sixteenth and a thirty-second of the picture's side.

Anchor-free, a map for faces of a range of sizes, larger maps told by smaller ones what is around: Z. Tian and others:
FCOS: fully convolutional one-stage object detection, ICCV 2019, section 3. As small as YuNet (W. Wu, H. Peng, S. Yu,
Machine Intelligence Research 20, 2023): the first layers are plain convolutions of few channels, which processors
compute fastest, the others separable ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from smiledet.detection.detectors.fcos_network import ANSWERS

RARE = -4.0
"""Bias of the scores as training begins: a face is rare, else the first steps are lost on learning that."""


def build(
    channels: Sequence[int],
    blocks: Sequence[int],
    side: int | None = None,
    twice: Callable[[], keras.layers.Layer] = layers.UpSampling2D,
) -> keras.Model:
    """The network, from grey pixels 0 … 255 (n, height, width, 1), sides multiples of 32, to its answers.

    Args:
        channels: Of the maps at a half and a quarter of the side, and of all smaller ones.
        blocks: Separable convolutions at a quarter, an eighth, a sixteenth and a thirty-second.
        side: Of the pictures, a multiple of 32; None for any.
        twice: Makes what shows each cell as two by two.

    Returns:
        A model with one output a stride, float32 (n, height / stride, width / stride, ANSWERS).
    """
    first, second, width = channels
    pixels = keras.Input((side, side, 1), name="pixels")
    seen = layers.Rescaling(1 / 128)(pixels)
    seen = _convolution(seen, first, 2)
    seen = _convolution(seen, second, 2)
    for _ in range(blocks[0]):
        seen = _separable(seen, second)
    maps: list[Any] = []
    for count in blocks[1:]:
        seen = _separable(seen, width, 2) if maps else _convolution(seen, width, 2)
        for _ in range(count):
            seen = _separable(seen, width)
        maps.append(seen)
    answers = [_head(maps[-1], width)]
    above = maps[-1]
    for level in reversed(maps[:-1]):
        above = layers.Add()([level, twice()(above)])
        above = _separable(above, width)
        answers.append(_head(above, width))
    return keras.Model(pixels, answers[::-1])


def joined(network: keras.Model) -> keras.Model:
    """The network with one output (n, cells, ANSWERS): the cells of all maps, row by row, the largest map first."""
    flat = [layers.Reshape((-1, ANSWERS))(answer) for answer in network.outputs]
    return keras.Model(network.inputs, layers.Concatenate(axis=1)(flat))


def _convolution(seen: Any, channels: int, stride: int) -> Any:
    # Keras' own padding is one-sided where the stride is two.
    seen = layers.Conv2D(channels, 3, strides=stride, use_bias=False)(layers.ZeroPadding2D(1)(seen))
    return layers.ReLU()(layers.BatchNormalization()(seen))


def _separable(seen: Any, channels: int, stride: int = 1) -> Any:
    """What each channel sees about a cell, then all channels together; added to what there was where it can be."""
    given = seen
    if stride > 1:
        seen = layers.ZeroPadding2D(1)(seen)
    seen = layers.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False)(seen)
    seen = layers.BatchNormalization()(seen)
    seen = layers.Conv2D(channels, 1, use_bias=False)(seen)
    seen = layers.BatchNormalization()(seen)
    if stride == 1 and given.shape[-1] == channels:
        seen = layers.Add()([given, seen])
    return layers.ReLU()(seen)


def _head(seen: Any, width: int) -> Any:
    seen = _separable(seen, width)
    score = layers.Conv2D(1, 1, bias_initializer=keras.initializers.Constant(RARE))(seen)
    return layers.Concatenate()([score, layers.Conv2D(ANSWERS - 1, 1)(seen)])
