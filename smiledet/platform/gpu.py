"""NVIDIA's GPUs, asked of the driver through NVML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from smiledet.errors import UsageError


@dataclass(frozen=True, slots=True)
class GPU:
    """One GPU.

    Attributes:
        name: As the driver names it.
        compute: Compute capability: (3, 5) of a K40.
        memory: Bytes; 0 where it is not told.
        driver: Version of the driver.
    """

    name: str
    compute: tuple[int, int]
    memory: int = 0
    driver: str = ""

    @property
    def told(self) -> str:
        """The GPU in a line, with what is known of it."""
        memory = f"{self.memory / 2**30:.0f} GiB" if self.memory else ""
        driver = f"driver {self.driver}" if self.driver else ""
        return ", ".join(filter(None, (self.name, f"compute capability {self.capability}", memory, driver)))

    @property
    def capability(self) -> str:
        """The compute capability as NVIDIA writes it: '3.5'."""
        return ".".join(map(str, self.compute))


OWN = {
    "tegra186": GPU("NVIDIA Tegra X2", (6, 2)),
    "tegra194": GPU("Xavier", (7, 2)),
    "tegra210": GPU("NVIDIA Tegra X1", (5, 3)),
    "tegra234": GPU("Orin", (8, 7)),
    "tegra264": GPU("NVIDIA Thor", (11, 0)),
}
"""The GPU that a board's chip has in it, by NVIDIA's table of compute capabilities: NVML tells from JetPack 7 on.
It shares the processor's memory, and its driver has no version of its own."""


def import_nvml() -> Any:
    """NVIDIA's bindings.

    Raises:
        UsageError: They are not installed.
    """
    if find_spec("pynvml") is None:
        raise UsageError("NVML's bindings are not installed: pip install 'smiledet[gpu]'")
    import pynvml

    return pynvml


def read_gpus(nvml: Callable[[], Any] = import_nvml) -> tuple[tuple[GPU, ...], str]:
    """The GPUs that the driver knows.

    Args:
        nvml: Gives the module `pynvml`; tests bring their own.

    Returns:
        The GPUs, and in words why none could be asked for; empty where the driver answered.
    """
    try:
        library = nvml()
        library.nvmlInit()
    except Exception as problem:  # no bindings, no driver, a driver of another version: none of them is an error here
        return (), str(problem) or repr(problem)
    try:
        driver = _text(library.nvmlSystemGetDriverVersion())
        return tuple(_read(library, index, driver) for index in range(library.nvmlDeviceGetCount())), ""
    except Exception as problem:  # a GPU that fell off its bus, say
        return (), str(problem) or repr(problem)
    finally:
        library.nvmlShutdown()


def _read(library: Any, index: int, driver: str) -> GPU:
    handle = library.nvmlDeviceGetHandleByIndex(index)
    major, minor = library.nvmlDeviceGetCudaComputeCapability(handle)
    try:
        memory = int(library.nvmlDeviceGetMemoryInfo(handle).total)
    except Exception:  # boards that share the processor's memory do not support the question
        memory = 0
    return GPU(_text(library.nvmlDeviceGetName(handle)), (int(major), int(minor)), memory, driver)


def _text(value: str | bytes) -> str:
    """What NVML says; older bindings give bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
