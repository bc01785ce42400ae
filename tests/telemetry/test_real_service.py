"""jetson-stats' real service in its own testing mode (`JTOP_TESTING`), on the files of a made-up Orin.

The service takes its files from /fake_sys and answers at /run/jtop.sock. So that a test leaves nothing there, it runs
from a copy of the installed package in which these paths lead into the test's own folder; nothing else is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import smiledet

GPU = "gpus/17000000.ga10b"
POWER = "bus/i2c/devices/1-0040"
STAT = "cpu  {0} 0 0 {1} 0 0 0 0 0 0\ncpu0 {0} 0 0 {1} 0 0 0 0 0 0\ncpu1 {0} 0 0 {1} 0 0 0 0 0 0\n"
ORIN = {
    "stat": STAT.format(100, 900),
    f"{GPU}/of_node/name": "ga10b",
    f"{GPU}/load": "635",
    f"{GPU}/railgate_enable": "0",
    f"{POWER}/name": "ina3221",
    "devices/virtual/thermal/thermal_zone0/type": "CPU-therm",
    "devices/virtual/thermal/thermal_zone0/temp": "48500",
    "devices/virtual/thermal/thermal_zone1/type": "CV0-therm",
    "devices/virtual/thermal/thermal_zone1/temp": "-256000",  # switched off
    "dmi/id/board_vendor": "NVIDIA",
    **{
        f"gpus/devfreq/17000000.ga10b/{name}": value
        for name, value in {"cur_freq": "3", "max_freq": "6", "min_freq": "3", "governor": "nvhost_podgov"}.items()
    },
    **{
        f"devices/system/cpu/cpu{core}/{name}": value
        for core in (0, 1)
        for name, value in {
            "online": "1",
            "cpufreq/scaling_governor": "schedutil",
            **{f"cpufreq/scaling_{which}_freq": "1510400" for which in ("cur", "min", "max")},
            **{f"cpufreq/cpuinfo_{which}_freq": "1510400" for which in ("cur", "min", "max")},
        }.items()
    },
    **{
        f"{POWER}/hwmon/hwmon3/{kind}{number}_{what}": value
        for number, rail, milliamperes in ((1, "VDD_IN", "940"), (2, "VDD_CPU_GPU_CV", "200"))
        for kind, what, value in (
            ("in", "label", rail),
            ("in", "input", "5000"),
            ("curr", "input", milliamperes),
            ("curr", "max", "32760"),
            ("curr", "crit", "32760"),
        )
    },
}
LINKS = {"gpus/devfreq/17000000.ga10b/device": GPU, "class/devfreq/17000000.ga10b": "gpus/devfreq/17000000.ga10b"}
EMPTY = ("kernel", "class/hwmon", "class/power_supply")

CLIENT = """
import json, sys, threading
from dataclasses import asdict
from pathlib import Path
from smiledet.errors import SmiledetError
from smiledet.telemetry.jetson_stats import JetsonStatsReader

board, service, pause = Path(sys.argv[1]), int(sys.argv[2]), threading.Event()

def until(wanted):
    for _ in range(400):
        reading = reader.read()
        if wanted(reading):
            break
        pause.wait(0.05)
    told.append(asdict(reading))

told = []
try:
    reader = JetsonStatsReader()
    until(lambda reading: reading.cpu is None)
    (board / "stat").write_text(sys.argv[3])
    until(lambda reading: reading.cpu is not None)
    (board / "gpus/17000000.ga10b/load").unlink()
    until(lambda reading: reading.gpu is None)
    import os, signal
    os.killpg(service, signal.SIGKILL)
    until(lambda reading: False)
except SmiledetError as problem:
    told.append(str(problem))
print(json.dumps(told))
"""


class Service:
    """The service's process and the files that it looks at."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.board = folder, folder / "board"
        self._lay_out()
        environment = self.environment(JTOP_SERVICE="1")
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jtop", "--force"],
            env=environment,
            cwd=folder,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def environment(self, lib: str = "lib", **more: str) -> dict[str, str]:
        path = [str(self.folder / lib), str(Path(smiledet.__file__).parents[1])]
        return {**os.environ, "JTOP_TESTING": "1", "PYTHONPATH": os.pathsep.join(path), **more}

    def ask(self, lib: str = "lib") -> list[object]:
        """What a client in a process of its own sees: readings, then why there are no more."""
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, self.board, str(self.process.pid), STAT.format(130, 970)],
            env=self.environment(lib),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: list[object] = json.loads(done.stdout)
        return told

    def copy_package(self, lib: str, change: Callable[[str], str]) -> None:
        """A copy of the installed jetson-stats, with another text."""
        spec = find_spec("jtop")
        assert spec is not None and spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, self.folder / lib / "jtop")
        for path in (self.folder / lib / "jtop").rglob("*.py"):
            path.write_text(change(path.read_text()))

    def moved(self, text: str) -> str:
        """Its source, with every path of the system's in the test's folder."""
        for old, new in {
            "/fake_sys": str(self.board),
            'sys_folder = "/sys"': f'sys_folder = "{self.board}"',  # what testing mode forgets
            "/sys/devices/virtual/dmi": f"{self.board}/dmi",
            "/run/jtop.sock": str(self.folder / "s"),
            "path = sys.base_prefix": f"path = '{self.folder}'",  # its configuration
            "JTOP_USER = 'jtop'": "JTOP_USER = 'root'",
        }.items():
            text = text.replace(old, new)
        return text

    def _lay_out(self) -> None:
        self.copy_package("lib", self.moved)
        for name, text in ORIN.items():
            path = self.board / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in EMPTY:
            (self.board / name).mkdir(parents=True, exist_ok=True)
        for name, target in LINKS.items():
            (self.board / name).parent.mkdir(parents=True, exist_ok=True)
            (self.board / name).symlink_to(self.board / target)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service, ready."""
    pytest.importorskip("jtop", reason="jetson-stats is not installed: pip install 'smiledet[jetson]'")
    if os.getuid() != 0:
        pytest.skip("jetson-stats' service only runs as root")
    if len(str(tmp_path)) > 100:
        pytest.skip(f"{tmp_path} is too long for a socket")
    found = Service(tmp_path)
    try:
        for _ in range(300):
            if (tmp_path / "s").exists() or found.process.poll() is not None:
                break
            try:
                found.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert (tmp_path / "s").exists(), (tmp_path / "log").read_text()
        yield found
    finally:
        if found.process.poll() is None:
            os.killpg(found.process.pid, 9)
        found.process.wait(10)
        found.log.close()


def test_what_the_real_service_tells(service):
    first, second, third, last = service.ask()
    assert first["by"] == "jetson-stats" and first["mode"] == ""  # no nvpmodel here
    assert first["cpu"] is None  # its counters do not move, and the service says 0 of every share
    assert (first["gpu"], first["temperature"], first["power"]) == (63.5, 48.5, 4.7)
    assert 0 < first["memory_used"] < first["memory_total"]
    assert second["cpu"] == pytest.approx(30.0)
    assert third["gpu"] is None and third["power"] == 4.7
    assert last.startswith("jetson-stats: ") and "\n" not in last


def test_a_client_of_another_version_is_refused_in_one_line(service):
    def older(text: str) -> str:
        return re.sub(r'__version__ = "[\d.]+"', '__version__ = "4.1.0"', service.moved(text))

    service.copy_package("older", older)
    (line,) = service.ask("older")
    assert line.startswith("jetson-stats: Mismatch version jtop service: [") and "client: [4.1.0]" in line
    assert "\n" not in line
