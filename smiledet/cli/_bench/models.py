"""Measure every shipped classifier on every engine: the papers' Table 4 on this machine.

Faces a second and milliseconds a face, on one thread and on several, one face at a time and eight; parameters,
multiply-adds and the size of the file. OpenVINO is timed beside the engines where it is installed: smiledet does not
run on it, but no shipped network may be more than 1.3 times slower than the fastest of all.

Converted networks are kept in the user's cache folder (`converted`, some gigabytes with all architectures), so that a
second run only measures. With --output the figures are kept as they come, and after an interrupt the same command goes
on where it was. A setting gets so many rounds of about 0.05 s; a slow one fewer, about 2 s in all but 3 at least: the
JSON has every round.

Example:
  smiledet bench models
  smiledet bench models --architectures --convert-only
  smiledet bench models --architectures --only vgg-16 --only mobilenet-025-128 --plots plots
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.engines.base import Engine
    from smiledet.lab.benchmark.models.networks import Network
    from smiledet.report import Section

TITLES = {"models": "Shipped models", "architectures": "Architectures with random weights"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument(
        "--engine", action="append", metavar="NAME", help="one to measure; may be repeated (default: all that run here)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads beside one (default: as many as cores)")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="rounds of the models (default: 7)")
    parser.add_argument("--architectures", action="store_true", help="every architecture too, with random weights")
    parser.add_argument("--only", action="append", metavar="NAME", help="one network alone; may be repeated")
    parser.add_argument("--convert-only", action="store_true", help="convert what is not converted yet, and no more")


def check(arguments: argparse.Namespace) -> None:
    """Refuse counts below one, engines that cannot run here, and networks that there are not."""
    from smiledet.lab.benchmark.models.networks import check_names
    from smiledet.lab.benchmark.models.openvino import runner_class

    for flag in ("threads", "repeats"):
        if (value := getattr(arguments, flag)) is not None and value < 1:
            raise UsageError(f"--{flag} {value}: expected at least 1")
    for name in arguments.engine or ():
        runner_class(name).check()
    if arguments.architectures or arguments.only:
        check_names(arguments.only or (), arguments.architectures)
    if arguments.convert_only:
        _check_converting(arguments)


def _check_converting(arguments: argparse.Namespace) -> None:
    from smiledet.lab.benchmark.models.networks import can_convert

    if arguments.target is None:
        raise UsageError("--convert-only is of the target models: smiledet bench models --convert-only")
    for flag in ("output", "plots"):
        if getattr(arguments, flag) is not None:
            raise UsageError(f"--convert-only measures nothing: there is nothing for --{flag}")
    if not can_convert():
        raise UsageError("--convert-only needs Keras and TensorFlow: pip install 'smiledet[train]' (Python 3.11 on)")


def grow(arguments: argparse.Namespace, begun: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Time every model; the architectures after them, the small ones first; what `begun` has is not timed again."""
    from smiledet.lab.benchmark.models.measure import measure_networks
    from smiledet.lab.benchmark.models.rows import as_rows, verdict

    runners, missed = _runners(arguments.engine)
    threads = sorted({1, arguments.threads or os.cpu_count() or 1})
    rows: dict[str, list[dict[str, Any]]] = {kind: list(begun.get(kind, ())) for kind in TITLES}
    done = {row["model"] for kind in TITLES for row in rows[kind]}
    missed += [line for line in begun.get("not_measured", ()) if line.partition(" on ")[0] in done]

    def so_far() -> dict[str, Any]:
        # As the thesis' Table 4 has them: by the work that a picture is.
        rows["architectures"].sort(key=lambda row: row["multiply_adds"] or 0)
        settings = {"threads": threads, "repeats": arguments.repeats}
        return {**settings, **rows, "not_measured": list(dict.fromkeys(missed)), "floor": verdict(rows["models"])}

    if arguments.convert_only:
        yield {
            **so_far(),
            "converted": _converted(network for _, some in _groups(arguments, runners, done) for network in some),
        }
        return
    for kind, networks in _groups(arguments, runners, done):
        speeds, more = measure_networks(networks, runners, threads, arguments.repeats)
        rows[kind] += as_rows(speeds)
        missed += more
        yield so_far()
    yield so_far()


def _groups(
    arguments: argparse.Namespace, runners: Sequence[str], done: Collection[str]
) -> Iterator[tuple[str, list[Network]]]:
    """What is measured together, converted."""
    from smiledet.lab.benchmark.models.networks import shipped_networks, untrained_networks
    from smiledet.lab.benchmark.models.openvino import runner_class

    formats = list(dict.fromkeys(runner_class(name).file_format for name in runners))
    only = arguments.only or ()
    yield "models", shipped_networks(formats, only, done)
    if arguments.architectures:
        for networks in untrained_networks(formats, only, done):
            yield "architectures", networks


def _converted(networks: Iterable[Network]) -> list[str]:
    """Convert networks; a line for each, and for each format that there is none of."""
    lines = []
    for network in networks:
        lines.append(f"{network.name}: {', '.join(network.files) or 'nothing'}")
        lines += [f"Not converted: {network.name} to {each}: {why}" for each, why in network.missing.items()]
    return lines


def _runners(wanted: list[str] | None) -> tuple[list[str], list[str]]:
    """What is to be timed, and a line for each that cannot be."""
    from smiledet.lab.benchmark.models.openvino import runner_class, runner_names

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


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """A table of the shipped models, one of the architectures: a row a network and engine."""
    from smiledet.lab.benchmark.models.tables import by_engine

    for kind, title in TITLES.items():
        if result[kind]:
            yield title, *by_engine(result[kind])


def brief(result: dict[str, Any]) -> Iterator[Section]:
    """The same in short: a row a network."""
    from smiledet.lab.benchmark.models.tables import by_network

    for kind, title in TITLES.items():
        if result[kind]:
            yield f"{title}: ms a face, one thread", *by_network(result[kind])


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """The verdict, and what was not measured; or what was converted."""
    yield from result.get("converted", ())
    floor = result["floor"]
    if floor is not None:
        worst = max(floor["ratios"], key=floor["ratios"].__getitem__)
        yield (
            f"Floor of {floor['limit']} times the fastest of {', '.join(floor['against'])}, one face on one thread: "
            f"{'kept' if floor['kept'] else 'NOT kept'} by {floor['engine']}; "
            f"the slowest is {worst}, {floor['ratios'][worst]:.2f} times."
        )
    yield from (f"Not measured: {why}" for why in result["not_measured"])


def plots(result: dict[str, Any], folder: Path) -> Iterator[Path]:
    """FPS by engine, and accuracy or parameters against time."""
    from smiledet.lab.benchmark.plots import plot_models

    yield from plot_models(result, folder)
