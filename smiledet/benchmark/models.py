"""Inferences a second of every shipped model."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine, load_engine
from smiledet.engines.files import model_file, size_of
from smiledet.frame import ChipSpec
from smiledet.zoo import Model, read_index

WARM_UP = 20


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """How fast a model is.

    Attributes:
        model: Task and name.
        engine: What ran it.
        milliseconds: Median of the rounds' mean time an inference, one chip at a time.
        spread: Slowest round over fastest.
        kilobytes: Size of its file.
    """

    model: str
    engine: str
    milliseconds: float
    spread: float
    kilobytes: float

    @property
    def fps(self) -> float:
        """Inferences a second."""
        return 1000 / self.milliseconds


def measure_models(
    engine: str = "litert",
    threads: int = 1,
    rounds: int = 7,
    inferences: int = 100,
    *,
    chosen: Sequence[Model] | None = None,
) -> list[ModelSpeed]:
    """Time classifiers, in turn within each round, so that a slow moment touches all of them.

    Args:
        engine: What runs them.
        threads: Threads an inference may use.
        rounds: Rounds to take the median of.
        inferences: Inferences a round.
        chosen: Which models; None for every shipped classifier.

    Raises:
        UsageError: A model has no file for the engine.
    """
    models = [model for model in (read_index() if chosen is None else chosen) if model.input is not None]
    runners = [load_engine(engine, model_file(model, engine), threads) for model in models]
    chips = [_chip(model.input) for model in models if model.input is not None]
    times: list[list[float]] = [[] for _ in models]
    for runner, chip in zip(runners, chips, strict=True):
        _time(runner, chip, WARM_UP)
    for _ in range(rounds):
        for runner, chip, taken in zip(runners, chips, times, strict=True):
            taken.append(_time(runner, chip, inferences))
    return [
        ModelSpeed(
            f"{model.task}/{model.name}",
            engine,
            statistics.median(taken) * 1000,
            max(taken) / min(taken),
            size_of(model_file(model, engine)) / 1000,
        )
        for model, taken in zip(models, times, strict=True)
    ]


def _chip(spec: ChipSpec) -> npt.NDArray[np.uint8]:
    shape = (1, spec.size, spec.size, spec.channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def _time(engine: Engine, chips: npt.NDArray[np.uint8], inferences: int) -> float:
    """Mean seconds an inference."""
    start = time.perf_counter()
    for _ in range(inferences):
        engine.predict(chips)
    return (time.perf_counter() - start) / inferences
