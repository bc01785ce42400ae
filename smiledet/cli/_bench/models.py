"""Measure inferences a second of every shipped classifier.

Example:
  smiledet bench models --threads 2
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from smiledet.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--engine", default="litert", help="what runs the models (default: litert)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads an inference (default: 1)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse fewer threads than one."""
    if arguments.threads < 1:
        raise UsageError(f"--threads {arguments.threads}: expected at least 1")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time every model."""
    from smiledet.benchmark.models import measure_models

    speeds = measure_models(arguments.engine, arguments.threads)
    return {"models": [{**asdict(speed), "fps": speed.fps} for speed in speeds]}


def tables(result: dict[str, Any]) -> Iterator[str]:
    """One row a model."""
    from smiledet.report import table

    header = ("model", "engine", "FPS", "ms", "slowest/fastest round", "kB")
    rows = [
        (
            row["model"],
            row["engine"],
            f"{row['fps']:.0f}",
            f"{row['milliseconds']:.3f}",
            f"{row['spread']:.2f}",
            f"{row['kilobytes']:.0f}",
        )
        for row in result["models"]
    ]
    yield table(header, rows)
