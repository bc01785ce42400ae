"""Measure inferences a second of every model, and the whole pipeline on the demo or on clips.

Example:
  smiledet bench
  smiledet bench --clip clip.mp4 --rounds 5 --json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="what to run on (default: demo)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs to take the median of (default: 3)")
    parser.add_argument("--engine", default="litert", help="what runs the models (default: litert)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads an inference (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from smiledet.benchmark.machine import describe_machine
    from smiledet.benchmark.models import measure_models
    from smiledet.benchmark.pipeline import PipelineRun, measure_run
    from smiledet.errors import UsageError
    from smiledet.report import table

    for flag, value in (("rounds", arguments.rounds), ("threads", arguments.threads)):
        if value < 1:
            raise UsageError(f"--{flag} {value}: expected at least 1")
    machine = describe_machine()
    models = measure_models(arguments.engine, arguments.threads)
    sources = [(source, live) for source in arguments.clip or ["demo"] for live in (False, True)]
    taken: dict[tuple[str, bool], list[PipelineRun]] = {key: [] for key in sources}
    for _ in range(arguments.rounds):  # in turn, so that a slow moment of the machine touches all
        for source, live in sources:
            taken[source, live].append(measure_run(source, live))
    medians = [sorted(runs, key=lambda each: each.fps)[len(runs) // 2] for runs in taken.values()]
    if arguments.json:
        rows = {"models": [asdict(model) for model in models], "pipeline": [asdict(each) for each in medians]}
        print(json.dumps({"machine": machine, "rounds": arguments.rounds, **rows}))
        return 0
    print(machine)
    print()
    speeds = [
        (
            speed.model,
            speed.engine,
            f"{speed.fps:.0f}",
            f"{speed.milliseconds:.3f}",
            f"{speed.spread:.2f}",
            f"{speed.kilobytes:.0f}",
        )
        for speed in models
    ]
    print(table(("model", "engine", "FPS", "ms", "slowest/fastest round", "kB"), speeds))
    print()
    names = [field.name for field in fields(PipelineRun)]
    print(table(names, [[_cell(getattr(each, name)) for name in names] for each in medians]))
    return 0


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
