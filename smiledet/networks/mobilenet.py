"""MobileNet v1 (Howard et al., 2017), seed `000_*` section 2.4.2, with its last layer replaced.

`keras.applications` holds the layers; the width multiplier is alpha, the resolution multiplier the input's size.
"""

from __future__ import annotations

import keras
from keras import layers


def _mobilenet(alpha: float, input_shape: tuple[int | None, int | None, int], classes: int, name: str) -> keras.Model:
    pixels = keras.Input(input_shape, name="pixels")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    body = keras.applications.MobileNet(
        alpha=alpha, include_top=False, weights=None, input_tensor=scaled, pooling="avg", name=name
    )
    features = layers.Dropout(0.2)(body.output)
    return keras.Model(pixels, layers.Dense(classes, activation="softmax", name="probabilities")(features), name=name)


def mobilenet_025(input_shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """MobileNet at alpha 0.25, the thesis' fastest network.

    Args:
        input_shape: (height, width, channels), a side of at least 32.
        classes: Number of outputs.
    """
    return _mobilenet(0.25, input_shape, classes, "mobilenet-025")
