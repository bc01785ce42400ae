"""What is made of machines' files; see `conftest.py` for where these are from."""

from __future__ import annotations

import pytest

from smiledet.errors import UsageError
from smiledet.platform import choose_platform, pick_platform, platform_names
from smiledet.platform.board import jetpack_of, package_version, read_board
from smiledet.platform.choice import read_machine
from smiledet.platform.gpu import import_nvml, read_gpus
from smiledet.platform.processor import count_cores, read_processor
from tests.platform.conftest import BOARDS

PACKAGES = """Package: libnvinfer8
Status: install ok installed
Priority: optional
Version: 8.2.1-1+cuda10.2
Description: TensorRT runtime libraries

Package: nvidia-l4t-core
Status: install ok installed
Version: 32.7.4-20230608212426

Package: gone
Status: deinstall ok config-files
Version: 1
"""


def test_each_machine_gets_its_platform(board, expected, machine_of):
    machine = machine_of(board)
    choice = pick_platform(machine=machine)
    assert choice.name == expected["platform"]
    assert machine.board.jetpack == expected["jetpack"]
    assert expected["model"] in machine.board.model
    assert machine.processor.online == expected["cores"]
    assert machine.processor.flags == tuple(expected["flags"])
    assert "\0" not in machine.board.model and choice.reason


def test_every_platform_is_somebodys():
    assert {each["expected"]["platform"] for each in BOARDS.values()} == set(platform_names())


def test_every_file_says_where_it_is_from(board):
    known = BOARDS[board]
    assert set(known["sources"]) == set(known["files"]) | ({"gpus"} if known["gpus"] else set())
    assert all(known["sources"].values())


@pytest.mark.parametrize(
    ("board_name", "words"),
    [
        ("Jetson TX2, JetPack 4.6", ["/proc/device-tree/compatible", "tegra186"]),
        ("Tesla K40", ["Tesla K40c", "3.5", "TensorFlow 2.14"]),
        ("A100", ["A100", "8.0"]),
        ("Raspberry Pi 4", ["neither a Jetson nor an NVIDIA GPU"]),
    ],
)
def test_the_reason_names_what_was_seen(board_name, words, machine_of):
    reason = pick_platform(machine=machine_of(board_name)).reason
    for word in words:
        assert word in reason


def test_one_that_is_named_is_taken_whatever_the_machine(machine_of):
    assert pick_platform("gpu", machine_of("Raspberry Pi 4")).reason == "asked for"
    assert choose_platform("desktop-cpu") == "desktop-cpu"
    with pytest.raises(UsageError, match="'toaster': there are auto, desktop-cpu"):
        choose_platform("toaster")


class TestBoard:
    def test_jetpack_5_calls_orin_by_its_family(self, files_of):
        """Ahead of the chip's own name or alone; an Orin Nano with JetPack 5.1.1 has both, in either order."""
        for names in ("nvidia,tegra23x", "nvidia,tegra234\0nvidia,tegra23x", "nvidia,tegra23x\0nvidia,tegra234"):
            files = files_of(None, {"proc/device-tree/compatible": f"nvidia,p3737-0000+p3701-0000\0{names}\0"})
            assert read_board(files).chip == "tegra234"

    def test_in_a_container_the_chip_s_number_is_left(self, files_of, fake_nvml):
        release = "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64"
        others = {"sys/module/tegra_fuse/parameters/tegra_chip_id": "24\n", "etc/nv_tegra_release": release}
        machine = read_machine(files_of(None, others), fake_nvml(None))
        assert (machine.board.chip, machine.board.jetpack) == ("tegra186", "4.6.1")
        assert pick_platform(machine=machine).name == "jetson-tx2"

    def test_a_container_of_a_jetson_on_another_machine_is_no_jetson(self, files_of):
        board = read_board(
            files_of("desktop without a GPU", {"etc/nv_tegra_release": "# R32 (release), REVISION: 7.1"})
        )
        assert (board.chip, board.l4t, board.jetpack) == ("", "", "")

    def test_a_board_without_a_configuration_of_its_own_goes_by_its_gpu(self, files_of, fake_nvml):
        names = "nvidia,p4071-0000+p3834-0008\0nvidia,p3834-0008\0nvidia,tegra264\0"
        files = files_of(None, {"proc/device-tree/compatible": names})
        for nvml in (fake_nvml([("NVIDIA Thor", (11, 0))]), fake_nvml(None)):
            choice = pick_platform(machine=read_machine(files, nvml))
            assert choice.name == "gpu" and "tegra264" in choice.reason and "11.0" in choice.reason

    def test_a_board_of_nvidia_s_that_is_newer_than_this(self, files_of, fake_nvml):
        files = files_of(None, {"proc/device-tree/compatible": "nvidia,p9999\0nvidia,tegra299\0"})
        assert pick_platform(machine=read_machine(files, fake_nvml([("New", (13, 0))]))).name == "gpu"
        machine = read_machine(files, fake_nvml(None))
        assert machine.gpus == () and pick_platform(machine=machine).name == "desktop-cpu"

    @pytest.mark.parametrize(
        ("l4t", "jetpack"),
        [("32.7.4", "4.6.4"), ("36.4.7", "6.2.1"), ("35.1", "5.0.2"), ("36.99.1", "6.x"), ("99.1", ""), ("", "")],
    )
    def test_jetpacks(self, l4t, jetpack):
        assert jetpack_of(l4t) == jetpack

    def test_without_its_file_the_release_is_that_of_the_core_s_package(self, files_of):
        files = files_of(
            None, {"proc/device-tree/compatible": "nvidia,quill\0nvidia,tegra186\0", "var/lib/dpkg/status": PACKAGES}
        )
        board = read_board(files)
        assert (board.l4t, board.jetpack) == ("32.7.4", "4.6.4")

    def test_packages(self, files_of):
        files = files_of(None, {"var/lib/dpkg/status": PACKAGES})
        assert package_version(files, r"libnvinfer\d+") == "8.2.1-1+cuda10.2"
        assert package_version(files, "gone") == package_version(files, "never") == ""

    @pytest.mark.parametrize("text", ["", "\0\0", "nonsense", "nvidia,", "\xff\xfe"])
    def test_odd_files_are_no_board_and_no_fault(self, text, files_of):
        names = ("proc/device-tree/compatible", "proc/device-tree/model", "etc/nv_tegra_release", "proc/cpuinfo")
        files = files_of(None, dict.fromkeys(names, text))
        assert not read_board(files).is_tegra
        assert read_processor(files).online == 0

    def test_a_folder_in_a_file_s_place(self, files_of, tmp_path):
        (tmp_path / "proc/device-tree/compatible").mkdir(parents=True)
        assert read_board(files_of(None)).chip == ""


