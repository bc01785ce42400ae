"""Load, memory, temperature and power of the machine at one moment, and what many of them come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class MachineState:
    """The machine at one moment; None is what could not be read.

    Attributes:
        by: Who told it: 'jetson-stats' or 'kernel'.
        cpu: Load of the cores that are on, in percent.
        gpu: Load of the GPU, in percent.
        memory_used: Bytes; a Jetson's GPU shares them.
        memory_total: Bytes.
        temperature: Of the hottest sensor, in degrees Celsius.
        power: Of the whole module, or as much of it as is measured, in watts; the carrier board's is not in it.
        mode: nvpmodel's mode; empty where there is none.
    """

    by: str
    cpu: float | None = None
    gpu: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None
    mode: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The reading for the stats line, in as few letters as will do: ('GPU 63 %', '4.2 W', '48 C', 'CPU 41 %')."""
        parts = (
            _part("GPU {:.0f} %", self.gpu),
            _part("{:.1f} W", self.power),
            _part("{:.0f} C", self.temperature),
            _part("CPU {:.0f} %", self.cpu),
            self.mode,
        )
        return tuple(part for part in parts if part)


def event_columns(reading: MachineState | None) -> dict[str, float | str | None]:
    """What a line of events says of the machine: the names are those of `summarise`, None is what is not known.

    >>> event_columns(MachineState("kernel", power=4.706))["power_w"], event_columns(None)["cpu_percent"]
    (4.71, None)
    """
    seen = reading or MachineState("")
    used = None if seen.memory_used is None else seen.memory_used / 1e6
    figures = {
        "cpu_percent": seen.cpu,
        "gpu_percent": seen.gpu,
        "board_memory_mb": used,
        "temperature_c": seen.temperature,
        "power_w": seen.power,
    }
    rounded = {name: None if value is None else round(value, 2) for name, value in figures.items()}
    return {**rounded, "power_mode": seen.mode or None}


class Reader(Protocol):
    """Something that can be asked for readings; used by one thread."""

    def read(self) -> MachineState:
        """The machine now.

        Raises:
            SmiledetError: It can no longer be asked.
        """

    def close(self) -> None:
        """Let go of what it is asked through."""


def summarise(readings: Sequence[MachineState], fps: float = 0.0) -> dict[str, Any]:
    """A run's readings as figures for its report.

    Args:
        readings: In order.
        fps: Annotated frames a second of the run.

    Returns:
        Means of loads and power, peaks of memory and temperature, and frames a second per watt; what was never read is
        left out, and so is everything where there are no readings.
    """
    if not readings:
        return {}
    power = _over(readings, "power", fmean)
    figures = {
        "by": readings[-1].by,
        "readings": len(readings),
        "cpu_percent": _over(readings, "cpu", fmean),
        "gpu_percent": _over(readings, "gpu", fmean),
        "board_memory_mb": _over(readings, "memory_used", lambda values: max(values) / 1e6),
        "temperature_c": _over(readings, "temperature", max),
        "power_w": power,
        "fps_per_watt": round(fps / power, 2) if power and fps else None,
        "power_mode": readings[-1].mode or None,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _part(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def _over(readings: Sequence[MachineState], name: str, function: Callable[[list[float]], float]) -> float | None:
    values = [value for reading in readings if (value := getattr(reading, name)) is not None]
    return round(function(values), 2) if values else None
