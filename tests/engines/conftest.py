"""Shipped models in every engine's format, real faces, and what Keras says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from smiledet.engines.files import file_key, file_name
from smiledet.errors import UsageError
from smiledet.training.backend import prepare
from smiledet.zoo import Model

Chips = np.ndarray


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    try:
        prepare()
    except UsageError as problem:
        pytest.skip(str(problem))
    module: ModuleType = pytest.importorskip("keras")
    return module


@pytest.fixture(scope="session")
def network(keras: ModuleType) -> Callable[[Model], Any]:
    """The Keras network of a model, loaded once."""
    from smiledet.training.export import load_network

    loaded: dict[str, Any] = {}

    def get(model: Model) -> Any:
        key = f"{model.task}/{model.name}"
        if key not in loaded:
            loaded[key] = load_network(model)
        return loaded[key]

    return get


@pytest.fixture(scope="session")
def faces(keras: ModuleType) -> Callable[[Model], Chips]:
    """Real faces as a model takes them: both portraits of the demo, turned and lit."""
    from smiledet.training.agreement import portrait_chips

    cut: dict[Any, Chips] = {}

    def get(model: Model) -> Chips:
        assert model.input is not None
        if model.input not in cut:
            cut[model.input] = portrait_chips(model.input, tilts=(-10, 0, 10), light=(0.6, 1.2))
        return cut[model.input]

    return get


@pytest.fixture(scope="session")
def keras_scores(network: Callable[[Model], Any], faces: Callable[[Model], Chips]) -> Callable[[Model], np.ndarray]:
    """What the Keras network says of `faces`."""
    from smiledet.training.agreement import keras_scores

    found: dict[str, np.ndarray] = {}

    def get(model: Model) -> np.ndarray:
        key = f"{model.task}/{model.name}"
        if key not in found:
            found[key] = keras_scores(network(model), faces(model))
        return found[key]

    return get


@pytest.fixture(scope="session")
def exported(
    network: Callable[[Model], Any], faces: Callable[[Model], Chips], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """A model's file in a format: the one that ships, or one that is made here, once."""
    folder = tmp_path_factory.mktemp("exported")

    def get(model: Model, file_format: str, precision: str = "float32") -> Path:
        from smiledet.training.export import export

        key = file_key(file_format, precision)
        if key in model.files:
            return model.file(key)
        path = folder / model.task / file_name(model, file_format, precision)
        if not path.exists():
            calibration = faces(model) if precision == "int8" else None
            export(network(model), path, file_format, precision, calibration)
        return path

    return get
