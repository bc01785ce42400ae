"""jetson-stats and the kernel's files as readings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import smiledet
from smiledet.errors import SmiledetError, UsageError
from smiledet.telemetry import jetson_stats
from smiledet.telemetry.jetson_stats import JetsonStatsReader, import_jtop
from smiledet.telemetry.kernel import KernelReader
from smiledet.telemetry.machine_state import MachineState, summarise


def reader_of(jtop) -> JetsonStatsReader:
    return JetsonStatsReader(lambda: lambda interval: jtop)


class TestJetsonStats:
    def test_an_orin(self, jtop_of):
        reading = reader_of(jtop_of()).read()
        assert reading == MachineState(
            by="jetson-stats",
            cpu=30.0,  # of the two cores that are on
            gpu=63.5,
            memory_used=2 * 2**30,
            memory_total=7802028 * 1024,
            temperature=48.5,  # not of the sensor that is off
            power=4.706,
            mode="15W",
        )

    @pytest.mark.parametrize(
        ("missing", "fields"),
        [
            ("cpu", ["cpu"]),
            ("mem", ["memory_used", "memory_total"]),
            ("gpu", ["gpu"]),
            ("temperature", ["temperature"]),
            ("power", ["power"]),
        ],
    )
    def test_a_field_that_is_off_is_none_and_no_more(self, missing, fields, jtop_of):
        reading = reader_of(jtop_of(but=(missing,))).read()
        assert [name for name in MachineState.__dataclass_fields__ if getattr(reading, name) is None] == fields

    def test_a_board_without_nvpmodel(self, jtop_of):
        assert reader_of(jtop_of(but=("nvpmodel",))).read().mode == ""

    @pytest.mark.parametrize(
        "changed",
        [
            {"power": {}},  # no sensors
            {"power": {"rail": {}, "tot": {"power": None}}},
            {"gpu": {"gpu": {"type": "integrated", "status": {"3d_scaling": False}}}},  # its load may not be read
            {"temperature": {}},
            {"cpu": {"total": {}, "cpu": [{"online": False}]}},
        ],
    )
    def test_odd_shapes(self, changed, jtop_of):
        (field,) = changed
        assert getattr(reader_of(jtop_of(changed=changed)).read(), field) is None

    @pytest.mark.parametrize(
        "message",
        [
            "The jtop.service is not active. Please run:\nsudo jtop --install-service",
            "Mismatch version jtop service: [4.2.1] and client: [4.3.2]. Please run:\n\nsudo jtop --install-service",
        ],
    )
    def test_a_service_that_does_not_answer_is_one_line(self, message, jtop_of, refusal):
        with pytest.raises(UsageError) as caught:
            reader_of(jtop_of(refusal=refusal(message)))
        assert str(caught.value) == f"jetson-stats: {' '.join(message.split())}"

    @pytest.mark.parametrize("problem", [FileNotFoundError(2, "no socket"), EOFError(), KeyError("init")])
    def test_whatever_the_connection_raises(self, problem, jtop_of):
        with pytest.raises(UsageError, match="jetson-stats: "):
            reader_of(jtop_of(refusal=problem))

    @pytest.mark.parametrize("answer", [False, KeyError("gpu"), EOFError()])
    def test_a_service_that_goes_away(self, answer, jtop_of):
        reader = reader_of(jtop_of(alive=(True, answer)))
        reader.read()
        with pytest.raises(SmiledetError, match="jetson-stats: "):
            reader.read()

    def test_without_the_package(self, monkeypatch):
        monkeypatch.setattr(jetson_stats, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match="smiledet\\[jetson\\]"):
            JetsonStatsReader(import_jtop)

    def test_the_real_client_off_a_board(self):
        pytest.importorskip("jtop")
        if Path("/run/jtop.sock").exists():
            pytest.skip("jetson-stats' service runs here")
        with pytest.raises(UsageError, match="jetson-stats: "):
            JetsonStatsReader()


MEMORY = "MemTotal:        8040292 kB\nMemFree: 100 kB\nMemAvailable:    6040292 kB\n"
BASE = {"proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1\n", "proc/meminfo": MEMORY}
# Zones: pages of several people, the PMIC's 100 degrees too. Rails and addresses: energymon/energymon,
# jetson/JetsonPowerRails.md, after NVIDIA's guide and device trees of L4T 32.6.1; paths: phoronix-test-suite, and a
# page of somebody who has a TX2. The readings are made up.
TX2 = {
    "sys/devices/gpu.0/load": "421\n",
    "sys/class/thermal/thermal_zone0/type": "BCPU-therm\n",
    "sys/class/thermal/thermal_zone0/temp": "41500\n",
    "sys/class/thermal/thermal_zone1/type": "MCPU-therm\n",
    "sys/class/thermal/thermal_zone1/temp": "\n",
    "sys/class/thermal/thermal_zone2/type": "GPU-therm\n",
    "sys/class/thermal/thermal_zone2/temp": "43000\n",
    "sys/class/thermal/thermal_zone7/type": "PMIC-Die\n",
    "sys/class/thermal/thermal_zone7/temp": "100000\n",
    "sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/rail_name_0": "VDD_IN\n",
    "sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/in_power0_input": "5270\n",
    "sys/bus/i2c/drivers/ina3221x/0-0040/iio:device0/rail_name_0": "VDD_SYS_GPU\n",
    "sys/bus/i2c/drivers/ina3221x/0-0040/iio:device0/in_power0_input": "1530\n",
    "sys/bus/i2c/drivers/ina3221x/0-0042/iio:device2/rail_name_0": "VDD_MUX\n",
    "sys/bus/i2c/drivers/ina3221x/0-0042/iio:device2/in_power0_input": "9100\n",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n",
    "var/lib/nvpmodel/status": "pmode:0000\n",
}


def rails(folder: str, *channels: tuple[str, int, int]) -> dict[str, str]:
    """One INA3221 as later kernels show it: label, millivolts and milliamperes of each channel."""
    found: dict[str, object] = {}
    for number, (label, millivolts, milliamperes) in enumerate(channels, 1):
        found |= {f"in{number}_label": label, f"in{number}_input": millivolts, f"curr{number}_input": milliamperes}
    return {f"sys/bus/i2c/drivers/ina3221/{folder}/{name}": f"{value}\n" for name, value in found.items()}


# Rails: pages of people who have one. NC is what a channel without a rail is called; the readings are made up.
AGX_ORIN = {
    "sys/class/devfreq/17000000.ga10b/device/load": "0\n",
    **rails("1-0040/hwmon/hwmon3", ("VDD_GPU_SOC", 19000, 200), ("VDD_CPU_CV", 19000, 100), ("VIN_SYS_5V0", 5000, 300)),
    **rails("1-0041/hwmon/hwmon4", ("NC", 19000, 900), ("VDDQ_VDD2_1V8AO", 5000, 60)),
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/in7_label": "sum of shunt voltages\n",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/in7_input": "1\n",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr7_input": "1\n",
}

# Paths and rails: pages of several people with JetPack 6.
ORIN_NANO = {
    "sys/class/devfreq/17000000.gpu/device/load": "635\n",
    **rails("1-0040/hwmon/hwmon1", ("VDD_IN", 5072, 928), ("VDD_CPU_GPU_CV", 5072, 200), ("VDD_SOC", 5072, 300)),
}


class TestKernel:
    def test_a_tx2(self, files_of):
        """Its module, as jetson-stats has it: not the carrier board's VDD_MUX, nor the rails behind VDD_IN."""
        reading = KernelReader(files_of(BASE | TX2)).read()
        assert (reading.gpu, reading.temperature, reading.power, reading.mode) == (42.1, 43.0, 5.27, "MAXN")
        assert (reading.memory_used, reading.memory_total) == (2000000 * 1024, 8040292 * 1024)

    def test_an_agx_orin_adds_its_rails_up(self, files_of):
        reading = KernelReader(files_of(BASE | AGX_ORIN)).read()
        assert reading.gpu == 0.0
        assert reading.power == pytest.approx(7.5)

    def test_an_orin_nano_has_one_for_all(self, files_of):
        reading = KernelReader(files_of(BASE | ORIN_NANO)).read()
        assert (reading.gpu, reading.power) == (63.5, pytest.approx(4.707, abs=1e-3))

    def test_the_processor_s_load_is_that_since_the_last_look(self, files_of):
        files = files_of(BASE)
        reader = KernelReader(files)
        assert reader.read().cpu is None  # no time has passed
        files_of({"proc/stat": "cpu  130 0 120 740 110 0 0 0 0 0\n"})
        assert reader.read().cpu == pytest.approx(50.0)

    @pytest.mark.parametrize("text", ["", "nonsense", "cpu", "-1\n"])
    def test_odd_files_give_nothing_and_no_fault(self, text, files_of):
        reading = KernelReader(files_of(dict.fromkeys([*BASE, *TX2, *AGX_ORIN, *ORIN_NANO], text))).read()
        assert (reading.cpu, reading.gpu, reading.temperature, reading.memory_used) == (None, None, None, None)

    def test_this_machine(self):
        if not Path("/proc/meminfo").is_file():
            pytest.skip("no /proc here")
        reading = KernelReader().read()
        assert reading.memory_total and reading.memory_used and reading.memory_used < reading.memory_total


