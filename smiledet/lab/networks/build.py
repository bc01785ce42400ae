"""A network of the registry, for one input shape and number of classes."""

from __future__ import annotations

from pathlib import Path

import keras

from smiledet.errors import UsageError
from smiledet.lab.networks.base import Architecture, InputShape, find_architecture
from smiledet.lab.networks.imagenet import load_imagenet
from smiledet.lab.networks.parts import Classes, count_classes


def _check(row: Architecture, input_shape: InputShape, classes: Classes) -> None:
    height, width, channels = input_shape
    if not isinstance(classes, int) and (not row.several_tasks or min(classes, default=0) < 2):
        raise UsageError(f"{row.name}: the heads {classes}, expected one, or an architecture that takes several")
    if count_classes(classes) < 1:
        raise UsageError(f"{row.name}: {classes} classes, expected 1 (a sigmoid unit) or more (a softmax)")
    if channels not in (1, 3):
        raise UsageError(f"{row.name}: {channels} channels, expected 1 (grey) or 3 (blue, green, red)")
    if not row.any_side and (height is None or width is None):
        raise UsageError(f"{row.name} has a dense layer on a flattened map: its input needs a height and a width")
    if any(side is not None and side < row.smallest for side in (height, width)):
        raise UsageError(f"{row.name}: an input of {height}x{width} pixels, expected at least {row.smallest} a side")


def build_network(
    architecture: str, input_shape: InputShape, classes: Classes, initial_weights: str | Path | None = None
) -> keras.Model:
    """Build a network.

    Args:
        architecture: One of `architecture_names()`.
        input_shape: (height, width, channels) of a chip; None for any height or width, where the architecture pools
            globally (`Architecture.any_side`). One channel is grey, three are blue, green, red.
        classes: Number of outputs. One is a single sigmoid unit, the probability of the positive class, as the thesis
            has it for smile; two or more are a softmax. Several numbers are a head each on one trunk (mini-Xception and
            the MobileNets), their probabilities one after the other.
        initial_weights: None for random weights; "imagenet" for those that Keras downloads; or the path of an ImageNet
            file of the architecture without its classifier (`*_notop.h5`). See `smiledet.lab.networks.imagenet`.

    Returns:
        A model from float32 (batch, height, width, channels), pixels 0 … 255, to float32 (batch, classes); scaling the
        pixels is its first layer, so that no engine can get the preprocessing wrong.

    Raises:
        UsageError: No such architecture, an input or a number of classes that it does not take, or no such weights.
    """
    row = find_architecture(architecture)
    _check(row, input_shape, classes)
    network = row.build(input_shape, classes)
    if initial_weights is not None:
        load_imagenet(row, network, initial_weights)
    return network
