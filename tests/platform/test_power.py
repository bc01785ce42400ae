"""nvpmodel's files and the cores' clocks."""

from __future__ import annotations

import pytest

from smiledet.platform.power import read_power

TX2 = """< PARAM TYPE=FILE NAME=CPU_ONLINE >
< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_1 1
< POWER_MODEL ID=1 NAME=MAXQ >
< POWER_MODEL ID=2 NAME=MAXP_CORE_ALL >
# mandatory section to configure the default mode
< PM_CONFIG DEFAULT=1 >
"""
NX = """# < POWER_MODEL ID=9 NAME=MODE_99W >
< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >
< POWER_MODEL ID=3 NAME=MODE_10W_2CORE >
< POWER_MODEL ID=7 NAME=MODE_20W_4CORE >
< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >
< PM_CONFIG DEFAULT=3 FAN_CONFIG DEFAULT=quiet >
"""
SUPER = "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"

CONF, STATUS = "etc/nvpmodel.conf", "var/lib/nvpmodel/status"


@pytest.mark.parametrize(
    ("modes", "status", "shown", "fastest"),
    [
        (TX2, "pmode:0000", "MAXN mode", "MAXN"),
        (TX2, "", "MAXQ mode", "MAXN"),
        (NX, "pmode:0003\n", "10 W mode", "MODE_20W_4CORE"),
        (NX, "", "10 W mode", "MODE_20W_4CORE"),
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