class TestProcessor:
    def test_cores_that_a_power_mode_has_switched_off(self, machine_of):
        processor = machine_of("Jetson TX2, JetPack 4.6").processor
        assert (processor.online, processor.present, processor.name) == (4, 6, "Cortex-A57")

    @pytest.mark.parametrize("ranges", ["", "a", "0-", "-3", "0,,1", "0 1"])
    def test_what_is_no_range(self, ranges):
        assert count_cores(ranges) == 0


class TestGPUs:
    @pytest.mark.parametrize(
        ("board_name", "told"),
        [
            ("Jetson TX2, JetPack 4.6", "NVIDIA Tegra X2, compute capability 6.2"),
            ("Jetson AGX Orin, JetPack 7.2", "Orin (nvgpu), compute capability 8.7, 11 GiB, driver 470.256.02"),
        ],
    )
    def test_a_board_s_own_by_its_chip_where_nvml_does_not_tell(self, board_name, told, machine_of):
        (gpu,) = machine_of(board_name).gpus
        assert gpu.told == told

    def test_without_bindings_it_says_what_brings_them(self, monkeypatch):
        monkeypatch.setattr("smiledet.platform.gpu.find_spec", lambda name: None)
        gpus, problem = read_gpus(import_nvml)
        assert gpus == () and "smiledet[gpu]" in problem

    def test_old_bindings_speak_in_bytes(self, fake_nvml):
        nvml = fake_nvml(
            [("", (3, 5))], nvmlDeviceGetName=lambda _: b"Tesla K40c", nvmlSystemGetDriverVersion=lambda: b"1"
        )
        ((gpu,), problem) = read_gpus(nvml)
        assert (gpu.name, gpu.driver, gpu.capability, problem) == ("Tesla K40c", "1", "3.5", "")

    def test_one_that_does_not_answer_is_told_and_nvml_let_go_of(self, fake_nvml):
        def lost(handle):
            raise RuntimeError("GPU is lost")

        let_go = []
        nvml = fake_nvml(
            [("X", (8, 0))], nvmlDeviceGetCudaComputeCapability=lost, nvmlShutdown=lambda: let_go.append(True)
        )
        assert read_gpus(nvml) == ((), "GPU is lost")
        assert let_go == [True]

    def test_memory_that_is_not_told(self, fake_nvml):
        def unsupported(handle):
            raise RuntimeError("Not Supported")

        ((gpu,), _) = read_gpus(fake_nvml([("Orin (nvgpu)", (8, 7))], nvmlDeviceGetMemoryInfo=unsupported))
        assert gpu.memory == 0

    @pytest.mark.parametrize(("compute", "platform"), [((3, 0), "desktop-cpu"), ((5, 2), "gpu-k40"), ((6, 0), "gpu")])
    def test_the_limits(self, compute, platform, files_of, fake_nvml):
        machine = read_machine(files_of("desktop without a GPU"), fake_nvml([("G", compute)]))
        assert pick_platform(machine=machine).name == platform
