"""How much of itself a Jetson may use: nvpmodel's mode, and whether jetson_clocks holds the clocks at their highest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smiledet.platform.files import SystemFiles

STATUS = "var/lib/nvpmodel/status"
MODES = "etc/nvpmodel.conf"
CLOCKS = "sys/devices/system/cpu/cpu[0-9]*/cpufreq"


@dataclass(frozen=True, slots=True)
class PowerMode:
    """One of nvpmodel's modes.

    Attributes:
        number: What `nvpmodel -m` takes.
        name: 'MAXN', 'MODE_15W_6CORE' …
    """

    number: int
    name: str

    @property
    def watts(self) -> float:
        """The budget that the name tells; unlimited for MAXN, unknown (0) for names without one."""
        if self.name.startswith("MAXN"):
            return float("inf")
        found = re.search(r"(\d+)W", self.name)
        return float(found[1]) if found else 0.0

    @property
    def cores(self) -> float:
        """The cores that the name tells: 6 of `MODE_15W_6CORE`, unlimited for `ALL`; unknown (0) without any."""
        found = re.search(r"_(?:(\d+)CORE|(ALL))$", self.name)
        return 0.0 if found is None else float(found[1] or "inf")

    @property
    def rank(self) -> tuple[float, float]:
        """Orders the modes of a board by how fast they are: by budget, and of the same budget by cores."""
        return self.watts, self.cores

    @property
    def shown(self) -> str:
        """The mode in words: '10 W mode', 'MAXN mode'."""
        if 0 < self.watts < float("inf"):
            return f"{self.watts:g} W mode"
        return self.name if self.name.startswith("mode ") else f"{self.name} mode"


@dataclass(frozen=True, slots=True)
class Power:
    """What the files say.

    Attributes:
        mode: The mode that is set; None where it is not told.
        fastest: The mode of the largest budget, and of those the one with the most cores: every stage is a thread; None
            where no modes are told.
        clocks_held: Whether every core's clock is held at its highest, which is what jetson_clocks does; None where it
            is not told.
    """

    mode: PowerMode | None
    fastest: PowerMode | None
    clocks_held: bool | None


def read_power(files: SystemFiles) -> Power:
    """Read mode and clocks; neither nvpmodel nor a privilege is needed."""
    text = files.text(MODES) or ""
    found = re.findall(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", text, re.MULTILINE)
    modes = [PowerMode(int(number), name) for number, name in found]
    fastest = max(modes, key=lambda mode: mode.rank, default=None)
    return Power(_current(files, text, modes), fastest, _clocks_held(files))


def _current(files: SystemFiles, text: str, modes: list[PowerMode]) -> PowerMode | None:
    """The mode last set, or the one that the board starts in."""
    found = re.search(r"pmode:(\d+)", files.text(STATUS) or "") or re.search(r"PM_CONFIG\s+DEFAULT=(\d+)", text)
    if found is None:
        return None
    number = int(found[1])
    return next((mode for mode in modes if mode.number == number), PowerMode(number, f"mode {number}"))


def _clocks_held(files: SystemFiles) -> bool | None:
    limits = [
        (files.number(f"{core}/scaling_min_freq"), files.number(f"{core}/scaling_max_freq"))
        for core in files.find(CLOCKS)
    ]
    known = [limit for limit in limits if None not in limit]
    return all(low == high for low, high in known) if known else None
