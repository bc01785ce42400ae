"""nvpmodel's files and the cores' clocks."""

from __future__ import annotations

import pytest

from smiledet.platform.power import read_power

TX2 = """< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_1 /sys/devices/system/cpu/cpu1/online

# MAXN is the NONE power model to release all constraints
< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_1 1
< POWER_MODEL ID=1 NAME=MAXQ >
< POWER_MODEL ID=2 NAME=MAXP_CORE_ALL >
< POWER_MODEL ID=3 NAME=MAXP_CORE_ARM >
< POWER_MODEL ID=4 NAME=MAXP_CORE_DENVER >

# mandatory section to configure the default mode
< PM_CONFIG DEFAULT=3 >
"""
"""Of /etc/nvpmodel.conf the lines that are read, from a page of somebody who has a TX2 (2017)."""


def modes_of(names: list[str], default: int) -> str:
    """Such a file with these modes, in order."""
    return "".join(f"< POWER_MODEL ID={number} NAME={name} >\n" for number, name in enumerate(names)) + (
        f"< PM_CONFIG DEFAULT={default} >\n"
    )


NX = modes_of([f"MODE_{budget}_{cores}" for budget, cores in (
    ("15W", "2CORE"), ("15W", "4CORE"), ("15W", "6CORE"), ("10W", "2CORE"), ("10W", "4CORE"), ("10W", "DESKTOP"),
    ("20W", "2CORE"), ("20W", "4CORE"), ("20W", "6CORE"))], 3)  # fmt: skip
"""A Xavier NX's with JetPack 5.0.2, as `nvpmodel -p --verbose` lists them on a page of somebody who has one."""

AGX_XAVIER = modes_of(
    ["MAXN", "MODE_10W", "MODE_15W", "MODE_30W_ALL", "MODE_30W_6CORE", "MODE_30W_4CORE", "MODE_30W_2CORE"], 2
)
"""By pages of several people; which one it starts in is from memory."""

SUPER = "# < POWER_MODEL ID=9 NAME=MODE_99W >\n" + modes_of(["15W", "25W", "MAXN_SUPER", "7W"], 1)
"""An Orin Nano Super's, by pages of several people: 0 is not the fastest here. The comment is this test's own."""

CONF, STATUS = "etc/nvpmodel.conf", "var/lib/nvpmodel/status"


@pytest.mark.parametrize(
    ("modes", "status", "shown", "fastest"),
    [
        (TX2, "pmode:0000", "MAXN mode", "MAXN"),
        (TX2, "", "MAXP_CORE_ARM mode", "MAXN"),
        (NX, "pmode:0003 fmode:fan_mode_quiet\n", "10 W mode", "MODE_20W_6CORE"),  # as JetPack 5 writes it
        (NX, "", "10 W mode", "MODE_20W_6CORE"),
        (AGX_XAVIER, "pmode:0006", "30 W mode", "MAXN"),
        (AGX_XAVIER.replace("MAXN", "MODE_20W"), "", "15 W mode", "MODE_30W_ALL"),
        (SUPER, "pmode:0001", "25 W mode", "MAXN_SUPER"),
        (SUPER, "pmode:0009", "mode 9", "MAXN_SUPER"),
    ],
)
def test_modes(modes, status, shown, fastest, files_of):
    power = read_power(files_of(None, {CONF: modes, STATUS: status}))
    assert power.mode is not None and power.fastest is not None
    assert (power.mode.shown, power.fastest.name) == (shown, fastest)


def test_without_nvpmodel(files_of):
    power = read_power(files_of(None))
    assert (power.mode, power.fastest, power.clocks_held) == (None, None, None)


@pytest.mark.parametrize(("lowest", "held"), [("2035200", True), ("345600", False)])
def test_clocks(lowest, held, files_of):
    core = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_{}_freq"
    files = {core.format(n, end): "2035200\n" for n in (0, 3) for end in ("min", "max")}
    assert read_power(files_of(None, files | {core.format(3, "min"): lowest})).clocks_held is held
