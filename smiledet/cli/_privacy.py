"""What is hidden in everything that leaves a run: `--blur`, `--no-images`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.config import Config

PICTURES = ("record", "sheet", "unwatched")
"""Flags of outputs that are pictures."""


def add_privacy(group: argparse._ActionsContainer) -> None:
    """Declare the flags."""
    group.add_argument("--blur", action="store_true", help="blur faces in everything that is shown and written")
    group.add_argument(
        "--no-images",
        action="store_true",
        help="no picture leaves: window and page show boxes and labels on plain grey, outputs of pictures are refused",
    )


def privacy_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags by the names of the configuration."""
    flags = {"privacy.blur": True} if arguments.blur else {}
    return flags | ({"privacy.images": False} if arguments.no_images else {})


def check_privacy(arguments: argparse.Namespace, config: Config) -> None:
    """Refuse outputs of pictures where no picture is to leave.

    Raises:
        UsageError: There is one.
    """
    if config.privacy.images:
        return
    asked = [f"--{name}" for name in PICTURES if getattr(arguments, name) is not None]
    asked += [f"rule {rule.when!r} with save or clip" for rule in config.rule if rule.save or rule.clip]
    if arguments.events_to is not None:
        from smiledet.sinks.mqtt import is_mqtt, parse_broker

        to = arguments.events_to
        asked += ["--events mqtt://… with snapshot"] if is_mqtt(to) and parse_broker(to).snapshot else []
    if asked:
        raise UsageError(f"{asked[0]} writes pictures, and no picture is to leave (--no-images, privacy.images)")
