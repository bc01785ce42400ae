"""The fractal network: seed `001_*` section 3.2.2, figures 19 and 20 (after Smith and Topin's design patterns).

Four blocks of two 3x3 convolutions, rectified and normalised, a pooling and a dropout. The column of four stands beside
one of two blocks, whose poolings are twice as deep, and one of one: the blocks halve from column to column. Where two
columns meet in the middle they are concatenated; at the end the maximum of all three is taken and goes into a dense
layer, normalised.

The text gives the four blocks, their parts, the columns and the joins; widths and dense layer are X.Cao's (16 to 128;
1,024). That gives table 5's 26,399,016 within 208. It is exact if the convolutions that read the picture have no bias
(16, 32 and 128) and nothing is normalised before the softmax (32), which the text neither says nor forbids: so built.
"""

from __future__ import annotations

import keras
from keras import layers

from smiledet.lab.networks.affective import EARLY_DROPOUT, LATE_DROPOUT
from smiledet.lab.networks.base import Architecture
from smiledet.lab.networks.parts import probabilities, scaled

FILTERS = (16, 32, 64, 128)
DENSE_UNITS = 1024


def _block(features: keras.KerasTensor, filters: int, pooling: int, first: bool = False) -> keras.KerasTensor:
    for number in range(2):
        bias = not (first and number == 0)
        features = layers.Conv2D(
            filters, 3, padding="same", use_bias=bias, activation="relu", kernel_initializer="he_normal"
        )(features)
        features = layers.BatchNormalization()(features)
    return layers.Dropout(EARLY_DROPOUT)(layers.MaxPooling2D(pooling)(features))


def fractal(input_shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """Build it.

    Args:
        input_shape: (height, width, channels), with a height and a width.
        classes: Number of outputs.
    """
    first, second, third, fourth = FILTERS
    pixels = keras.Input(input_shape, name="pixels")
    picture = scaled(pixels)
    deep = _block(_block(picture, first, 2, first=True), second, 2)
    middle = layers.Concatenate()([deep, _block(picture, second, 4, first=True)])
    deep = _block(_block(middle, third, 2), fourth, 2)
    joined = layers.Maximum()([deep, _block(middle, fourth, 4), _block(picture, fourth, 16, first=True)])
    features = layers.Dense(DENSE_UNITS, activation="relu")(layers.Flatten()(joined))
    features = layers.Dropout(LATE_DROPOUT)(layers.BatchNormalization()(features))
    return keras.Model(pixels, probabilities(layers.Dense(classes)(features)), name="fractal")


ARCHITECTURES = (
    Architecture(
        name="fractal",
        build=fractal,
        source="seed 001, 3.2.2, figures 19 and 20",
        input_shape=(224, 224, 1),
        classes=8,
        smallest=16,
        any_side=False,
        published=26_399_016,
        note="columns and joins are the text's, widths and dense layer X.Cao's: 208 parameters too many, unless the "
        "first convolutions have no bias and nothing is normalised before the softmax; so built",
    ),
)
