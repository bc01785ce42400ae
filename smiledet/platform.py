"""Which machine this is, and so which configuration it gets."""

from __future__ import annotations

from smiledet.config import platform_names
from smiledet.errors import UsageError

AUTO = "auto"

DESKTOP = "desktop-cpu"


def choose_platform(wanted: str = AUTO) -> str:
    """The name of the configuration to run with.

    Args:
        wanted: `auto`, or one of `platform_names()`.

    Raises:
        UsageError: No such platform.
    """
    if wanted == AUTO:
        return DESKTOP
    if wanted not in platform_names():
        raise UsageError(f"--platform {wanted!r}: there are {AUTO}, {', '.join(platform_names())}")
    return wanted
