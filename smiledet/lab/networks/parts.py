"""What the networks share: their first layer, their last, and the plain convolution of the small ones."""

from __future__ import annotations

from typing import TypeAlias

import keras
import numpy as np
from keras import layers

TWO_LABELS = "two_labels"
"""Name of the layer that makes two probabilities of a sigmoid unit's one."""


def scaled(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0 … 255 as -1 … 1."""
    return layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)


def convolution(
    features: keras.KerasTensor, filters: int, decay: float, side: int = 3, strides: int = 1
) -> keras.KerasTensor:
    """A convolution before a normalisation, which brings the bias.

    Args:
        features: (batch, height, width, channels).
        filters: Channels that come out.
        decay: L2 penalty on the kernel.
        side: Of the kernel, in pixels.
        strides: By how much height and width are divided.
    """
    return layers.Conv2D(
        filters,
        side,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(decay),
    )(features)


Classes: TypeAlias = "int | tuple[int, ...]"
"""Outputs of a network: the number of classes, or of each of several tasks' classes, one after the other."""


def count_classes(classes: Classes) -> int:
    """All outputs of a network.

    >>> count_classes(7), count_classes((8, 7, 2))
    (7, 17)
    """
    return classes if isinstance(classes, int) else sum(classes)


def dense_head(features: keras.KerasTensor, classes: Classes) -> keras.KerasTensor:
    """Probabilities of feature vectors: a sigmoid unit for one class, else a softmax; for several tasks one of each."""
    if not isinstance(classes, int):
        heads = [layers.Dense(count, activation="softmax")(features) for count in classes]
        return layers.Concatenate(name="probabilities")(heads)
    activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Dense(classes, activation=activation, name="probabilities")(features)


def pooled_head(features: keras.KerasTensor, classes: Classes) -> keras.KerasTensor:
    """Probabilities of maps (batch, height, width, channels): a 3x3 convolution with a filter a class, and its mean."""
    if not isinstance(classes, int):
        heads = [layers.Softmax()(_pooled_scores(features, count)) for count in classes]
        return layers.Concatenate(name="probabilities")(heads)
    return probabilities(_pooled_scores(features, classes))


def _pooled_scores(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return layers.GlobalAveragePooling2D()(layers.Conv2D(classes, 3, padding="same")(features))


def probabilities(scores: keras.KerasTensor) -> keras.KerasTensor:
    """Probabilities of raw scores (batch, classes): a sigmoid for one class, else a softmax."""
    if scores.shape[-1] == 1:
        return layers.Activation("sigmoid", name="probabilities")(scores)
    return layers.Softmax(name="probabilities")(scores)


def two_labels(network: keras.Model) -> keras.Model:
    """A network that ends in one sigmoid unit, with the probabilities of both labels for an answer: [1 - p, p].

    A dense layer that does not learn does it, so that every engine and format has it, and the loss of the two is the
    unit's binary cross-entropy (seed `000_*`, section 4.2).
    """
    spread = layers.Dense(2, name=TWO_LABELS, trainable=False)
    output = spread(network.output)
    spread.set_weights([np.array([[-1.0, 1.0]], np.float32), np.array([1.0, 0.0], np.float32)])
    return keras.Model(network.input, output, name=network.name)
