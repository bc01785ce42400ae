"""From a network's output to a model's answers: which of its numbers are meant, and how far they can be believed.

A network may read several tasks at once; each model of the index says which of its outputs are its labels'. And it says
by which temperature the probabilities are calibrated (C. Guo and others: On calibration of modern neural networks, ICML
2017): p ** (1 / T), scaled to a sum of 1, which is what dividing the scores before the softmax by T comes to.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.engines.mirror_averaging import look
from smiledet.errors import FrameError
from smiledet.model_index import Model


def answers_of(model: Model, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A model's answers in a network's output.

    Args:
        model: Its row of the index.
        rows: What the network says, float32 (n, outputs).

    Returns:
        float32 (n, labels), calibrated probabilities; each row sums to 1.

    Raises:
        FrameError: The network says something that is no number (NaN) or infinite: it would spoil every later mean.

    >>> from dataclasses import replace
    >>> from smiledet.model_index import find_model
    >>> model = replace(find_model("smile"), outputs=(1, 0), temperature=2.0)
    >>> answers_of(model, np.array([[0.9, 0.1]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    chosen = rows[:, _columns(model.outputs)] if model.outputs else rows
    if model.temperature != 1:
        chosen = np.power(chosen, 1 / model.temperature)
    total = chosen.sum(axis=1, keepdims=True)
    totals = total.ravel().tolist()
    if not all(map(math.isfinite, totals)):
        raise FrameError(f"the network of {model.task}/{model.name} answers no numbers")
    if not model.outputs and model.temperature == 1:
        return np.asarray(rows, np.float32)
    if min(totals, default=1.0) <= 0:  # an integer network may say 0 of all labels that are meant
        chosen = np.where(total > 0, chosen, 1)
        total = chosen.sum(axis=1, keepdims=True)
    return np.asarray(chosen / total, np.float32)


@cache
def _columns(outputs: tuple[int, ...]) -> slice | npt.NDArray[np.intp]:
    """Outputs as an index of columns."""
    first, last = outputs[0], outputs[-1]
    return slice(first, last + 1) if outputs == tuple(range(first, last + 1)) else np.array(outputs)


def read(network: Engine, chips: npt.NDArray[Any], model: Model) -> npt.NDArray[np.float32]:
    """A model's answers to photographs' chips; see `look` and `answers_of`."""
    return answers_of(model, look(network, chips, model.mirror_averaging))
