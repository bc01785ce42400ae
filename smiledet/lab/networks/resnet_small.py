"""A small residual network for chips of 48 or 64 pixels: dense 3x3 convolutions, squeeze-and-excitation.

He et al. (2016), basic blocks, for pictures that are small to begin with: the stem keeps the chip's full side for one
convolution and halves it once, where ImageNet's stem divides it by four; three stages of 32, 64 and 128 filters follow.
Each block's channels are weighted from their global mean (Hu et al., 2018). Normalisation stands behind each
convolution, not before it as in pre-activation networks: only there can a converter fold it into the kernel.

At 48x48x1 it has about 50 million multiply-adds.
"""

from __future__ import annotations

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture
from smiledet.lab.networks.parts import convolution, dense_head, scaled

STEM_FILTERS = 24
STAGE_FILTERS = (32, 64, 128)
STAGE_BLOCKS = (1, 2, 2)
SQUEEZE = 8
"""A block's squeezed channels are this share of its channels."""


def _normalised(
    features: keras.KerasTensor, filters: int, decay: float, side: int = 3, strides: int = 1
) -> keras.KerasTensor:
    return layers.BatchNormalization()(convolution(features, filters, decay, side, strides))


def _excited(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    weights = layers.GlobalAveragePooling2D(keepdims=True)(features)
    weights = layers.Conv2D(filters // SQUEEZE, 1, activation="relu", kernel_initializer="he_normal")(weights)
    weights = layers.Conv2D(filters, 1, activation="sigmoid")(weights)
    return layers.Multiply()([features, weights])


def _block(features: keras.KerasTensor, filters: int, strides: int, decay: float) -> keras.KerasTensor:
    shortcut = features
    if strides > 1 or features.shape[-1] != filters:
        if strides > 1:  # every pixel has a say in the shortcut, not every fourth
            shortcut = layers.AveragePooling2D(strides, padding="same")(shortcut)
        shortcut = _normalised(shortcut, filters, decay, side=1)
    features = layers.ReLU()(_normalised(features, filters, decay, strides=strides))
    features = _excited(_normalised(features, filters, decay), filters)
    return layers.ReLU()(layers.Add()([features, shortcut]))


def resnet_small(
    input_shape: tuple[int | None, int | None, int], classes: int, weight_decay: float = 1e-4, dropout: float = 0.3
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
    features = layers.ReLU()(_normalised(features, STEM_FILTERS, weight_decay))
    features = layers.ReLU()(_normalised(features, STAGE_FILTERS[0], weight_decay, strides=2))
    for stage, (filters, blocks) in enumerate(zip(STAGE_FILTERS, STAGE_BLOCKS, strict=True)):
        for block in range(blocks):
            features = _block(features, filters, 2 if stage and not block else 1, weight_decay)
    features = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(features))
    return keras.Model(pixels, dense_head(features, classes), name="resnet-small")


ARCHITECTURES = (
    Architecture(
        name="resnet-small",
        build=resnet_small,
        source="He et al., 2016; Hu et al., 2018",
        input_shape=(48, 48, 1),
        smallest=16,
        note="none of the seeds: a teacher, and the best at most 3 ms a face",
    ),
)
