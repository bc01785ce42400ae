"""X.Cao, one and two streams: seed `001_*` section 3.2.2, figure 18 (after Xudong Cao's theory of deep networks).

From the text: 16 channels at the start and 128 at the end, poolings of stride 2 down to 7x7x128, batch normalisation
between the convolutions and the pooling of each block, dropout at a block's end. From table 5: the head (flatten, dense
1,024, eight classes, normalised) takes 6,431,784 of 6,970,728 parameters, which leaves 538,944 for the convolutions;
the two-stream network has exactly as many more, so its second stream is a whole one.

Depths and widths between are not in the text. Five blocks, one a pooling, of 3x3 convolutions meet the count exactly
with the widths and depths below; the usual two convolutions a block with doubling widths do not.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from smiledet.lab.networks.affective import EARLY_DROPOUT, LATE_DROPOUT, normalised_head
from smiledet.lab.networks.base import Architecture, InputShape
from smiledet.lab.networks.parts import scaled

BLOCKS = ((16, 1), (32, 4), (48, 2), (64, 3), (128, 3))
"""Filters and number of the convolutions of each block."""

MIDDLE = 3
"""Blocks before the streams are first added."""

DENSE_UNITS = 1024


def _block(features: keras.KerasTensor, number: int) -> keras.KerasTensor:
    filters, depth = BLOCKS[number]
    for _ in range(depth):
        features = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(
            features
        )
    features = layers.MaxPooling2D(2, strides=2)(layers.BatchNormalization()(features))
    return layers.Dropout(EARLY_DROPOUT)(features)


def xcao(input_shape: InputShape, classes: int, *, streams: int, name: str) -> keras.Model:
    """Build X.Cao.

    Args:
        input_shape: (height, width, channels), with a height and a width.
        classes: Number of outputs.
        streams: Paths of convolutions side by side. Two are added in the middle, each goes on from the sum, and they
            are added again at the end, as AlexNet's two cross.
        name: Of the model.
    """
    pixels = keras.Input(input_shape, name="pixels")
    paths = [scaled(pixels)] * streams
    for number in range(len(BLOCKS)):
        paths = [_block(path, number) for path in paths]
        if streams > 1 and number + 1 in (MIDDLE, len(BLOCKS)):
            paths = [layers.Add()(paths)] * streams
    features = layers.Dense(DENSE_UNITS, activation="relu")(layers.Flatten()(paths[0]))
    features = layers.Dropout(LATE_DROPOUT)(features)
    return keras.Model(pixels, normalised_head(features, classes), name=name)


def _row(name: str, streams: int, published: int, note: str) -> Architecture:
    return Architecture(
        name=name,
        build=partial(xcao, streams=streams, name=name),
        source="seed 001, 3.2.2, figure 18",
        input_shape=(224, 224, 1),
        classes=8,
        any_side=False,
        published=published,
        note=note,
    )


_OPEN = "head, first and last width are the text's; depths and widths between are chosen to meet the count"

ARCHITECTURES = (
    _row("xcao", 1, 6_970_728, _OPEN),
    _row("xcao-two-streams", 2, 7_509_672, f"{_OPEN}; added after the third block and at the end"),
)
