"""Which board this is, and which JetPack runs on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smiledet.platform.files import SystemFiles

COMPATIBLE = "proc/device-tree/compatible"
MODEL = "proc/device-tree/model"
CHIP_ID = "sys/module/tegra_fuse/parameters/tegra_chip_id"
RELEASE = "etc/nv_tegra_release"
PACKAGES = "var/lib/dpkg/status"

CHIPS = {"24": "tegra186", "25": "tegra194", "33": "tegra210", "35": "tegra234"}
"""By `tegra_chip_id`: what is left to ask in a container, where Docker hides the device tree."""

SAME_CHIP = {"tegra23x": "tegra234"}
"""JetPack 5 calls Orin's chip by its family."""

CODE_NAMES = {"quill": "Jetson TX2 (quill)", "Jetson-AGX": "Jetson AGX Xavier (Jetson-AGX)"}
"""Boards whose device tree gives a name that nobody uses."""

JETPACKS = {
    "32.5.0": "4.5", "32.5.1": "4.5.1", "32.5.2": "4.5.1", "32.6.1": "4.6", "32.7.1": "4.6.1", "32.7.2": "4.6.2",
    "32.7.3": "4.6.3", "32.7.4": "4.6.4", "32.7.5": "4.6.5", "32.7.6": "4.6.6",
    "34.1.0": "5.0", "34.1.1": "5.0.1", "35.1.0": "5.0.2", "35.2.1": "5.1", "35.3.1": "5.1.1", "35.4.1": "5.1.2",
    "35.5.0": "5.1.3", "35.6.0": "5.1.4", "35.6.1": "5.1.5", "35.6.2": "5.1.5",
    "36.2.0": "6.0", "36.3.0": "6.0", "36.4.0": "6.1", "36.4.2": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1",
    "36.4.7": "6.2.1", "36.5.0": "6.2.2",
    "38.2.0": "7.0", "38.2.1": "7.0", "38.2.2": "7.0", "38.4.0": "7.1", "39.2.0": "7.2", "39.2.1": "7.2.1",
}  # fmt: skip
"""JetPack by release of Linux for Tegra (L4T), as NVIDIA's JetPack archive pairs them."""

GENERATIONS = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7", "39": "7"}
"""JetPack's first number by L4T's: for releases that are newer than this table."""


@dataclass(frozen=True, slots=True)
class Board:
    """What the files say of the board.

    Attributes:
        model: Its name; empty where none is told.
        chip: 'tegra186' … of NVIDIA's, the first maker,chip pair's last of others; empty where there is no device tree.
        known_by: The file that named the chip.
        l4t: Release of Linux for Tegra, '32.6.1'; empty where there is none.
        jetpack: The JetPack that goes with it, '4.6'; '6.x' where only its generation is known.
    """

    model: str = ""
    chip: str = ""
    known_by: str = ""
    l4t: str = ""
    jetpack: str = ""

    @property
    def is_tegra(self) -> bool:
        """Whether it is one of NVIDIA's, whichever."""
        return self.chip.startswith("tegra")


def read_board(files: SystemFiles) -> Board:
    """Read the board; in a container with what is left there."""
    chip, known_by = _chip(files)
    model = files.text(MODEL) or files.text("sys/devices/virtual/dmi/id/product_name") or ""
    l4t = _l4t(files) if chip.startswith("tegra") else ""
    return Board(CODE_NAMES.get(model, model), chip, known_by, l4t, jetpack_of(l4t))


def _chip(files: SystemFiles) -> tuple[str, str]:
    """The chip's name, and the file that told it."""
    names = [word.rpartition(",")[2] for word in files.words(COMPATIBLE)]
    tegra = next((name for name in reversed(names) if re.fullmatch(r"tegra\w{3}", name)), None)
    if tegra:
        return SAME_CHIP.get(tegra, tegra), f"/{COMPATIBLE}"
    if names:
        return names[-1], f"/{COMPATIBLE}"
    number = files.text(CHIP_ID) or ""
    return (CHIPS[number], f"/{CHIP_ID}") if number in CHIPS else ("", "")


def _l4t(files: SystemFiles) -> str:
    """The release of Linux for Tegra from its own file, failing that from the package of its core."""
    found = re.search(r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", files.text(RELEASE) or "")
    if found:
        return f"{found[1]}.{found[2].rstrip('.')}"
    return package_version(files, r"nvidia-l4t-core").partition("-")[0]


def jetpack_of(l4t: str) -> str:
    """The JetPack of a release of Linux for Tegra; empty for none.

    >>> jetpack_of("32.6.1"), jetpack_of("36.9"), jetpack_of("")
    ('4.6', '6.x', '')
    """
    whole = l4t if l4t.count(".") != 1 else f"{l4t}.0"
    generation = GENERATIONS.get(l4t.partition(".")[0])
    return JETPACKS.get(whole) or (f"{generation}.x" if generation else "")


def package_version(files: SystemFiles, name: str) -> str:
    """The version of an installed Debian package; empty where it is not installed.

    Args:
        files: The system's files.
        name: Its name, as a regular expression.
    """
    for entry in (files.text(PACKAGES) or "").split("\n\n"):
        if re.search(rf"^Package: {name}$", entry, re.MULTILINE) and "install ok installed" in entry:
            found = re.search(r"^Version: (\S+)", entry, re.MULTILINE)
            return found[1] if found else ""
    return ""
