"""The processor: its name, its cores and what it can do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smiledet.platform.files import SystemFiles

CPUINFO = "proc/cpuinfo"
CORES = "sys/devices/system/cpu"

ARM_CORES = {
    "0x41/0xd03": "Cortex-A53", "0x41/0xd07": "Cortex-A57", "0x41/0xd08": "Cortex-A72", "0x41/0xd0b": "Cortex-A76",
    "0x41/0xd42": "Cortex-A78AE", "0x41/0xd83": "Neoverse-V3AE", "0x4e/0x003": "Denver 2", "0x4e/0x004": "Carmel",
}  # fmt: skip
"""By implementer and part, as ARM's and NVIDIA's main ID registers number them."""

NOTED = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "fphp", "i8mm")
"""The flags that inference libraries choose their kernels by."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What the files say of the processor.

    Attributes:
        name: Maker's name, or those of its cores.
        architecture: 'x86' or 'arm'; empty where the files do not say.
        online: Cores that are on.
        present: Cores that there are; a Jetson's power mode switches some off.
        flags: Those of `NOTED` that it has.
    """

    name: str
    architecture: str
    online: int
    present: int
    flags: tuple[str, ...]


def read_processor(files: SystemFiles) -> Processor:
    """Read the processor."""
    fields: dict[str, list[str]] = {}
    for line in (files.text(CPUINFO) or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), []).append(value.strip())
    arm = "CPU part" in fields
    kinds = zip(fields.get("CPU implementer", []), fields.get("CPU part", []), strict=False)
    names = [ARM_CORES.get(f"{maker}/{part}", f"ARM part {maker}/{part}") for maker, part in kinds]
    words = " ".join(dict.fromkeys(names)) if arm else next(iter(fields.get("model name", [])), "")
    has = set(" ".join([*fields.get("flags", []), *fields.get("Features", [])]).split())
    listed = len(fields.get("processor", []))
    online = count_cores(files.text(f"{CORES}/online") or "") or listed
    return Processor(
        name=words or "unknown processor",
        architecture="arm" if arm else "x86" if "flags" in fields else "",
        online=online,
        present=max(online, count_cores(files.text(f"{CORES}/present") or "")),
        flags=tuple(flag for flag in NOTED if flag in has),
    )


def count_cores(ranges: str) -> int:
    """How many cores the kernel's notation names; 0 for anything else.

    >>> count_cores("0,3-5"), count_cores("0-5"), count_cores("none")
    (4, 6, 0)
    """
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", ranges):
        return 0
    ends = [part.partition("-") for part in ranges.split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)
