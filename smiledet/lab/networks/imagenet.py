"""ImageNet weights for the networks that `keras.applications` has.

Keras' own weights expect colour in its order and scale; ours take blue, green, red or grey pixels, scaled to -1 … 1 by
their first layer. The first kernel is changed to fit: its colours turned round, its weights summed over the colours for
a grey chip (the answer is the same as for that chip in three like channels), and, for VGG and ResNet, scale and mean
colour folded into it and its bias. That last is exact but for the outermost pixels, where what the convolution pads
with is mid-grey instead of the mean colour.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.lab.networks.base import Architecture

SIDE = 224
"""Of the network that the weights are read through; they are the same at any."""

CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
"""Blue, green, red, 0 to 255, that Caffe's networks take off."""

Weights = list[npt.NDArray[np.float32]]


def _read(row: Architecture, weights: str | Path) -> Weights:
    assert row.pretrained is not None
    if str(weights) == "imagenet":
        try:
            return list(row.pretrained.source((SIDE, SIDE, 3), "imagenet").get_weights())
        except Exception as problem:  # Keras raises a bare Exception where it cannot download
            cause = str(problem).partition("\n")[0]
            raise UsageError(f"cannot download ImageNet's weights for {row.name}: {cause}; give a file") from problem
    path = Path(weights)
    if not path.is_file():
        raise UsageError(f"initial weights: there is no file {path}; expected 'imagenet' or a *_notop.h5 file")
    network = row.pretrained.source((SIDE, SIDE, 3), None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers that the file does not have
            network.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, UserWarning) as problem:
        cause = str(problem).partition("\n")[0]
        raise UsageError(
            f"{path}: no ImageNet weights of {row.name} without its classifier (*_notop.h5): {cause}"
        ) from problem
    return list(network.get_weights())


def fit_first_layer(weights: Weights, channels: int, caffe: bool) -> Weights:
    """Make the first convolution fit blue, green, red or grey pixels from -1 to 1.

    Args:
        weights: All of a network's; first a kernel (height, width, 3, filters), then, where `caffe`, its bias.
        channels: 1 for grey, 3 for blue, green, red.
        caffe: See `Pretrained`.
    """
    kernel, *rest = weights
    if caffe:
        # Pixel = 127.5 x + 127.5: the scale goes into the kernel, what is left of the mean into the bias.
        rest[0] = rest[0] + np.einsum("hwcf,c->f", kernel, 127.5 - CAFFE_MEAN)
        kernel = 127.5 * kernel
    else:
        kernel = kernel[:, :, ::-1]
    if channels == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    return [kernel, *rest]


def load_imagenet(row: Architecture, network: keras.Model, weights: str | Path) -> None:
    """Put ImageNet weights into a network; its classifier (and VGG-16's dense layers) keep the weights they were drawn.

    Args:
        row: What `network` is.
        network: Changed in place.
        weights: "imagenet", or the path of a `*_notop.h5` file.

    Raises:
        UsageError: There are none for this architecture, they cannot be had, or they are of another network.
    """
    if row.pretrained is None:
        raise UsageError(f"{row.name}: there are no ImageNet weights of it")
    found = fit_first_layer(_read(row, weights), network.input_shape[-1], row.pretrained.caffe)
    # In the order of layers: what stands before the head was made by the same code.
    network.set_weights([*found, *network.get_weights()[len(found) :]])
