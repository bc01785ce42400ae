"""Shipped models in every engine's format, real faces, and what Keras says of them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from smiledet.engines._tensorrt import board_python, finding, helper
from smiledet.engines.files import file_key, file_name
from smiledet.model_index import Model

Chips = np.ndarray

FAKES = Path(__file__).parent / "fake_tensorrt"


@pytest.fixture(scope="session")
def fake_cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CUDA_HOME with a stand-in for CUDA's runtime."""
    if not shutil.which("gcc"):
        pytest.skip("gcc, which makes the stand-in for CUDA's runtime, is not installed")
    library = tmp_path_factory.mktemp("cuda") / "lib64" / "libcudart.so"
    library.parent.mkdir()
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-o", library, FAKES / "cudart.c"], check=True, timeout=60)
    return library.parents[1]


@pytest.fixture
def fake_tensorrt(
    fake_cuda: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., None]]:
    """Stand-ins for TensorRT and CUDA in this process and those that it starts; set anew by `use(version)`."""
    monkeypatch.setenv("CUDA_HOME", str(fake_cuda))
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "plans"))
    monkeypatch.delenv(finding.CHOSEN_PYTHON, raising=False)
    # Not monkeypatch's way, which would take away again what others have put on the path meanwhile: ONNX Runtime does.
    sys.path.insert(0, str(FAKES))
    monkeypatch.setattr(helper, "_helpers", {})

    def use(version: str, **settings: str) -> None:
        monkeypatch.setenv("FAKE_TENSORRT", version)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        forget()

    def forget() -> None:
        sys.modules.pop("tensorrt", None)
        finding.find_tensorrt.cache_clear()
        board_python._logs.clear()

    use("10.3.0")
    yield use
    sys.path.remove(str(FAKES))
    forget()


@pytest.fixture
def fake_gpu(fake_tensorrt: Callable[..., None], fake_cuda: Path) -> Iterator[Callable[..., None]]:
    """`fake_tensorrt`; at the end nothing may be left in the stand-in's memory, and no helper may be left running."""
    live = ctypes.CDLL(str(fake_cuda / "lib64" / "libcudart.so")).fake_live
    before = live()
    yield fake_tensorrt
    running = [each for each in helper._helpers.values() if each._program is not None]
    for each in running:
        each._kill()
    assert not running
    assert live() == before


@pytest.fixture(scope="session")
def network(keras: ModuleType) -> Callable[[Model], Any]:
    """The Keras network of a model, loaded once."""
    from smiledet.lab.training.export.export import load_network

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
    from smiledet.lab.training.export.agreement import portrait_chips

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
    from smiledet.lab.training.export.agreement import keras_scores

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
        from smiledet.lab.training.export.export import export

        key = file_key(file_format, precision)
        if key in model.files:
            return model.file(key)
        path = folder / model.task / file_name(model, file_format, precision)
        if not path.exists():
            calibration = faces(model) if precision == "int8" else None
            export(network(model), path, file_format, precision, calibration)
        return path

    return get
