"""What docs/jetson.md shows of `smiledet platform` is what it prints there."""

from __future__ import annotations

from pathlib import Path

import pytest

import smiledet
from smiledet.config import load_config
from smiledet.platform.choice import pick_platform, read_machine
from smiledet.platform.survey import as_text, survey
from tests.platform.test_power import CONF, STATUS, TX2

PAGE = Path(smiledet.__file__).parents[1] / "docs" / "jetson.md"
CLOCKS = "sys/devices/system/cpu/cpu0/cpufreq/scaling_{}_freq"
FLASHED = {
    CONF: TX2,
    STATUS: "pmode:0003",
    CLOCKS.format("min"): "345600",
    CLOCKS.format("max"): "2035200",
    "var/lib/dpkg/status": "Package: libnvinfer8\nStatus: install ok installed\nVersion: 8.2.1-1+cuda10.2\n",
}


def test_a_flashed_tx2_begins_as_the_page_shows(files_of, fake_nvml, monkeypatch):
    if not PAGE.is_file():
        pytest.skip("docs/ is not here")
    monkeypatch.setattr("smiledet.platform.libraries.find_spec", lambda name: None)
    files = files_of("Jetson TX2, JetPack 4.6", FLASHED)
    machine = read_machine(files, fake_nvml(None))
    platform = pick_platform(machine=machine)
    told = as_text(survey(machine, platform, load_config(platform.name), files)).splitlines()
    shown = PAGE.read_text().partition("    this machine\n")[2].partition("\n\n")[0]
    lines = ["this machine", *(line.removeprefix("    ") for line in shown.splitlines())]
    assert len(lines) > 6
    assert [line.rstrip() for line in told[: len(lines)]] == lines
