"""Readings from the kernel's files: no service, no privilege, and no GPU load on machines other than Jetsons.

The power monitors are TI's INA3221, whose files JetPack 4 has under `iio:device…` and later kernels under `hwmon`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smiledet.platform.files import SystemFiles
from smiledet.platform.power import read_power
from smiledet.telemetry.machine_state import MachineState

GPU_LOADS = ("sys/devices/gpu.0/load", "sys/devices/platform/gpu.0/load")
OTHER_GPU_LOADS = "sys/class/devfreq/*/device/load"
ZONES = "sys/class/thermal/thermal_zone[0-9]*"
OLD_RAILS = "sys/bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*"
NEW_RAILS = "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in[0-9]*_label"

MODULES = ("VDD_IN", "POM_5V_IN", "VIN")
"""Rails that feed the whole module; where there is none the others are added up. Both as in jetson-stats, so that its
figures and these are of the same thing. What a carrier board draws beside the module (VDD_MUX of a TX2) is left out."""

HOTTEST = 150.0
"""Degrees Celsius above which a sensor is not believed; the TX2's PMIC says 100 whatever happens, and is left out."""


class KernelReader:
    """Reads the kernel's files.

    Args:
        files: The system's files.
    """

    def __init__(self, files: SystemFiles | None = None) -> None:
        self._files = files or SystemFiles()
        self._busy = self._whole = 0
        self._cpu()

    def read(self) -> MachineState:
        """See `Reader.read`; never fails."""
        used, total = self._memory()
        mode = read_power(self._files).mode
        temperatures, rails = list(self._temperatures()), dict(self._rails())
        whole = next((rails[name] for name in MODULES if name in rails), None)
        return MachineState(
            by="kernel",
            cpu=self._cpu(),
            gpu=self._gpu(),
            memory_used=used,
            memory_total=total,
            temperature=max(temperatures, default=None),
            power=whole if whole is not None else sum(rails.values()) if rails else None,
            mode=mode.name if mode else "",
        )

    def close(self) -> None:
        """Nothing is held."""

    def _cpu(self) -> float | None:
        """Percent of the time since the last call that the cores were busy (`proc(5)`, /proc/stat)."""
        found = re.match(r"cpu((?: +\d+){5,})", self._files.text("proc/stat") or "")
        if found is None:
            return None
        ticks = [int(word) for word in found[1].split()[:8]]
        whole, busy = sum(ticks), sum(ticks) - ticks[3] - ticks[4]  # idle, and waiting for a disk
        since, worked = whole - self._whole, busy - self._busy
        self._whole, self._busy = whole, busy
        return min(100.0, max(0.0, 100 * worked / since)) if since > 0 else None

    def _gpu(self) -> float | None:
        """Percent; the files count in thousandths."""
        others = [path for path in self._files.find(OTHER_GPU_LOADS) if re.search(r"gpu|g[pvab]1\db", path)]
        for path in (*GPU_LOADS, *others):
            load = self._files.number(path)
            if load is not None and 0 <= load <= 1000:
                return load / 10
        return None

    def _memory(self) -> tuple[int | None, int | None]:
        """Bytes used and there."""
        fields = dict(re.findall(r"^(\w+): +(\d+) kB$", self._files.text("proc/meminfo") or "", re.MULTILINE))
        if "MemTotal" not in fields or "MemAvailable" not in fields:
            return None, None
        total = 1024 * int(fields["MemTotal"])
        return total - 1024 * int(fields["MemAvailable"]), total

    def _temperatures(self) -> Iterator[float]:
        for zone in self._files.find(ZONES):
            value = self._files.number(f"{zone}/temp")
            if value is None or "PMIC" in (self._files.text(f"{zone}/type") or ""):
                continue
            if 0 < value / 1000 < HOTTEST:
                yield value / 1000

    def _rails(self) -> Iterator[tuple[str, float]]:
        """Name and watts of every rail that is measured."""
        for path in self._files.find(OLD_RAILS):
            folder, _, number = path.rpartition("/rail_name_")
            milliwatts = self._files.number(f"{folder}/in_power{number}_input")
            if milliwatts is not None:
                yield self._files.text(path) or path, milliwatts / 1000
        for path in self._files.find(NEW_RAILS):
            folder, _, label = path.rpartition("/")
            name, number = self._files.text(path) or path, label[2:].removesuffix("_label")
            millivolts = self._files.number(f"{folder}/in{number}_input")
            milliamperes = self._files.number(f"{folder}/curr{number}_input")
            # The seventh channel is a sum of voltages; NC is connected to nothing.
            if millivolts is not None and milliamperes is not None and number != "7" and "NC" not in name:
                yield name, millivolts * milliamperes / 1e6
