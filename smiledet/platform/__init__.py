"""Which machine this is, and so which configuration it gets.

`files` reads the system's files, `board`, `processor` and `gpu` what they say; `choice` picks a platform, `plan` says
what a run on it would use and why; `power`, `cameras`, `libraries` and `advice` look further, for `smiledet platform`.
"""

from __future__ import annotations

from smiledet.config import platform_names
from smiledet.platform.choice import DESKTOP, PlatformChoice, choose_platform, pick_platform

__all__ = ["DESKTOP", "PlatformChoice", "choose_platform", "pick_platform", "platform_names"]
