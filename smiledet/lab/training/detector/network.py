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

PLACES = ("half", "quarter", "eighth", "sixteenth", "thirtysecond")
"""Sides of the maps, in sides of the picture. The layers' names begin with them, or with `answers`."""

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
    seen = layers.Rescaling(1 / 128, name=f"{PLACES[0]}_scale")(pixels)
    seen = _convolution(seen, first, 2, PLACES[0])
    seen = _convolution(seen, second, 2, PLACES[1])
    for number in range(blocks[0]):
        seen = _separable(seen, second, f"{PLACES[1]}_{number}")
    maps: list[Any] = []
    for place, count in zip(PLACES[2:], blocks[1:], strict=True):
        seen = _separable(seen, width, place, 2) if maps else _convolution(seen, width, 2, place)
        for number in range(count):
            seen = _separable(seen, width, f"{place}_{number}")
        maps.append(seen)
    answers = [_head(maps[-1], width, PLACES[-1])]
    above = maps[-1]
    for place, level in zip(PLACES[-2:1:-1], reversed(maps[:-1]), strict=True):
        above = layers.Add(name=f"answers_{place}_both")([level, twice()(above)])
        above = _separable(above, width, f"answers_{place}_around")
        answers.append(_head(above, width, place))
    return keras.Model(pixels, answers[::-1])


def joined(network: keras.Model) -> keras.Model:
    """The network with one output (n, cells, ANSWERS): the cells of all maps, row by row, the largest map first."""
    flat = [layers.Reshape((-1, ANSWERS))(answer) for answer in network.outputs]
    return keras.Model(network.inputs, layers.Concatenate(axis=1)(flat))


def _convolution(seen: Any, channels: int, stride: int, name: str) -> Any:
    # Keras' own padding is one-sided where the stride is two.
    seen = layers.ZeroPadding2D(1, name=f"{name}_padding")(seen)
    seen = layers.Conv2D(channels, 3, strides=stride, use_bias=False, name=f"{name}_all")(seen)
    return layers.ReLU(name=f"{name}_positive")(layers.BatchNormalization(name=f"{name}_all_norm")(seen))


def _separable(seen: Any, channels: int, name: str, stride: int = 1) -> Any:
    """What each channel sees about a cell, then all channels together; added to what there was where it can be."""
    given = seen
    if stride > 1:
        seen = layers.ZeroPadding2D(1, name=f"{name}_padding")(seen)
    padding = "same" if stride == 1 else "valid"
    seen = layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=f"{name}_each")(seen)
    seen = layers.BatchNormalization(name=f"{name}_each_norm")(seen)
    seen = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_all")(seen)
    seen = layers.BatchNormalization(name=f"{name}_all_norm")(seen)
    if stride == 1 and given.shape[-1] == channels:
        seen = layers.Add(name=f"{name}_sum")([given, seen])
    return layers.ReLU(name=f"{name}_positive")(seen)


def _head(seen: Any, width: int, place: str) -> Any:
    seen = _separable(seen, width, f"answers_{place}")
    rare = keras.initializers.Constant(RARE)
    score = layers.Conv2D(1, 1, bias_initializer=rare, name=f"answers_{place}_score")(seen)
    others = layers.Conv2D(ANSWERS - 1, 1, name=f"answers_{place}_others")(seen)
    return layers.Concatenate(name=f"answers_{place}_together")([score, others])
