"""Measure where the time of a run goes, stage by stage, and how much the stages overlap.

Times are those of a traced run (`smiledet run --trace`), start-up left out. `median` and `95 %` hold what a stage
waited for a core or for Python's lock, `CPU` is its own threads' processor time alone, `share` its busy time over the
run's.

Example:
  smiledet bench stages --clip clip.mp4 --live
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.report import Section


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="what to run on (default: demo)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs to take the median of (default: 3)")
    parser.add_argument("--max-frames", type=int, metavar="N", help="frames of each run (default: all)")
    parser.add_argument("--live", action="store_true", help="play the clips at their own pace")


def check(arguments: argparse.Namespace) -> None:
    """Refuse counts below one."""
    if arguments.rounds < 1:
        raise UsageError(f"--rounds {arguments.rounds}: expected at least 1")
    if arguments.max_frames is not None and arguments.max_frames < 1:
        raise UsageError(f"--max-frames {arguments.max_frames}: expected at least 1")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trace some runs of every source, in turn."""
    from smiledet.lab.benchmark.pipeline.stages import StageTimes, measure_stages, middle_run

    sources = list(dict.fromkeys(arguments.clip or ["demo"]))
    taken: dict[str, list[StageTimes]] = {source: [] for source in sources}
    for _ in range(arguments.rounds):
        for source in sources:
            taken[source].append(measure_stages(source, arguments.live, arguments.max_frames))
    return {"rounds": arguments.rounds, "stages": [asdict(middle_run(runs)) for runs in taken.values()]}


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """One table a source, a row a stage."""
    header = ("stage", "frames", "median ms", "95 % ms", "CPU ms", "share")
    for run in result["stages"]:
        rows = [
            (
                stage["stage"],
                str(stage["frames"]),
                f"{stage['median_ms']:.2f}",
                f"{stage['late_ms']:.2f}",
                f"{stage['cpu_ms']:.2f}",
                f"{100 * stage['share']:.0f} %",
            )
            for stage in run["stages"]
        ]
        yield f"{run['source']}: {run['mode']}, {run['frames']} frames in {run['seconds']:.2f} s", header, rows


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """How many stages were busy at once, a source each."""
    for run in result["stages"]:
        busy = f"{run['overlap']:.2f} stages busy at once, {run['cpu_share']:.2f} cores used by them"
        yield f"{run['source']}, {run['mode']}: {busy}"
