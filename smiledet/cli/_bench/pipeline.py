"""Measure the whole pipeline on the demo or on clips, read through and played live.

Example:
  smiledet bench pipeline --clip clip.mp4 --rounds 5
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.benchmark.pipeline import PipelineRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="what to run on (default: demo)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs to take the median of (default: 3)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse fewer rounds than one."""
    if arguments.rounds < 1:
        raise UsageError(f"--rounds {arguments.rounds}: expected at least 1")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the pipeline on every source, in both modes."""
    from smiledet.benchmark.pipeline import measure_run

    sources = [(source, live) for source in arguments.clip or ["demo"] for live in (False, True)]
    taken: dict[tuple[str, bool], list[PipelineRun]] = {key: [] for key in sources}
    for _ in range(arguments.rounds):  # in turn, so that a slow moment of the machine touches all
        for source, live in sources:
            taken[source, live].append(measure_run(source, live))
    medians = [sorted(runs, key=lambda each: each.fps)[len(runs) // 2] for runs in taken.values()]
    return {"rounds": arguments.rounds, "pipeline": [_row(each) for each in medians]}


def tables(result: dict[str, Any]) -> Iterator[str]:
    """One row a source and mode."""
    from smiledet.report import table

    rows = result["pipeline"]
    watched = [{"source": row["source"], "mode": row["mode"], **row["telemetry"]} for row in rows if "telemetry" in row]
    for each in ([{name: row[name] for name in row if name != "telemetry"} for row in rows], watched):
        if each:
            yield table(list(each[0]), [[_cell(row.get(name, "-")) for name in each[0]] for row in each])


def _row(run: PipelineRun) -> dict[str, Any]:
    """A run's figures; those of the machine where it was watched, as it is on a Jetson."""
    values = asdict(run)
    if not values["telemetry"]:
        del values["telemetry"]
    return values


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
