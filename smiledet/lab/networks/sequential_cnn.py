"""The sequential fully-convolutional network of nine layers: seeds `002_*` and `004_*`, section III.

Nine convolutions, each normalised and rectified; a further one yields a map a class, whose mean goes into the softmax.
The papers say no more than that and "approximately 600,000 parameters" (`002_*`: "nearly 700,000"). The kernels and
widths are those of the network that the authors of `004_*` published beside their paper: pairs of 7x7 with 16 filters,
5x5 with 32, 3x3 with 64 and 128, an average pooling and a dropout after each pair, then 3x3 with 256: 642,935
parameters at 64x64x1 with seven classes.
"""

from __future__ import annotations

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture
from smiledet.lab.networks.parts import probabilities, scaled

PAIRS = ((16, 7), (32, 5), (64, 3), (128, 3))
"""Filters and side of the kernels of each pair."""

LAST_FILTERS = 256


def _convolution(features: keras.KerasTensor, filters: int, side: int) -> keras.KerasTensor:
    features = layers.Conv2D(filters, side, padding="same")(features)
    return layers.ReLU()(layers.BatchNormalization()(features))


def sequential_fully_cnn(
    input_shape: tuple[int | None, int | None, int], classes: int, dropout: float = 0.5
) -> keras.Model:
    """Build it.

    Args:
        input_shape: (height, width, channels).
        classes: Number of outputs.
        dropout: Share of the values that a training step leaves out after each pair.
    """
    pixels = keras.Input(input_shape, name="pixels")
    features = scaled(pixels)
    for filters, side in PAIRS:
        for _ in range(2):
            features = _convolution(features, filters, side)
        features = layers.AveragePooling2D(2, padding="same")(features)
        features = layers.Dropout(dropout)(features)
    features = _convolution(features, LAST_FILTERS, 3)
    features = layers.Conv2D(classes, 3, padding="same")(features)
    return keras.Model(pixels, probabilities(layers.GlobalAveragePooling2D()(features)), name="sequential-fully-cnn")


ARCHITECTURES = (
    Architecture(
        name="sequential-fully-cnn",
        build=sequential_fully_cnn,
        source="seeds 002, 3 and 004, III",
        input_shape=(64, 64, 1),
        note="the papers give nine layers and about 600,000 parameters; kernels and widths are those that the authors "
        "of 004 published: 642,935",
    ),
)
