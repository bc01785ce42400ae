"""What every engine can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.errors import ModelError


class Engine(ABC):
    """A loaded network. It belongs to the thread that made it.

    Args:
        path: The network's file in the engine's format.
        threads: Threads that one inference may use.

    Raises:
        ModelError: The engine's library is not installed, or the file is not what it reads.

    Examples:
        >>> from smiledet.model_index import find_model
        >>> network = load_engine("litert", find_model("smile", "mini-xception").file("litert"))
        >>> network.predict(np.zeros((3, 64, 64, 1), np.uint8)).shape
        (3, 2)
        >>> network.close()
    """

    name: ClassVar[str]
    """What `--engine` calls it."""

    file_format: ClassVar[str]
    """What it reads: one of `smiledet.engines.files.FORMATS`."""

    auto_precisions: ClassVar[tuple[str, ...]] = ("float32",)
    """Of the files that will do where nobody asks for one, the best first."""

    prefers_int8: ClassVar[bool] = False
    """Whether it is best at files of integers throughout, where one ships: none does that loses half a point."""

    device: str
    """What really runs it, in words for the stats line; asked of the library, not assumed."""

    @abstractmethod
    def __init__(self, path: Path, threads: int = 1) -> None: ...

    @classmethod
    def load(cls, path: Path, threads: int, precision: str) -> Engine:  # noqa: ARG003 - the file decides
        """Load a network, to compute in a precision if the engine can choose that; most compute as the file has it.

        Args:
            path: See `Engine`.
            threads: See `Engine`.
            precision: One of `smiledet.engines.files.PRECISIONS`, or `auto`.
        """
        return cls(path, threads)

    @classmethod
    def file_precisions(cls, wanted: str) -> tuple[str, ...]:
        """Precisions of the files that will do for what is wanted, the best first.

        Args:
            wanted: One of `smiledet.engines.files.PRECISIONS`, or `auto`.
        """
        return cls.auto_precisions if wanted == "auto" else (wanted,)

    @classmethod
    def reads_keras(cls) -> bool:
        """Whether the engine runs Keras' own files here, where there is none of its format."""
        return False

    @classmethod  # noqa: B027 - an engine may need nothing beyond this package
    def check(cls) -> None:
        """See whether the engine can run here, without loading a network.

        Raises:
            ModelError: It cannot; the one line says what is missing and what brings it.
        """

    @abstractmethod
    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Class probabilities of every chip.

        Args:
            chips: (n, height, width, channels), uint8 or float32, pixel values 0 … 255; n may be 0.

        Returns:
            float32 (n, classes); rows sum to 1.

        Raises:
            ValueError: The chips' shape or type is not the network's.
        """

    def close(self) -> None:  # noqa: B027 - most engines have nothing to free
        """Free what the engine holds; closing twice does no harm."""


def check_chips(chips: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    """See that chips are what a network takes.

    Args:
        chips: What `Engine.predict` was given.
        shape: (height, width, channels) that the network takes.

    Raises:
        ValueError: They are not.
    """
    if chips.shape[1:] != shape or chips.ndim != len(shape) + 1:
        raise ValueError(f"chips of shape {chips.shape}, expected (n, {', '.join(map(str, shape))})")
    if chips.dtype not in (np.uint8, np.float32):
        raise ValueError(f"chips of type {chips.dtype}, expected uint8 or float32")


def in_batches(chips: npt.NDArray[Any], size: int) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Cut chips into batches of one fixed size, as a network with a fixed batch takes them.

    Args:
        chips: (n, …).
        size: Chips a batch.

    Yields:
        The rows that a batch is for, and its chips (size, …); the last batch is filled up with zeros.
    """
    for start in range(0, len(chips), size):
        rows = slice(start, min(start + size, len(chips)))
        batch = chips[rows]
        if len(batch) < size:
            batch = np.concatenate([batch, np.zeros((size - len(batch), *chips.shape[1:]), chips.dtype)])
        yield rows, batch


def engine_names() -> list[str]:
    """The engines that there are: a file in this folder each, with an `ENGINE`."""
    package = import_module("smiledet.engines")
    names = (module.name for module in iter_modules(package.__path__))
    return sorted(name for name in names if hasattr(import_module(f"smiledet.engines.{name}"), "ENGINE"))


def engine_class(name: str) -> type[Engine]:
    """An engine by name; its library is not imported yet.

    Raises:
        ModelError: No such engine.
    """
    if name not in engine_names():
        raise ModelError(f"no engine {name!r}; there are {', '.join(engine_names())}")
    found: type[Engine] = import_module(f"smiledet.engines.{name}").ENGINE
    return found


def load_engine(name: str, path: Path, threads: int = 1, precision: str = "auto") -> Engine:
    """Load a network into an engine.

    Args:
        name: The engine.
        path: The network's file in the engine's format.
        threads: Threads that one inference may use.
        precision: See `Engine.load`.

    Raises:
        ModelError: No such engine, or see `Engine`.
    """
    return engine_class(name).load(path, threads, precision)
