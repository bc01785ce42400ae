"""What every engine can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError


class Engine(ABC):
    """A loaded network. It belongs to the thread that made it.

    Args:
        path: The network's file in the engine's format.
        threads: Threads that one inference may use.

    Raises:
        UsageError: The engine's library is not installed, or the file is not what it reads.
    """

    name: ClassVar[str]

    device: str
    """What really runs it, in words for the stats line."""

    @abstractmethod
    def __init__(self, path: Path, threads: int = 1) -> None: ...

    @abstractmethod
    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Class probabilities of every chip.

        Args:
            chips: (n, height, width, channels), uint8 or float32, pixel values 0 … 255; n may be 0.

        Returns:
            float32 (n, classes); rows sum to 1.

        Raises:
            ValueError: The chips' shape is not the network's.
        """

    def close(self) -> None:  # noqa: B027 - most engines have nothing to free
        """Free what the engine holds; closing twice does no harm."""


def engine_names() -> list[str]:
    """The engines that there are: one a file in this folder."""
    package = import_module("smiledet.engines")
    return sorted(module.name for module in iter_modules(package.__path__) if module.name != "base")


def load_engine(name: str, path: Path, threads: int = 1) -> Engine:
    """Load a network into an engine.

    Raises:
        UsageError: No such engine, or see `Engine`.
    """
    if name not in engine_names():
        raise UsageError(f"no engine {name!r}; there are {', '.join(engine_names())}")
    engine: Engine = import_module(f"smiledet.engines.{name}").ENGINE(path, threads)
    return engine
