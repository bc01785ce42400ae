"""How an architecture is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

import keras

from smiledet.errors import UsageError

InputShape: TypeAlias = "tuple[int | None, int | None, int]"
"""(height, width, channels); None for any height or width."""

Builder = Callable[[InputShape, int], "keras.Model"]
"""(input shape (height, width, channels), classes) -> a model from float32 pixels 0 … 255 to class probabilities."""

_BUILDERS = {
    "densenet-small": ("smiledet.networks.densenet_small", "densenet_small"),
    "mini-xception": ("smiledet.networks.mini_xception", "mini_xception"),
    "mobilenet-025": ("smiledet.networks.mobilenet", "mobilenet_025"),
    "resnet-small": ("smiledet.networks.resnet_small", "resnet_small"),
}


def architecture_names() -> list[str]:
    """The architectures that a recipe may name."""
    return sorted(_BUILDERS)


def build_network(architecture: str, input_shape: InputShape, classes: int) -> keras.Model:
    """Build an untrained network.

    Args:
        architecture: One of `architecture_names()`.
        input_shape: (height, width, channels) of a chip; None for any height or width.
        classes: Number of outputs, a softmax over them.

    Returns:
        A model from float32 (batch, height, width, channels), pixels 0 … 255, to float32 (batch, classes); scaling the
        pixels is its first layer, so that no engine can get the preprocessing wrong.

    Raises:
        UsageError: No such architecture.
    """
    if architecture not in _BUILDERS:
        raise UsageError(f"no architecture {architecture!r}; there are {', '.join(architecture_names())}")
    module, function = _BUILDERS[architecture]
    builder: Builder = getattr(import_module(module), function)
    return builder(input_shape, classes)
