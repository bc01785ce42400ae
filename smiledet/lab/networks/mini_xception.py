"""mini-Xception: seeds `002_*` and `004_*`, the small network of oarriaga's emotion and gender classifiers.

Two 3x3 stem convolutions of 8 filters, four residual modules of depth-wise separable convolutions with 16, 32, 64 and
128 filters, a 3x3 head convolution with a filter a class, global average pooling and a softmax. With a 64x64x1 input
and seven classes it has exactly 58,423 parameters, 56,951 of them trainable, as seed `003_*` reports.
"""

from __future__ import annotations

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture
from smiledet.lab.networks.parts import Classes, pooled_head, scaled

MODULE_FILTERS = (16, 32, 64, 128)


def _stem_convolution(features: keras.KerasTensor, decay: float) -> keras.KerasTensor:
    features = layers.Conv2D(8, 3, use_bias=False, kernel_regularizer=keras.regularizers.L2(decay))(features)
    features = layers.BatchNormalization()(features)
    return layers.ReLU()(features)


def _separable(features: keras.KerasTensor, filters: int, decay: float) -> keras.KerasTensor:
    regularizer = keras.regularizers.L2(decay)
    features = layers.SeparableConv2D(
        filters,
        3,
        padding="same",
        use_bias=False,
        depthwise_regularizer=regularizer,
        pointwise_regularizer=regularizer,
    )(features)
    return layers.BatchNormalization()(features)


def _residual_module(features: keras.KerasTensor, filters: int, decay: float) -> keras.KerasTensor:
    shortcut = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(features)
    shortcut = layers.BatchNormalization()(shortcut)
    features = layers.ReLU()(_separable(features, filters, decay))
    features = _separable(features, filters, decay)
    features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
    return layers.Add()([features, shortcut])


def mini_xception(
    input_shape: tuple[int | None, int | None, int],
    classes: Classes,
    weight_decay: float = 1e-4,
    name: str = "mini-xception",
) -> keras.Model:
    """Build mini-Xception.

    The papers decay weights by 0.01; with Adam and the augmentation used here 1e-4 learns more.

    Args:
        input_shape: (height, width, channels).
        classes: Number of outputs, or of each task's.
        weight_decay: L2 penalty on stem and separable kernels.
        name: Of the model.
    """
    pixels = keras.Input(input_shape, name="pixels")
    features = scaled(pixels)
    for _ in range(2):
        features = _stem_convolution(features, weight_decay)
    for filters in MODULE_FILTERS:
        features = _residual_module(features, filters, weight_decay)
    return keras.Model(pixels, pooled_head(features, classes), name=name)


ARCHITECTURES = (
    Architecture(
        name="mini-xception",
        build=mini_xception,
        source="seeds 002, 3 and 004, III, figure 3",
        input_shape=(64, 64, 1),
        smallest=8,
        several_tasks=True,
        published=58_423,
        note="the papers say about 60,000 parameters, seed 003 gives the count; decays weights by 1e-4",
    ),
)
