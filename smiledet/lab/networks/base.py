"""The registry of architectures, and how one is asked for.

Each file of this folder that builds networks lists them in a constant `ARCHITECTURES`, a row a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeAlias

import keras

from smiledet.errors import UsageError

InputShape: TypeAlias = "tuple[int | None, int | None, int]"
"""(height, width, channels); None for any height or width."""

Builder = Callable[[InputShape, int], "keras.Model"]
"""(input shape (height, width, channels), classes) -> a model from float32 pixels 0 … 255 to class probabilities."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Where an architecture's ImageNet weights come from.

    Attributes:
        source: (colour input shape, weights) -> Keras' own network without its classifier; weights are None or
            "imagenet", which Keras downloads.
        caffe: Whether those weights were trained on blue, green, red with the mean colour taken off, not on red, green,
            blue from -1 to 1.
    """

    source: Callable[[tuple[int, int, int], str | None], keras.Model]
    caffe: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """A row of the registry.

    Attributes:
        name: What a recipe calls it.
        build: Makes it.
        source: The paper, and where in it.
        input_shape: (height, width, channels) that the paper gives it, or that it was made for.
        classes: Outputs that the paper gives it; 1 is a single sigmoid unit (smile or not), more are a softmax.
        smallest: The smallest side that it takes.
        any_side: Whether it pools globally, so that one set of weights fits every side. Not so where a dense layer
            stands on a flattened map: those need a height and width when they are built.
        published: The parameter count that the paper prints for `input_shape` and `classes`, where it pins the layout.
        pretrained: Its ImageNet weights, where there are any.
        note: What the paper's text leaves open, and how it was settled here.
    """

    name: str
    build: Builder
    source: str
    input_shape: tuple[int, int, int]
    classes: int = 7
    smallest: int = 32
    any_side: bool = True
    published: int | None = None
    pretrained: Pretrained | None = None
    note: str = ""


@cache
def architectures() -> dict[str, Architecture]:
    """Every row, by name, sorted."""
    package = import_module("smiledet.lab.networks")
    modules = [import_module(f"smiledet.lab.networks.{module.name}") for module in iter_modules(package.__path__)]
    rows: list[Architecture] = [row for module in modules for row in getattr(module, "ARCHITECTURES", ())]
    return {row.name: row for row in sorted(rows, key=lambda row: row.name)}


def architecture_names() -> list[str]:
    """The architectures that a recipe may name."""
    return list(architectures())


def find_architecture(name: str) -> Architecture:
    """A row by name.

    Raises:
        UsageError: No such architecture.
    """
    if name not in architectures():
        raise UsageError(f"no architecture {name!r}; there are {', '.join(architecture_names())}")
    return architectures()[name]


def _check(row: Architecture, input_shape: InputShape, classes: int) -> None:
    height, width, channels = input_shape
    if classes < 1:
        raise UsageError(f"{row.name}: {classes} classes, expected 1 (a sigmoid unit) or more (a softmax)")
    if channels not in (1, 3):
        raise UsageError(f"{row.name}: {channels} channels, expected 1 (grey) or 3 (blue, green, red)")
    if not row.any_side and (height is None or width is None):
        raise UsageError(f"{row.name} has a dense layer on a flattened map: its input needs a height and a width")
    if any(side is not None and side < row.smallest for side in (height, width)):
        raise UsageError(f"{row.name}: an input of {height}x{width} pixels, expected at least {row.smallest} a side")


def build_network(
    architecture: str, input_shape: InputShape, classes: int, initial_weights: str | Path | None = None
) -> keras.Model:
    """Build a network.

    Args:
        architecture: One of `architecture_names()`.
        input_shape: (height, width, channels) of a chip; None for any height or width, where the architecture pools
            globally (`Architecture.any_side`). One channel is grey, three are blue, green, red.
        classes: Number of outputs. One is a single sigmoid unit, the probability of the positive class, as the thesis
            has it for smile; two or more are a softmax.
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
        from smiledet.lab.networks.imagenet import load_imagenet

        load_imagenet(row, network, initial_weights)
    return network
