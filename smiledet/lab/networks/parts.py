"""What the networks share: their first layer, their last, and the plain convolution of the small ones."""

from __future__ import annotations

import keras
from keras import layers


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


def dense_head(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Probabilities of feature vectors: a sigmoid unit for one class, else a softmax."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Dense(classes, activation=activation, name="probabilities")(features)


def probabilities(scores: keras.KerasTensor) -> keras.KerasTensor:
    """Probabilities of raw scores (batch, classes): a sigmoid for one class, else a softmax."""
    if scores.shape[-1] == 1:
        return layers.Activation("sigmoid", name="probabilities")(scores)
    return layers.Softmax(name="probabilities")(scores)
