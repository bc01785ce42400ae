"""A stand-in for jetson-stats' client, with the shapes of version 4.3 (its `jtop/core/*.py`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smiledet.platform.files import SystemFiles

ORIN: dict[str, Any] = {
    "cpu": {
        "total": {"user": 9.0, "nice": 0.0, "system": 1.0, "idle": 90.0},
        "cpu": [
            {"online": True, "governor": "schedutil", "user": 38.0, "nice": 0.0, "system": 2.0, "idle": 60.0},
            {"online": True, "governor": "schedutil", "user": 18.0, "nice": 0.0, "system": 2.0, "idle": 80.0},
            {"online": False, "model": ""},
        ],
    },
    "mem": {
        "RAM": {"tot": 7802028, "used": 2097152, "free": 3000000, "buffers": 1, "cached": 2, "shared": 3, "lfb": 4},
        "SWAP": {"tot": 3901000, "used": 0, "cached": 0, "table": {}},
    },
    "gpu": {
        "gpu": {
            "type": "integrated",
            "status": {"railgate": False, "tpc_pg_mask": False, "3d_scaling": True, "load": 63.5},
            "freq": {"governor": "nvhost_podgov", "cur": 305999, "max": 624750, "min": 305999, "GPC": [305913]},
            "power_control": "auto",
        }
    },
    "temperature": {
        "cpu": {"temp": 48.5, "online": True},
        "gpu": {"temp": 46.125, "online": True},
        "cv0": {"temp": -256, "online": False},
    },
    "power": {
        "rail": {"VDD_CPU_GPU_CV": {"volt": 5072, "curr": 200, "power": 1014, "avg": 1010, "online": True}},
        "tot": {"volt": 5072, "curr": 928, "power": 4706, "avg": 4700, "online": True, "name": "VDD_IN"},
    },
    "nvpmodel": "15W",
}


class JtopException(Exception):  # noqa: N818 - its own name
    """As jetson-stats' own: the message alone is its text."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "")
        self.message = message

    def __str__(self) -> str:
        return self.message


class FakeJtop:
    """`jtop.jtop`: nothing is there before `start`, and what the board does not tell never is.

    Args:
        stats: What the service tells.
        refusal: What `start` raises.
        alive: What `ok` answers, one after the other; an exception is raised; the last goes on.
    """

    def __init__(
        self, stats: dict[str, Any], refusal: Exception | None = None, alive: tuple[Any, ...] = (True,)
    ) -> None:
        self._told, self._refusal, self._alive = stats, refusal, list(alive)
        self._stats: dict[str, Any] = {}
        self.closed = 0

    def start(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        self._stats = self._told

    def ok(self, spin: bool = False) -> bool:
        assert spin, "without it the call blocks"
        answer = self._alive.pop(0) if len(self._alive) > 1 else self._alive[0]
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    def close(self) -> None:
        self.closed += 1

    @property
    def cpu(self) -> Any:
        return self._stats["cpu"]

    @property
    def memory(self) -> Any:
        return self._stats.get("mem", {})

    @property
    def gpu(self) -> Any:
        return self._stats.get("gpu", {})

    @property
    def temperature(self) -> Any:
        return self._stats["temperature"]

    @property
    def power(self) -> Any:
        return self._stats["power"]

    @property
    def nvpmodel(self) -> Any:
        name = self._stats.get("nvpmodel")
        return SimpleNamespace(name=name) if name else None


@pytest.fixture
def jtop_of() -> Callable[..., FakeJtop]:
    """An Orin's service; fields named in `but` are missing, and `others` go to `FakeJtop`."""

    def make(but: tuple[str, ...] = (), changed: dict[str, Any] | None = None, **others: Any) -> FakeJtop:
        stats = {name: value for name, value in ORIN.items() if name not in but}
        return FakeJtop({**stats, **(changed or {})}, **others)

    return make


@pytest.fixture
def refusal() -> Callable[[str], Exception]:
    """What jetson-stats raises."""
    return JtopException


@pytest.fixture
def files_of(tmp_path: Path) -> Callable[[dict[str, str]], SystemFiles]:
    """Files under a root."""

    def write(files: dict[str, str]) -> SystemFiles:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return SystemFiles(tmp_path)

    return write
