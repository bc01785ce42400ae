"""Measure what each network takes of the machine in training and in testing.

Share of the processor, user, system, memory: Tables 4 and 5 of the light-weight CNN's paper, whose own figures stand
beside ours. Testing is LiteRT on one thread with as many faces a second as a camera gives; the paper does not say how
many its own had.

The networks are those that ship. A process each, which starts TensorFlow and compiles a first step before it is
measured: some two minutes on two cores, five with the paper's four.

Example:
  smiledet bench resources --paper --plots plots
  smiledet bench resources --stage testing --pace 0 --only light-weight-cnn --json
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.report import Section

STAGES = ("training", "testing")

HEADER = (
    "network",
    "measured",
    "CPU %",
    "quartiles",
    "of it user",
    "system",
    "machine us %",
    "sy %",
    "MEM %",
    "MB",
    "faces a second",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--only", action="append", metavar="NAME", help="an architecture; may be repeated")
    parser.add_argument("--paper", action="store_true", help="the paper's four networks too")
    parser.add_argument("--all", action="store_true", help="every architecture, the largest too (the most of an hour)")
    parser.add_argument("--stage", choices=STAGES, help="one of the two alone")
    parser.add_argument(
        "--pace", type=float, default=30.0, metavar="R", help="faces a second in testing, 0: all it can"
    )
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="seconds a network and stage")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds to take the median of (default: 3)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse figures that make no sense, networks that there are not, and missing packages."""
    from smiledet.lab.benchmark.resources.measure import check_architectures

    if arguments.rounds < 1:
        raise UsageError(f"--rounds {arguments.rounds}: expected at least 1")
    if not (math.isfinite(arguments.seconds) and arguments.seconds > 0):
        raise UsageError(f"--seconds {arguments.seconds:g}: expected more than 0")
    if not (math.isfinite(arguments.pace) and arguments.pace >= 0):
        raise UsageError(f"--pace {arguments.pace:g}: expected faces a second, or 0 for as many as can be read")
    if sum(map(bool, (arguments.all, arguments.paper, arguments.only))) > 1:
        raise UsageError("--all, --paper and --only: expected one of the three")
    check_architectures(arguments.only or ())


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every network in both stages."""
    from smiledet.lab.benchmark.resources.measure import PAPER_MACHINE, measure_resources

    stages = [arguments.stage] if arguments.stage else list(STAGES)
    with TemporaryDirectory(prefix="smiledet-bench-") as folder:
        measured = measure_resources(
            _names(arguments), stages, arguments.seconds, arguments.pace, arguments.rounds, Path(folder)
        )
    rows = [_rounded(asdict(each)) for each in measured]
    return {"resources": rows, "pace": arguments.pace, "seconds": arguments.seconds, "paper_machine": PAPER_MACHINE}


def _names(arguments: argparse.Namespace) -> list[str]:
    """The architectures to measure: those of the shipped models, unless others are asked for."""
    from smiledet.lab.benchmark.models.networks import architecture_names, classifiers
    from smiledet.lab.benchmark.resources.measure import PAPER_NETWORKS

    if arguments.all:
        return architecture_names()
    shipped = sorted({model.architecture for model in classifiers()})
    return list(dict.fromkeys(arguments.only or [*(PAPER_NETWORKS if arguments.paper else ()), *shipped]))


def _rounded(value: Any) -> Any:
    """Figures to two decimals; finer than they are."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return round(value, 2) if isinstance(value, float) else value


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """A table a stage; the paper's figures below ours where it has some."""
    from smiledet.lab.benchmark.resources.measure import PAPER

    pace = f"{result['pace']:g} faces a second" if result["pace"] else "as fast as it can"
    titles = {"training": "Training (TensorFlow)", "testing": f"Testing (LiteRT, one thread, {pace})"}
    for stage, title in titles.items():
        rows = []
        for row in result["resources"]:
            if row["stage"] != stage:
                continue
            rows.append(_cells(row))
            if (paper := PAPER[stage].get(row["network"])) is not None:
                cpu, user, system, memory = (f"{each:.1f}" for each in paper)
                rows.append((row["network"], "in the paper", cpu, "", "", "", user, system, memory, "", ""))
        if rows:
            yield title, HEADER, rows


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    median = row["median"]
    shares = [f"{median[name]:.1f}" for name in ("cpu_user", "cpu_system", "user", "system", "memory")]
    low, high = row["quartiles"]
    spread = f"{low:.1f} to {high:.1f}"
    figures = f"{median['megabytes']:.0f}", f"{median['faces']:.1f}"
    return row["network"], "here", f"{median['cpu']:.1f}", spread, *shares, *figures


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """What the columns mean, and what the paper's figures are of."""
    yield (
        "CPU: of all cores' time, what the process had; us, sy: what all processes had, as `top` prints it; "
        "MEM: resident memory of all there is."
    )
    yield f"The paper's figures: its Tables 4 and 5, on an {result['paper_machine']}; at what rate it does not say."


def plots(result: dict[str, Any], folder: Path) -> Iterator[Path]:
    """Processor and memory of each network."""
    from smiledet.lab.benchmark.resources.plots import plot_resources

    yield from plot_resources(result, folder)
