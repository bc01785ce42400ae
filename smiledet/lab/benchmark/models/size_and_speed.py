"""A model's parameters, its file's size and its speed, for the reports of `smiledet evaluate`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from smiledet.lab.benchmark.models.measure import measure_models
from smiledet.lab.machine import describe_machine
from smiledet.model_index import Model

WEIGHTS = "model.weights.h5"

NOT_WEIGHTS = ("optimizer", "seed_generator")
"""Parts of a Keras file that hold numbers but no weights of the network."""


def parameters_of(model: Model) -> int | None:
    """A model's parameters, counted in its Keras file without importing Keras; None without that file, or h5py."""
    if "keras" not in model.files or find_spec("h5py") is None:
        return None
    import h5py

    total = 0

    def add(path: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and not set(NOT_WEIGHTS) & set(path.split("/")):
            total += item.size

    # Read at once: in a compressed archive each step back would unpack everything anew.
    content = io.BytesIO(zipfile.ZipFile(model.file("keras")).read(WEIGHTS))
    with h5py.File(content) as weights:
        weights.visititems(add)
    return total


def describe_models(models: Sequence[Model], engine: str) -> list[dict[str, Any]]:
    """Size and speed of models.

    Args:
        models: Classifiers, timed in turn within each round.
        engine: What runs them.

    Returns:
        For each `parameters` (None where they cannot be counted), `kilobytes`, `milliseconds` (one face, one thread)
        and `machine`.
    """
    machine = describe_machine()
    return [
        {
            "parameters": parameters_of(model),
            "kilobytes": round(speed.kilobytes, 1),
            "milliseconds": round(speed.milliseconds, 4),
            "machine": machine,
        }
        for model, speed in zip(models, measure_models(engine, chosen=models), strict=True)
    ]
