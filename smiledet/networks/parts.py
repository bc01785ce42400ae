"""What the networks share: their first layer and their last."""

from __future__ import annotations

import keras
from keras import layers


def scaled(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0 … 255 as -1 … 1."""
    return layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)


def dense_head(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Probabilities of feature vectors: a sigmoid unit for one class, else a softmax."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Dense(classes, activation=activation, name="probabilities")(features)


def probabilities(scores: keras.KerasTensor) -> keras.KerasTensor:
    """Probabilities of raw scores (batch, classes): a sigmoid for one class, else a softmax."""
    if scores.shape[-1] == 1:
        return layers.Activation("sigmoid", name="probabilities")(scores)
    return layers.Softmax(name="probabilities")(scores)
