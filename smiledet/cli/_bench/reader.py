"""Measure what a call of `FaceReader.read` costs beside the stages that it is made of.

The picture has 640x480 pixels and one face. In each round the stages are called by themselves, one after the other, and
then the reader; the ratio is the median of the rounds'.

Example:
  smiledet bench reader --calls 200
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
    parser.add_argument("--calls", type=int, default=100, metavar="N", help="how often (default: 100)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse counts below one."""
    if arguments.calls < 1:
        raise UsageError(f"--calls {arguments.calls}: expected at least 1")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the reader and its stages."""
    import cv2

    from smiledet.lab.benchmark.pipeline.reader import measure_reader

    cv2.setNumThreads(1)  # times are of one thread
    return {"reader": asdict(measure_reader(arguments.calls))}


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """One row a stage, their sum and the call."""
    figures = result["reader"]
    rows = [(stage, f"{taken:.2f}") for stage, taken in figures["stages"].items()]
    rows += [("together", f"{figures['together']:.2f}"), ("FaceReader.read", f"{figures['call']:.2f}")]
    yield f"640x480, {figures['faces']} face, {figures['rounds']} rounds", ("stage", "median ms"), rows


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """The call beside its stages."""
    yield f"a call takes {result['reader']['ratio']:.2f} times what its stages take"
