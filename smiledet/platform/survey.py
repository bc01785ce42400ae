"""Everything that `smiledet platform` tells, gathered, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from smiledet.config import LoadedConfig
from smiledet.platform.advice import advise
from smiledet.platform.cameras import Camera, CameraFormat, list_cameras
from smiledet.platform.choice import Machine, PlatformChoice
from smiledet.platform.files import SystemFiles
from smiledet.platform.libraries import OpenCV, TensorRT, read_opencv, read_tensorrt
from smiledet.platform.plan import Plan, plan_run, settings_of
from smiledet.platform.power import Power, read_power
from smiledet.report import table


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the machine, and what was settled for it.

    Attributes:
        machine: Board, processor, GPUs.
        power: A Jetson's power mode and clocks.
        opencv: OpenCV and its back-ends.
        tensorrt: TensorRT.
        cameras: Cameras with their formats.
        plan: What a run would use, and why.
        settings: The merged configuration: name, value, origin.
        advice: What would make it faster.
    """

    machine: Machine
    power: Power
    opencv: OpenCV
    tensorrt: TensorRT
    cameras: tuple[Camera, ...]
    plan: Plan
    settings: tuple[tuple[str, Any, str], ...]
    advice: tuple[str, ...]


def survey(machine: Machine, platform: PlatformChoice, loaded: LoadedConfig, files: SystemFiles) -> Survey:
    """Ask for everything.

    Raises:
        UsageError: The configuration names a model that there is not.
    """
    plan = plan_run(platform, loaded)
    power, opencv, tensorrt = read_power(files), read_opencv(), read_tensorrt(files)
    cameras = list_cameras(files)
    advice = advise(machine, power, opencv, tensorrt, cameras, plan, files)
    settings = tuple(settings_of(loaded))
    return Survey(machine, power, opencv, tensorrt, tuple(cameras), plan, settings, tuple(advice))


def as_json(found: Survey) -> dict[str, Any]:
    """The survey as JSON's types."""
    machine = found.machine
    mode = found.power.mode
    return {
        "board": asdict(machine.board),
        "processor": asdict(machine.processor),
        "gpus": [asdict(gpu) | {"compute": gpu.capability} for gpu in machine.gpus],
        "no_gpus": machine.no_gpus,
        "power": {"mode": mode.name if mode else None, "clocks_held": found.power.clocks_held},
        "tensorrt": asdict(found.tensorrt),
        "opencv": asdict(found.opencv),
        "cameras": [asdict(camera) for camera in found.cameras],
        "decisions": [asdict(decision) for decision in found.plan.decisions],
        "settings": [{"name": name, "value": value, "from": origin} for name, value, origin in found.settings],
        "advice": list(found.advice),
    }


def as_text(found: Survey) -> str:
    """The survey as tables."""
    decisions = [(decision.what, decision.value, decision.reason) for decision in found.plan.decisions]
    settings = [(name, shown(value), origin) for name, value, origin in found.settings]
    parts = [
        table(("this machine", ""), _machine_rows(found)),
        table(("chosen", "", "because"), decisions),
        table(("setting", "value", "from"), settings),
        "\n".join(["what would make it better", *(f"- {line}" for line in found.advice or ["nothing that is known"])]),
    ]
    return "\n\n".join(parts)


def shown(value: Any) -> str:
    """A setting's value as a person writes it.

    >>> shown(["smile", "emotion"]), shown(None), shown(True)
    ('smile, emotion', '-', 'true')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _machine_rows(found: Survey) -> list[tuple[str, str]]:
    machine, board = found.machine, found.machine.board
    processor = machine.processor
    off = f" of {processor.present}" if processor.present > processor.online else ""
    rows = [("board", board.model or "not told")]
    if board.is_tegra:
        rows += [("chip", board.chip), ("JetPack", f"{board.jetpack or 'unknown'} (L4T {board.l4t or 'unknown'})")]
    rows += [
        ("processor", f"{processor.name}, {', '.join(processor.flags) or 'no vector flags told'}"),
        ("cores", f"{processor.online}{off}"),
    ]
    rows += [("GPU", gpu.told) for gpu in machine.gpus] or [
        ("GPU", f"none known: {machine.no_gpus or 'NVML knows of none'}")
    ]
    rows += _power_rows(found.power)
    version = found.tensorrt.version
    how = f"{version}, told by {found.tensorrt.told_by}" + (
        "" if found.tensorrt.importable else ", not for this Python: runs in a helper under the board's"
    )
    rows += [("TensorRT", how if version else "not found")]
    has = ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in found.opencv.back_ends.items())
    rows += [("OpenCV", f"{found.opencv.version}: {has}")]
    return rows + ([row for camera in found.cameras for row in _camera_rows(camera)] or [("camera", "none found")])


def _power_rows(power: Power) -> list[tuple[str, str]]:
    if power.mode is None:
        return []
    held = {True: ", jetson_clocks on", False: ", jetson_clocks off", None: ""}[power.clocks_held]
    mode = power.mode
    name = f" ({mode.name})" if mode.name not in mode.shown else ""
    return [("power", f"{mode.shown}{name}{held}")]


def _camera_rows(camera: Camera) -> list[tuple[str, str]]:
    if camera.problem:
        return [("camera", f"{camera.device} {camera.name}: {camera.problem}")]
    return [
        ("camera", f"{camera.device} {camera.name}"),
        *(("", f"{form.fourcc} {_sizes(form)}".strip()) for form in camera.formats),
    ]


def _sizes(form: CameraFormat) -> str:
    """The largest sizes first: '1920x1080@30, 1280x720@60'."""
    sizes = sorted(set(form.sizes), key=lambda size: (-size[0] * size[1], -size[2]))
    return ", ".join(f"{width}x{height}" + (f"@{rate:g}" if rate else "") for width, height, rate in sizes)
