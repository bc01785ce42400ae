"""Keras, imported once and only after its environment is settled."""

from __future__ import annotations

from types import ModuleType

import pytest

from smiledet.errors import UsageError
from smiledet.training.backend import prepare


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    try:
        prepare()
    except UsageError as problem:
        pytest.skip(str(problem))
    module: ModuleType = pytest.importorskip("keras")
    return module