class TestReadings:
    def test_the_parts_that_there_are(self):
        assert MachineState("x", cpu=41.4, gpu=63.5, temperature=48.2, power=4.21, mode="MAXN").parts == (
            "GPU 64 %",
            "4.2 W",
            "48 C",
            "CPU 41 %",
            "MAXN",
        )
        assert MachineState("x", power=0.0).parts == ("0.0 W",)
        assert MachineState("x").parts == ()

    def test_a_summary(self):
        readings = [
            MachineState("x", gpu=10, power=4.0, temperature=40),
            MachineState("x", gpu=30, power=6.0, temperature=39),
        ]
        assert summarise(readings, fps=25) == {
            "by": "x",
            "readings": 2,
            "gpu_percent": 20,
            "temperature_c": 40,
            "power_w": 5.0,
            "fps_per_watt": 5.0,
        }
        assert summarise([]) == {}


def test_nobody_loads_the_boards_packages_unasked():
    """jetson-stats is AGPL-3; NVML and TensorRT take their time."""
    program = (
        "import sys, smiledet.cli.run, smiledet.cli.platform, smiledet.pipeline, smiledet.platform.survey\n"
        "import smiledet.telemetry.watch\n"
        "print(sorted({'jtop', 'pynvml', 'tensorrt'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
