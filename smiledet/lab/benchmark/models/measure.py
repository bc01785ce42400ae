"""How fast networks are: every engine, one thread and several, one face and eight."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file, size_of
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.models.networks import Network
from smiledet.lab.benchmark.models.openvino import runner_class
from smiledet.lab.benchmark.models.pacing import Case
from smiledet.lab.benchmark.models.timing_process import TimingProcess, random_chips, time_calls
from smiledet.model_index import Model, all_models

WARM_UP = 20

BATCHES = (1, 8)

ON_GPU = ("tensorrt",)
"""Engines to which the processor's threads are of no use."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One network on one engine in one setting.

    Attributes:
        threads: Threads that an inference may use.
        batch: Faces handed over at once; the shipped files take one at a time, and so they are run one by one.
        rounds: Milliseconds a face, each the median of a round's calls.
        calls: How many those are.
    """

    threads: int
    batch: int
    rounds: tuple[float, ...]
    calls: int = 1

    @property
    def median(self) -> float:
        """Of the rounds, in milliseconds a face."""
        return statistics.median(self.rounds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Of the rounds, in milliseconds a face."""
        if len(self.rounds) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return low, high


@dataclass(frozen=True, slots=True)
class NetworkSpeed:
    """One network on one engine.

    Attributes:
        network: Which.
        runner: The engine, or `openvino`.
        device: What really ran it, in words.
        kilobytes: Size of the engine's file.
        timings: One thread and one face first.
    """

    network: Network
    runner: str
    device: str
    kilobytes: float
    timings: tuple[Timing, ...]


def measure_networks(
    networks: Sequence[Network], runners: Sequence[str], threads: Sequence[int], rounds: int
) -> tuple[list[NetworkSpeed], list[str]]:
    """Time networks, in turn within each round, so that a slow moment touches all of them and every engine.

    Args:
        networks: With their files; one without a file for an engine is left out there.
        runners: Engines, and perhaps `openvino`.
        threads: Numbers of threads that an inference may use; 1 first.
        rounds: Rounds to take the median of; fewer for what is slow, see `smiledet.lab.benchmark.models.pacing`.

    Returns:
        A row a network and engine, and a line for each that could not be measured, in all settings or in one.
    """
    from smiledet.lab.progress import progress

    missed: list[str] = []
    if not networks:
        return [], []
    with ExitStack() as stack:
        cases: list[Case] = []
        for runner in runners:
            for count in threads[:1] if runner in ON_GPU else threads:
                process = stack.enter_context(closing(TimingProcess(runner, count)))
                cases += _loaded(process, networks, rounds, missed)
        cases = _each(progress(cases, "warm-up"), Case.warm_up, networks, missed)
        for _ in progress(range(rounds), "rounds"):
            cases = _each(cases, Case.time, networks, missed)
    return list(_rows(networks, cases)), list(dict.fromkeys(missed))


def _loaded(process: TimingProcess, networks: Sequence[Network], rounds: int, missed: list[str]) -> Iterator[Case]:
    """Every network in a process, in every batch; why not goes to `missed`."""
    file_format = runner_class(process.runner).file_format
    place = 0
    for number, network in enumerate(networks):
        try:
            if file_format not in network.files:
                if file_format not in network.missing:
                    continue
                raise UsageError(network.missing[file_format] or f"there is no {file_format} file")
            device = process.load(network.files[file_format], network.input_shape)
        except SmiledetError as problem:
            missed.append(f"{network.name} on {process.runner}: {problem}")
            continue
        yield from (Case(number, process, place, device, batch, rounds) for batch in BATCHES)
        place += 1


def _each(
    cases: Iterable[Case], do: Callable[[Case], None], networks: Sequence[Network], missed: list[str]
) -> list[Case]:
    """Do something with every case; those that went well. Why not goes to `missed`."""
    well = []
    for case in cases:
        try:
            do(case)
        except SmiledetError as problem:
            threads, faces = case.process.threads, case.batch
            setting = f"{threads} thread{'s' * (threads > 1)}, {faces} face{'s' * (faces > 1)} at once"
            missed.append(f"{networks[case.network].name} on {case.process.runner}, {setting}: {problem}")
            continue
        well.append(case)
    return well


def _rows(networks: Sequence[Network], cases: Iterable[Case]) -> Iterator[NetworkSpeed]:
    """A row a network and engine; none where the first setting is missing, which all are compared by."""
    groups: dict[tuple[int, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.network, case.process.runner), []).append(case)
    for (number, runner), group in sorted(groups.items(), key=lambda item: item[0][0]):
        if (group[0].process.threads, group[0].batch) != (1, 1):
            continue
        network = networks[number]
        size = size_of(network.files[runner_class(runner).file_format]) / 1000
        timings = tuple(Timing(each.process.threads, each.batch, tuple(each.rounds), each.calls) for each in group)
        yield NetworkSpeed(network, runner, group[0].device, size, timings)


def to_the_fastest(speeds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """How many times slower each is than the fastest.

    Args:
        speeds: Times of the same rounds by engine; a slow one may have fewer.

    Returns:
        The median of the rounds' ratios by engine: what slows a round down slows both. 1 for the fastest.
    """
    fastest = min(speeds.values(), key=statistics.median)
    return {
        name: statistics.median(own / best for own, best in zip(rounds, fastest, strict=False))
        for name, rounds in speeds.items()
    }


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """How fast a model is on one engine.

    Attributes:
        milliseconds: Median of the rounds' times an inference, one chip at a time.
        kilobytes: Size of its file.
    """

    milliseconds: float
    kilobytes: float


def measure_models(
    engine: str = "litert",
    threads: int = 1,
    rounds: int = 7,
    inferences: int = 100,
    *,
    chosen: Sequence[Model] | None = None,
) -> list[ModelSpeed]:
    """Time shipped classifiers on one engine in this very process, as reports of `smiledet evaluate` do.

    Args:
        engine: What runs them.
        threads: Threads an inference may use.
        rounds: Rounds to take the median of; all models in turn in each.
        inferences: Inferences a round.
        chosen: Which models; None for every shipped classifier.

    Raises:
        UsageError: A model has no file for the engine.
    """
    models = [model for model in (all_models() if chosen is None else chosen) if model.input is not None]
    runners = [load_engine(engine, model_file(model, engine), threads) for model in models]
    chips = [random_chips((spec.size, spec.size, spec.channels), 1) for model in models if (spec := model.input)]
    times: list[list[float]] = [[] for _ in models]
    for runner, chip in zip(runners, chips, strict=True):
        time_calls(runner, chip, WARM_UP)
    for _ in range(rounds):
        for runner, chip, taken in zip(runners, chips, times, strict=True):
            taken.append(time_calls(runner, chip, inferences))
    return [
        ModelSpeed(statistics.median(taken) * 1000, size_of(model_file(model, engine)) / 1000)
        for model, taken in zip(models, times, strict=True)
    ]
