"""Readings from jetson-stats' service (`jtop`), which NVIDIA's boards alone have.

jetson-stats is AGPL-3: an extra, imported only here and only when asked for. Off a board, without its service or with a
service of another version, `jtop().start()` raises; of a field that a board does not have, its properties raise
KeyError or give None.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from statistics import fmean
from typing import Any

from smiledet.errors import SmiledetError, UsageError
from smiledet.system.text import unwrapped
from smiledet.telemetry.machine_state import MachineState

INTERVAL = 1.0
"""Seconds between the service's own readings, unless another program has asked it for another interval."""


def import_jtop() -> Any:
    """The class `jtop.jtop`.

    Raises:
        UsageError: jetson-stats is not installed.
    """
    if find_spec("jtop") is None:
        raise UsageError("jetson-stats is not installed: pip install 'smiledet[jetson]'")
    from jtop import jtop

    return jtop


class JetsonStatsReader:
    """Asks jetson-stats' service.

    Args:
        importer: Gives the class `jtop`; tests bring their own.

    Raises:
        UsageError: jetson-stats is not installed, or its service does not answer; the message is its own.
    """

    def __init__(self, importer: Callable[[], Any] = import_jtop) -> None:
        try:
            self._jetson = importer()(interval=INTERVAL)
            self._jetson.start()
        except UsageError:
            raise
        except Exception as problem:  # JtopException, and what the connection underneath raises
            raise UsageError(f"jetson-stats: {unwrapped(problem)}") from problem

    def read(self) -> MachineState:
        """See `Reader.read`.

        Raises:
            SmiledetError: The service has gone.
        """
        jetson = self._jetson
        try:
            alive = jetson.ok(spin=True)
        except Exception as problem:  # what its own thread died of
            raise SmiledetError(f"jetson-stats: {unwrapped(problem)}") from problem
        if not alive:
            raise SmiledetError("jetson-stats: its service has gone")
        used, total = (_kilobytes(jetson, name) for name in ("used", "tot"))
        return MachineState(
            by="jetson-stats",
            cpu=_field(lambda: fmean(_load(core) for core in jetson.cpu["cpu"] if core["online"] and _counted(core))),
            gpu=_field(lambda: next(iter(jetson.gpu.values()))["status"]["load"]),
            memory_used=used,
            memory_total=total,
            temperature=_field(
                lambda: max(sensor["temp"] for sensor in jetson.temperature.values() if sensor.get("online", True))
            ),
            power=_field(lambda: jetson.power["tot"]["power"] / 1000),
            mode=_mode(jetson),
        )

    def close(self) -> None:
        """End the connection."""
        self._jetson.close()


def _field(get: Callable[[], Any]) -> float | None:
    """A number that the board may not have."""
    try:
        return float(get())
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError):
        return None


def _counted(core: dict[str, Any]) -> bool:
    """Whether a core's shares are known: until its counters have moved, the service says 0 of all of them, idle too."""
    return any(core[share] for share in ("user", "nice", "system", "idle"))


def _load(core: dict[str, Any]) -> float:
    return 100.0 - float(core["idle"])


def _kilobytes(jetson: Any, name: str) -> int | None:
    """A figure of the main memory, in bytes."""
    value = _field(lambda: jetson.memory["RAM"][name])
    return None if value is None else round(1024 * value)


def _mode(jetson: Any) -> str:
    try:
        return str(jetson.nvpmodel.name)
    except (AttributeError, KeyError, TypeError):
        return ""
