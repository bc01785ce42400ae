"""MobileNet v1 (Howard et al., 2017), seed `000_*` section 2.4.2, with its last layer replaced.

`keras.applications` holds the layers; the width multiplier is alpha, the resolution multiplier the input's size.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture, Pretrained
from smiledet.lab.networks.parts import Classes, dense_head, scaled

WIDTHS = {"025": 0.25, "050": 0.5, "075": 0.75, "100": 1.0}
SIDES = (128, 224)


def mobilenet(
    input_shape: tuple[int | None, int | None, int], classes: Classes, *, alpha: float, name: str
) -> keras.Model:
    """Build MobileNet.

    Args:
        input_shape: (height, width, channels), a side of at least 32.
        classes: Number of outputs, or of each task's.
        alpha: Width multiplier.
        name: Of the model.
    """
    pixels = keras.Input(input_shape, name="pixels")
    body = keras.applications.MobileNet(
        alpha=alpha, include_top=False, weights=None, input_tensor=scaled(pixels), pooling="avg", name=name
    )
    features = layers.Dropout(0.2)(body.output)
    return keras.Model(pixels, dense_head(features, classes), name=name)


def _source(shape: tuple[int, int, int], weights: str | None, *, alpha: float) -> keras.Model:
    return keras.applications.MobileNet(alpha=alpha, include_top=False, weights=weights, input_shape=shape)


def _row(width: str, side: int) -> Architecture:
    name = f"mobilenet-{width}"
    return Architecture(
        name=name if side == max(SIDES) else f"{name}-{side}",
        build=partial(mobilenet, alpha=WIDTHS[width], name=name),
        source="seed 000, 2.4.2 and 4.2 (Howard et al., 2017)",
        input_shape=(side, side, 3),
        classes=1,
        several_tasks=True,
        pretrained=Pretrained(partial(_source, alpha=WIDTHS[width])),
        note="the thesis' table of its thirteen networks is lost: eight are left beside the other five, here four "
        "widths at two sides",
    )


ARCHITECTURES = tuple(_row(width, side) for width in WIDTHS for side in SIDES)
