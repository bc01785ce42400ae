"""Machines whose files lie in a folder.

`boards.json` holds what such machines' files say. Beside each file stands where it is from: an issue of a public
repository with the raw output, a page of somebody who has the board, or memory. None of it was read from a board by
this project. Of /proc/cpuinfo one core's block is kept, with the numbers of the cores that there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smiledet.platform.choice import Machine, read_machine
from smiledet.platform.files import SystemFiles

BOARDS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("boards.json").read_text())


@pytest.fixture(params=list(BOARDS))
def board(request: pytest.FixtureRequest) -> str:
    """Each of the machines in turn, by name."""
    name: str = request.param
    return name


@pytest.fixture
def expected(board: str) -> dict[str, Any]:
    """What is to be made of it."""
    found: dict[str, Any] = BOARDS[board]["expected"]
    return found


@pytest.fixture
def files_of(tmp_path: Path) -> Callable[..., SystemFiles]:
    """A machine's files under a folder; `others` adds to them, or replaces some."""

    def write(name: str | None, others: dict[str, str] | None = None) -> SystemFiles:
        known = BOARDS[name]["files"] if name else {}
        for file, text in {**known, **(others or {})}.items():
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_written_out(text))
        return SystemFiles(tmp_path)

    return write


def _written_out(text: str | list[str] | dict[str, list[Any]]) -> str:
    """A file's text: as it is, from its lines, or a block for each processor."""
    if isinstance(text, dict):
        blocks = [[f"processor\t: {number}", *text["each"], ""] for number in text["processors"]]
        return "\n".join(line for block in blocks for line in block) + "\n"
    return "\n".join(text) if isinstance(text, list) else text


@pytest.fixture
def fake_nvml() -> Callable[..., Callable[[], Any]]:
    """NVML's bindings with some GPUs, (name, compute capability) each; `others` replaces functions."""

    def make(gpus: list[Any] | None, **others: Any) -> Callable[[], Any]:
        there = gpus or []

        def init() -> None:
            if gpus is None:
                raise RuntimeError("NVML Shared Library Not Found")

        functions: dict[str, Any] = {
            "nvmlInit": init,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: "470.256.02",
            "nvmlDeviceGetCount": lambda: len(there),
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: there[handle][0],
            "nvmlDeviceGetCudaComputeCapability": lambda handle: tuple(there[handle][1]),
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=11 * 2**30),
        }
        return lambda: SimpleNamespace(**functions | others)

    return make


@pytest.fixture
def machine_of(files_of: Callable[..., SystemFiles], fake_nvml: Callable[..., Any]) -> Callable[[str], Machine]:
    """A known machine, read."""
    return lambda name: read_machine(files_of(name), fake_nvml(BOARDS[name]["gpus"]))
