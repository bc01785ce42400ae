"""What would make it faster here, and what keeps something from working at all."""

from __future__ import annotations

from collections.abc import Iterator

from smiledet.platform.cameras import Camera
from smiledet.platform.choice import Machine
from smiledet.platform.files import SystemFiles
from smiledet.platform.libraries import OpenCV, TensorRT
from smiledet.platform.plan import Plan
from smiledet.platform.power import Power, PowerMode

DRIVER = "proc/driver/nvidia/version"


def advise(
    machine: Machine,
    power: Power,
    opencv: OpenCV,
    tensorrt: TensorRT,
    cameras: list[Camera],
    plan: Plan,
    files: SystemFiles,
) -> list[str]:
    """One line for each thing that could be better, with what to do about it."""
    lines = list(_of_engines(plan, tensorrt))
    if machine.board.is_tegra:
        lines += [*_of_power(power), *_of_gstreamer(opencv)]
    if not machine.gpus and not machine.board.is_tegra and files.exists(DRIVER):
        lines.append(f"there is an NVIDIA driver, but the GPU could not be asked for: {machine.no_gpus}")
    processor = machine.processor
    if processor.online < processor.present:
        lines.append(f"{processor.present - processor.online} of {processor.present} cores are switched off")
    if processor.architecture == "x86" and "avx2" not in processor.flags:
        lines.append("the processor has no AVX2, for which the engines' fast kernels are made")
    lines += [
        f"{camera.device} ({camera.name}) cannot be asked: {camera.problem}" for camera in cameras if camera.problem
    ]
    lines += [
        f"{camera.device} ({camera.name}) is a bare CSI sensor: open it as csi://0, csi://1 …, not by its device"
        for camera in cameras
        if camera.formats and all(form.is_raw for form in camera.formats)
    ]
    return lines


def _of_engines(plan: Plan, tensorrt: TensorRT) -> Iterator[str]:
    if plan.engine is None:
        yield f"nothing can run the networks: {plan.problem}"
        return
    for name, missing in plan.engine.refused:
        found = ""
        if name == "tensorrt" and tensorrt.version:
            where = "in this Python" if tensorrt.importable else "bound to another Python"
            found = f" (TensorRT {tensorrt.version} is installed, {where})"
        yield f"the engine {name} is preferred here: {missing}{found}"


def _of_power(power: Power) -> Iterator[str]:
    mode, fastest = power.mode, power.fastest
    if mode is not None and fastest is not None and mode.rank < fastest.rank:
        yield f"nvpmodel is in {_told(mode, fastest)}; for {fastest.name}: sudo nvpmodel -m {fastest.number}"
    if power.clocks_held is False:
        yield "jetson_clocks is off: the clocks follow the load; to hold them at their highest: sudo jetson_clocks"


def _told(mode: PowerMode, fastest: PowerMode) -> str:
    """The mode that is set, by its budget where that tells it from the fastest, else by its name."""
    return mode.shown if mode.watts != fastest.watts else mode.name


def _of_gstreamer(opencv: OpenCV) -> Iterator[str]:
    if not opencv.back_ends.get("GStreamer") and opencv.gi_problem:
        yield (
            f"OpenCV {opencv.version} has no GStreamer: CSI cameras (csi://0) and hardware decoding (nvdec:…) need "
            f"JetPack's own OpenCV, or Debian's python3-gi; {opencv.gi_problem}"
        )
