"""Where TensorRT can be had on this machine: in this Python, or in the one that the board came with."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from smiledet.engines._tensorrt import board_python
from smiledet.engines._tensorrt.program import Lost, is_own, run_to_end
from smiledet.errors import ModelError

CHOSEN_PYTHON = "SMILEDET_TENSORRT_PYTHON"
"""Environment variable: run TensorRT in a helper under this Python, and look nowhere else."""

BOARD_PYTHON = "/usr/bin/python3"
"""JetPack binds TensorRT to it: 3.6 in JetPack 4, 3.8 in 5, 3.10 in 6, 3.12 in 7."""

PROBE_LIMIT = 60.0
"""Seconds until a Python that is asked for TensorRT counts as stuck; a TX2 takes some ten from a cold start."""


@dataclass(frozen=True, slots=True)
class Found:
    """TensorRT and the GPU.

    Attributes:
        python: The Python of a helper; None where TensorRT runs in this process.
        facts: What `board_python.identity` tells; a plan is good for nothing else.
    """

    python: str | None
    facts: dict[str, Any]

    @property
    def version(self) -> str:
        """TensorRT's."""
        return str(self.facts["tensorrt"])

    @property
    def strongly_typed(self) -> bool:
        """Whether it computes in the numbers of the file: from TensorRT 11 on."""
        return bool(self.facts["strongly_typed"])

    @property
    def builder(self) -> str:
        """The Python that builds plans."""
        return self.python or sys.executable


@cache
def find_tensorrt() -> Found:
    """Look for TensorRT and a GPU, once a process.

    Raises:
        ModelError: There is none; the line says what is missing where.
    """
    chosen = os.environ.get(CHOSEN_PYTHON)
    problems: list[str] = []
    if not chosen:
        try:
            return Found(None, _here())
        except _Missing as missing:
            problems.append(f"this Python {sys.version_info.major}.{sys.version_info.minor} ({missing})")
    python = chosen or BOARD_PYTHON
    if chosen or not is_own(python):
        try:
            return Found(python, run_to_end(python, "probe", limit=PROBE_LIMIT))
        except (Lost, board_python.Refused) as missing:
            problems.append(f"{python} ({missing})")
    raise ModelError(
        "the engine tensorrt needs NVIDIA's TensorRT and a GPU, not found by "
        f"{', nor by '.join(problems)}; TensorRT is part of JetPack, elsewhere: pip install tensorrt; "
        f"another Python that has it: {CHOSEN_PYTHON}=PATH"
    )


class _Missing(Exception):  # noqa: N818 - it is told to the user as it stands
    """Why TensorRT does not run here."""


def _here() -> dict[str, Any]:
    if find_spec("tensorrt") is None:
        raise _Missing("No module named 'tensorrt'")
    try:
        return board_python.identity()
    except Exception as problem:  # a missing library, no GPU, or a folder of that name which is something else
        raise _Missing(" ".join(str(problem).split()) or repr(problem)) from problem
