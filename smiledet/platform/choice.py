"""From a machine to the name of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smiledet.config import platform_names
from smiledet.errors import UsageError
from smiledet.platform.board import Board, read_board
from smiledet.platform.files import SystemFiles
from smiledet.platform.gpu import GPU, OWN, import_nvml, read_gpus
from smiledet.platform.processor import Processor, read_processor
from smiledet.schema import AUTO

DESKTOP = "desktop-cpu"

BOARDS = {
    "tegra186": "jetson-tx2",
    "tegra194": "jetson-xavier",
    "tegra210": "jetson-nano",
    "tegra234": "jetson-orin",
}
"""The platform of each chip that has one of its own."""

OLD_GPU, NEW_GPU = "gpu-k40", "gpu"

OLDEST, CURRENT = (3, 5), (6, 0)
"""Compute capabilities: TensorFlow 2.14 is built for 3.5 and up; what is newer serves 6.0 and up."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of the machine.

    Attributes:
        board: The board.
        processor: The processor.
        gpus: NVIDIA's GPUs, as far as NVML tells; a Jetson's own by its chip, where it does not.
        no_gpus: Why NVML could not be asked; empty where it could.
    """

    board: Board
    processor: Processor
    gpus: tuple[GPU, ...] = ()
    no_gpus: str = ""

    @property
    def best_gpu(self) -> GPU | None:
        """The GPU of the highest compute capability."""
        return max(self.gpus, key=lambda gpu: gpu.compute, default=None)


@dataclass(frozen=True, slots=True)
class PlatformChoice:
    """A choice and its reason.

    Attributes:
        name: One of `platform_names()`.
        reason: Why this one, in words.
    """

    name: str
    reason: str


def read_machine(files: SystemFiles | None = None, nvml: Callable[[], Any] = import_nvml) -> Machine:
    """Ask the system what machine this is.

    Args:
        files: The system's files; tests bring their own.
        nvml: See `read_gpus`.
    """
    files = files or SystemFiles()
    board = read_board(files)
    gpus, problem = read_gpus(nvml)
    if not gpus and board.chip in OWN:
        gpus = (OWN[board.chip],)
    return Machine(board, read_processor(files), gpus, problem)


def pick_platform(wanted: str = AUTO, machine: Machine | None = None) -> PlatformChoice:
    """The configuration to run with, and why.

    Args:
        wanted: `auto`, or one of `platform_names()`.
        machine: What it is chosen for; None for this one, asked where that matters.

    Raises:
        UsageError: No such platform.
    """
    if wanted == AUTO:
        return _pick(machine or read_machine())
    if wanted not in platform_names():
        raise UsageError(f"--platform {wanted!r}: there are {AUTO}, {', '.join(platform_names())}")
    return PlatformChoice(wanted, "asked for")


def choose_platform(wanted: str = AUTO) -> str:
    """The name of the configuration to run with; see `pick_platform`."""
    return pick_platform(wanted).name


def _pick(machine: Machine) -> PlatformChoice:
    """A Jetson by its chip, else a GPU by its compute capability, else the processor."""
    board = machine.board
    if board.chip in BOARDS:
        return PlatformChoice(BOARDS[board.chip], f"{board.known_by} says {board.chip}")
    unknown = f"{board.chip} is an NVIDIA board without a configuration of its own; " if board.is_tegra else ""
    gpu = machine.best_gpu
    if gpu is None:
        # Without bindings nobody expects a GPU; what else went wrong is said where there is a driver.
        return PlatformChoice(DESKTOP, f"{unknown}neither a Jetson nor an NVIDIA GPU is known here")
    what = f"{unknown}{gpu.name} has compute capability {gpu.capability}"
    if gpu.compute >= CURRENT:
        return PlatformChoice(NEW_GPU, what)
    if gpu.compute >= OLDEST:
        return PlatformChoice(OLD_GPU, f"{what}, which only releases as old as TensorFlow 2.14 serve")
    return PlatformChoice(DESKTOP, f"{what}, which nothing that is left to install serves")
