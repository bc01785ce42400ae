"""The thesis' large networks (seed `000_*` sections 2.4.1 and 2.4.3 to 2.4.6), with their last layer replaced.

`keras.applications` holds the layers; the mean over the last map, as each paper has it, and one sigmoid unit (or a
softmax) follow. VGG-16 keeps its two dense layers of 4,096, since only the last layer was replaced (section 4.2): they
are why it did not fit onto the Jetson.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from smiledet.lab.networks.base import Architecture, InputShape, Pretrained
from smiledet.lab.networks.parts import dense_head, scaled


def vgg_16(input_shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """Build VGG-16 (Simonyan and Zisserman, 2014).

    Args:
        input_shape: (height, width, channels), with a height and a width.
        classes: Number of outputs.
    """
    pixels = keras.Input(input_shape, name="pixels")
    body = keras.applications.VGG16(include_top=False, weights=None, input_tensor=scaled(pixels))
    features = layers.Flatten()(body.output)
    for number in (1, 2):
        features = layers.Dense(4096, activation="relu", name=f"fc{number}")(features)
    return keras.Model(pixels, dense_head(features, classes), name="vgg-16")


def _pooled(
    input_shape: InputShape, classes: int, *, application: Callable[..., keras.Model], name: str
) -> keras.Model:
    pixels = keras.Input(input_shape, name="pixels")
    body = application(include_top=False, weights=None, input_tensor=scaled(pixels), pooling="avg", name=name)
    return keras.Model(pixels, dense_head(body.output, classes), name=name)


def _source(
    shape: tuple[int, int, int], weights: str | None, *, application: Callable[..., keras.Model]
) -> keras.Model:
    return application(include_top=False, weights=weights, input_shape=shape)


def _row(
    name: str, application: Callable[..., keras.Model], section: str, side: int, smallest: int, note: str = ""
) -> Architecture:
    caffe = application in (keras.applications.VGG16, keras.applications.ResNet50)
    return Architecture(
        name=name,
        build=vgg_16 if name == "vgg-16" else partial(_pooled, application=application, name=name),
        source=f"seed 000, {section} and 4.2",
        input_shape=(side, side, 3),
        classes=1,
        smallest=smallest,
        any_side=name != "vgg-16",
        pretrained=Pretrained(partial(_source, application=application), caffe),
        note=note,
    )


ARCHITECTURES = (
    _row(
        "vgg-16",
        keras.applications.VGG16,
        "2.4.1",
        224,
        32,
        "only the last layer was replaced, so its two dense layers of 4,096 stay; ImageNet weights are loaded for its "
        "convolutions alone",
    ),
    _row("inception-v3", keras.applications.InceptionV3, "2.4.3", 299, 75),
    _row("resnet-50", keras.applications.ResNet50, "2.4.4", 224, 32),
    _row("inception-resnet-v2", keras.applications.InceptionResNetV2, "2.4.5", 299, 75),
    _row("xception", keras.applications.Xception, "2.4.6", 299, 71),
)
