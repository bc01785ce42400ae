"""The baselines of Affective, seed `001_*` sections 3.1.1 and 3.2.2, figures 12 and 17.

Two blocks of two 3x3 convolutions (32, then 64 filters) and a pooling, a dense layer of 512 and the softmax. The
enhanced one normalises after each convolution's rectifier and before the softmax, and drops out at each block's end.
With 'same' padding its count at 224x224x1 and eight classes is the paper's 102,830,856 exactly; the plain one's,
102,830,056, is the paper's 102,839,056 but for one digit.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture, InputShape
from smiledet.lab.networks.parts import probabilities, scaled

BLOCK_FILTERS = (32, 64)
DENSE_UNITS = 512
EARLY_DROPOUT, LATE_DROPOUT = 0.25, 0.5


def normalised_head(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Scores, normalised, as probabilities: section 3.2.2, "before the SoftMax function"."""
    return probabilities(layers.BatchNormalization()(layers.Dense(classes)(features)))


def baseline(input_shape: InputShape, classes: int, *, enhanced: bool, name: str) -> keras.Model:
    """Build a baseline.

    Args:
        input_shape: (height, width, channels), with a height and a width.
        classes: Number of outputs.
        enhanced: With batch normalisation and dropout.
        name: Of the model.
    """
    pixels = keras.Input(input_shape, name="pixels")
    features = scaled(pixels)
    for filters in BLOCK_FILTERS:
        for _ in range(2):
            features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
            if enhanced:
                features = layers.BatchNormalization()(features)
        features = layers.MaxPooling2D(2)(features)
        if enhanced:
            features = layers.Dropout(EARLY_DROPOUT)(features)
    features = layers.Dense(DENSE_UNITS, activation="relu")(layers.Flatten()(features))
    if enhanced:
        output = normalised_head(layers.Dropout(LATE_DROPOUT)(features), classes)
    else:
        output = probabilities(layers.Dense(classes)(features))
    return keras.Model(pixels, output, name=name)


def _row(name: str, enhanced: bool, figure: str, published: int, note: str) -> Architecture:
    return Architecture(
        name=name,
        build=partial(baseline, enhanced=enhanced, name=name),
        source=f"seed 001, {figure}",
        input_shape=(224, 224, 1),
        classes=8,
        smallest=4,
        any_side=False,
        published=published,
        note=note,
    )


ARCHITECTURES = (
    _row(
        "affective-baseline",
        False,
        "3.1.1, figure 12",
        102_830_056,
        "the paper prints 102,839,056, a slip: its enhanced baseline less the normalisations is 102,830,056; the text "
        "says 'no padding', the count says 'same'",
    ),
    _row("affective-enhanced-baseline", True, "3.2.2, figure 17", 102_830_856, "padding as in the plain baseline"),
)
