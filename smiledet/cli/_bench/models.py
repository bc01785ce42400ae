"""Measure every shipped classifier on every engine: the papers' Table 4 on this machine.

Faces a second and milliseconds a face, on one thread and on several, one face at a time and eight; parameters,
multiply-adds and the size of the file. OpenVINO is timed beside the engines where it is installed: smiledet does not
run on it, but no shipped network may be more than 1.3 times slower than the fastest of all.

Example:
  smiledet bench models
  smiledet bench models --architectures --only vgg-16 --only mobilenet-025-128 --plots plots
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.benchmark.models import NetworkSpeed
    from smiledet.engines.base import Engine
    from smiledet.report import Section

FLOOR = 1.3
"""How many times slower than the fastest a shipped network may be on the engine that runs it."""

TITLES = {"models": "Shipped models", "architectures": "Architectures with random weights"}

HELD_AGAINST = ("litert", "onnx", "openvino")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument(
        "--engine", action="append", metavar="NAME", help="one to measure; may be repeated (default: all that run here)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads beside one (default: as many as cores)")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="rounds of the models (default: 7)")
    parser.add_argument("--architectures", action="store_true", help="every architecture too, with random weights")
    parser.add_argument("--only", action="append", metavar="NAME", help="one network alone; may be repeated")


def check(arguments: argparse.Namespace) -> None:
    """Refuse counts below one, engines that cannot run here, and networks that there are not."""
    from smiledet.benchmark.networks import check_names
    from smiledet.benchmark.yardstick import runner_class

    for flag in ("threads", "repeats"):
        if (value := getattr(arguments, flag)) is not None and value < 1:
            raise UsageError(f"--{flag} {value}: expected at least 1")
    for name in arguments.engine or ():
        runner_class(name).check()
    if arguments.architectures or arguments.only:
        check_names(arguments.only or (), arguments.architectures)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time every model; the architectures after them, a few at a time."""
    from smiledet.benchmark.models import measure_networks
    from smiledet.benchmark.networks import shipped_networks, untrained_networks
    from smiledet.benchmark.yardstick import runner_class

    runners, missed = _runners(arguments.engine)
    threads = sorted({1, arguments.threads or os.cpu_count() or 1})
    formats = list(dict.fromkeys(runner_class(name).file_format for name in runners))
    result: dict[str, Any] = {"threads": threads, "repeats": arguments.repeats, "models": [], "architectures": []}
    with TemporaryDirectory(prefix="smiledet-bench-") as temporary:
        folder = Path(temporary)
        only = arguments.only or ()
        untrained = untrained_networks(formats, folder, only) if arguments.architectures else ()
        for kind, groups in (("models", [shipped_networks(formats, folder, only)]), ("architectures", untrained)):
            for networks in groups:
                speeds, more = measure_networks(networks, runners, threads, arguments.repeats)
                result[kind] += _rows(speeds)
                missed += more
    # As the thesis' Table 4 has them: by the work that a picture is.
    result["architectures"].sort(key=lambda row: row["multiply_adds"])
    return {**result, "not_measured": missed, "floor": _floor(result["models"])}


def _runners(wanted: list[str] | None) -> tuple[list[str], list[str]]:
    """What is to be timed, and a line for each that cannot be."""
    from smiledet.benchmark.yardstick import runner_class, runner_names

    if wanted:
        return list(dict.fromkeys(wanted)), []
    problems = {name: _problem(runner_class(name)) for name in runner_names()}
    return [name for name, problem in problems.items() if not problem], list(filter(None, problems.values()))


def _problem(runner: type[Engine]) -> str:
    """Why an engine cannot run here, in a line, or nothing."""
    try:
        runner.check()
    except UsageError as problem:
        return str(problem)
    return ""


def _rows(speeds: list[NetworkSpeed]) -> list[dict[str, Any]]:
    from smiledet.benchmark.models import to_the_fastest

    first: dict[str, dict[str, tuple[float, ...]]] = {}
    for speed in speeds:
        first.setdefault(speed.network.name, {})[speed.runner] = speed.timings[0].rounds
    ratios = {name: to_the_fastest(times) for name, times in first.items()}
    return [_row(speed, ratios[speed.network.name][speed.runner]) for speed in speeds]


def _row(speed: NetworkSpeed, ratio: float) -> dict[str, Any]:
    network = speed.network
    return {
        "model": network.name,
        "engine": speed.runner,
        "device": speed.device,
        "input": list(network.input_shape),
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "kilobytes": round(speed.kilobytes, 1),
        "fps": round(1000 / speed.timings[0].median, 1),
        "milliseconds": round(speed.timings[0].median, 4),
        "to_the_fastest": round(ratio, 3),
        "times": [
            {
                "threads": timing.threads,
                "faces_at_once": timing.batch,
                "ms_a_face": round(timing.median, 4),
                "quartiles_ms": [round(each, 4) for each in timing.quartiles],
                "rounds_ms": [round(each, 4) for each in timing.rounds],
            }
            for timing in speed.timings
        ],
        **network.figures,
    }


def _floor(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Whether every shipped network keeps to `FLOOR` on the engine that runs it; None where that was not timed."""
    from smiledet.benchmark.models import to_the_fastest
    from smiledet.engines.choice import choose_engine

    engine = choose_engine().name
    times: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["engine"] in HELD_AGAINST:
            times.setdefault(row["model"], {})[row["engine"]] = row["times"][0]["rounds_ms"]
    ratios = {name: to_the_fastest(each)[engine] for name, each in times.items() if engine in each and len(each) > 1}
    if not ratios:
        return None
    against = sorted({name for each in times.values() for name in each})
    kept = all(ratio <= FLOOR for ratio in ratios.values())
    rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
    return {"engine": engine, "against": against, "limit": FLOOR, "ratios": rounded, "kept": kept}


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """A table of the shipped models, one of the architectures: a row a network and engine."""
    from smiledet.benchmark.model_tables import by_engine

    for kind, title in TITLES.items():
        if result[kind]:
            yield title, *by_engine(result[kind])


def brief(result: dict[str, Any]) -> Iterator[Section]:
    """The same in short: a row a network."""
    from smiledet.benchmark.model_tables import by_network

    for kind, title in TITLES.items():
        if result[kind]:
            yield f"{title}: ms a face, one thread", *by_network(result[kind])


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """The verdict, and what was not measured."""
    floor = result["floor"]
    if floor is not None:
        worst = max(floor["ratios"], key=floor["ratios"].__getitem__)
        yield (
            f"Floor of {floor['limit']} times the fastest of {', '.join(floor['against'])}, one face on one thread: "
            f"{'kept' if floor['kept'] else 'NOT kept'} by {floor['engine']}; "
            f"the slowest is {worst}, {floor['ratios'][worst]:.2f} times."
        )
    yield from (f"Not measured: {why}" for why in result["not_measured"])


def tables(result: dict[str, Any]) -> Iterator[str]:
    """One row a network and engine, the verdict, and what was not measured."""
    from smiledet.report import table

    for title, header, rows in sections(result):
        yield f"{title}\n{table(header, rows)}"
    yield "\n".join(remarks(result))


def plots(result: dict[str, Any], folder: Path) -> Iterator[Path]:
    """FPS by engine, and accuracy or parameters against time."""
    from smiledet.benchmark.plots import plot_models

    yield from plot_models(result, folder)
