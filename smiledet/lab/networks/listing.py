"""Every architecture with its size and work, without the memory that its weights would take."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import keras

from smiledet.lab.networks.base import Architecture, architectures
from smiledet.lab.networks.flops import Work, count_flops


@dataclass(frozen=True, slots=True)
class Listed:
    """One architecture as its paper has it.

    Attributes:
        row: Of the registry.
        parameters: All of them, at the row's input and classes.
        trainable: Those of them that learn.
        work: For one picture.
    """

    row: Architecture
    parameters: int
    trainable: int
    work: Work


def outline(row: Architecture) -> Listed:
    """Measure one architecture at its own input and classes.

    Its weights get shapes but no values: in a stateless scope Keras draws them only when it is left, and here not even
    then. The network itself is of no use and is let go.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            network = row.build(row.input_shape, row.classes)
            trainable = sum(math.prod(weight.shape) for weight in network.trainable_weights)
            return Listed(row, network.count_params(), trainable, count_flops(network))
    finally:
        keras.utils.clear_session()  # or the next scope that is left would draw them after all


def listing(rows: Iterable[Architecture] | None = None) -> list[Listed]:
    """Measure every architecture, or some."""
    return [outline(row) for row in (architectures().values() if rows is None else rows)]
