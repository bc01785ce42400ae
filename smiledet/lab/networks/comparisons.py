"""Seed `003_*`: its light-weight network, and what it compares that with: VGG-Net, ResNet-50, a plain CNN (section IV).

Those three are given FER-2013's own 48x48 grey pixels; all decay their weights (section III, equations 3 to 5).
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture, InputShape
from smiledet.lab.networks.mini_xception import mini_xception
from smiledet.lab.networks.parts import dense_head, scaled

PAPER_DECAY = 0.01
"""Weight of the L2 penalty. The paper names none; this is that of the authors of seed `004_*`, whose network it is."""

DECAY = 1e-4
"""For the three that it is compared with: at 0.01 their many weights go to zero before they have learnt anything."""

VGG_FILTERS = (64, 128, 256, 512, 512)
PLAIN_FILTERS = (32, 64, 128)

LIGHT_WEIGHT = "light-weight-cnn"


def light_weight_cnn(input_shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """Build the paper's own network (figure 6): mini-Xception, its weights decayed as the paper does."""
    return mini_xception(input_shape, classes, weight_decay=PAPER_DECAY, name=LIGHT_WEIGHT)


def _pair(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for _ in range(2):
        penalty = keras.regularizers.L2(DECAY)
        features = layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=penalty,
        )(features)
    return features


def _dense(features: keras.KerasTensor, units: int) -> keras.KerasTensor:
    penalty = keras.regularizers.L2(DECAY)
    features = layers.Dense(units, activation="relu", kernel_initializer="he_normal", kernel_regularizer=penalty)(
        features
    )
    return layers.Dropout(0.5)(features)


def _stacked(
    input_shape: InputShape, classes: int, *, filters: tuple[int, ...], pools: int, dense: tuple[int, ...], name: str
) -> keras.Model:
    """Pairs of convolutions with a pooling after each of the first `pools`, then dense layers."""
    pixels = keras.Input(input_shape, name="pixels")
    features = scaled(pixels)
    for number, width in enumerate(filters):
        features = _pair(features, width)
        if number < pools:
            features = layers.MaxPooling2D(2)(features)
    features = layers.Flatten()(features)
    for units in dense:
        features = _dense(features, units)
    return keras.Model(pixels, dense_head(features, classes), name=name)


def resnet_50_small_input(input_shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """Build ResNet-50 with a decay on every kernel.

    Args:
        input_shape: (height, width, channels).
        classes: Number of outputs.
    """
    name = "resnet-50-003"
    pixels = keras.Input(input_shape, name="pixels")
    body = keras.applications.ResNet50(
        include_top=False, weights=None, input_tensor=scaled(pixels), pooling="avg", name=name
    )
    for layer in body.layers:
        if isinstance(layer, layers.Conv2D):
            layer.kernel_regularizer = keras.regularizers.L2(DECAY)
            # A layer that is built already has asked for its penalty: the kernel itself carries it.
            layer.kernel.regularizer = layer.kernel_regularizer
    return keras.Model(pixels, dense_head(body.output, classes), name=name)


ARCHITECTURES = (
    Architecture(
        name=LIGHT_WEIGHT,
        build=light_weight_cnn,
        source="seed 003, III.B, figure 6",
        input_shape=(64, 64, 1),
        smallest=8,
        published=58_423,
        note="mini-Xception with weight decay 0.01; the paper's count, 56,951 of it trainable, holds at any side",
    ),
    Architecture(
        name="vgg-net-003",
        build=partial(_stacked, filters=VGG_FILTERS, pools=4, dense=(4096, 4096), name="vgg-net-003"),
        source="seed 003, IV, tables 2 to 5",
        input_shape=(48, 48, 1),
        smallest=16,
        any_side=False,
        note="table 3's 10 convolutions, 4 poolings and 3 dense layers are VGG-13's with its last pooling left out; no "
        "usual widths give its 87,566,680 parameters",
    ),
    Architecture(
        name="resnet-50-003",
        build=resnet_50_small_input,
        source="seed 003, IV, tables 2 to 5",
        input_shape=(48, 48, 1),
        note="table 3's 25,500,000 is ResNet-50 with ImageNet's thousand classes",
    ),
    Architecture(
        name="plain-cnn-003",
        build=partial(_stacked, filters=PLAIN_FILTERS, pools=3, dense=(512,), name="plain-cnn-003"),
        source="seed 003, IV, tables 2, 4 and 5",
        input_shape=(48, 48, 1),
        smallest=8,
        any_side=False,
        note="the paper says 'CNN' and no more: three pairs of convolutions with 32, 64 and 128 filters, a dense layer",
    ),
)
