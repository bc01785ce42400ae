"""A small densely connected network for chips of 48 or 64 pixels, of DenseNet-1's size.

Huang et al. (2017), the BC form: each layer is a 1x1 bottleneck of four times the growth rate and a 3x3 convolution,
whose few channels join all that came before; transitions halve channels and side. Of DenseNet-1 (seed `003_*`, tables 2
and 3) only counts are known: 36 convolutions, 4 poolings, 95,263 parameters. This one has its size, 95,003 for a grey
chip and seven classes, in fewer and wider layers, 26 convolutions, and at half the chip's side from the stem on: a
quarter of the work.
"""

from __future__ import annotations

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture
from smiledet.lab.networks.parts import convolution, dense_head, scaled

STEM_FILTERS = 28
GROWTH = 12
BOTTLENECK = 4
BLOCK_LAYERS = (3, 4, 4)


def _activated(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization()(features))


def densenet_small(
    input_shape: tuple[int | None, int | None, int], classes: int, weight_decay: float = 1e-4, dropout: float = 0.2
) -> keras.Model:
    """Build it.

    Args:
        input_shape: (height, width, channels); any height and width, for it pools globally.
        classes: Number of outputs.
        weight_decay: L2 penalty on the kernels of the convolutions.
        dropout: Share of the pooled features that a training step leaves out.
    """
    pixels = keras.Input(input_shape, name="pixels")
    features = scaled(pixels)
    features = convolution(features, STEM_FILTERS, weight_decay)
    features = layers.MaxPooling2D(3, strides=2, padding="same")(_activated(features))
    for block, depth in enumerate(BLOCK_LAYERS):
        if block:
            features = convolution(_activated(features), features.shape[-1] // 2, weight_decay, side=1)
            features = layers.AveragePooling2D(2, padding="same")(features)
        for _ in range(depth):
            fresh = convolution(_activated(features), BOTTLENECK * GROWTH, weight_decay, side=1)
            fresh = convolution(_activated(fresh), GROWTH, weight_decay)
            features = layers.Concatenate()([features, fresh])
    features = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(_activated(features)))
    return keras.Model(pixels, dense_head(features, classes), name="densenet-small")


ARCHITECTURES = (
    Architecture(
        name="densenet-small",
        build=densenet_small,
        source="Huang et al., 2017; DenseNet-1 in seed 003, tables 2 and 3",
        input_shape=(48, 48, 1),
        smallest=16,
        note="DenseNet-1 has 95,263 parameters; its layout is not known",
    ),
)
