"""The registry of architectures.

Each file of this folder that builds networks lists them in a constant `ARCHITECTURES`, a row a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

import keras

from smiledet.errors import UsageError

InputShape: TypeAlias = "tuple[int | None, int | None, int]"
"""(height, width, channels); None for any height or width."""

Builder = Callable[[InputShape, Any], "keras.Model"]
"""(input shape (height, width, channels), classes or the classes of each task, see `parts.Classes`) -> a model from
float32 pixels 0 … 255 to class probabilities."""


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
        several_tasks: Whether it takes a head a task on its trunk.
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
    several_tasks: bool = False
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
