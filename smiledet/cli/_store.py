"""What is kept of a run: `--store`, `--keep-days`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import ConfigError

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.sessions.sink import StoreSink
    from smiledet.sources.base import Source


def add_store(group: argparse._ActionsContainer) -> None:
    """Declare the flags."""
    group.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="keep who was there when, and sums of hours and days, in an SQLite file, without pictures; "
        "`smiledet report FILE` shows it",
    )
    group.add_argument(
        "--keep-days", type=float, metavar="N", help="delete from the store what is older (default: 365)"
    )


def store_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags by the names of the configuration."""
    flags: dict[str, Any] = {"store.file": str(arguments.store)} if arguments.store is not None else {}
    return flags | ({"store.keep_days": arguments.keep_days} if arguments.keep_days is not None else {})


def store_sinks(config: Config, sources: Mapping[str, Source], private: bool) -> dict[str, StoreSink]:
    """What keeps it of each source, by its name; nothing where nothing is to be kept.

    Args:
        config: What is kept.
        sources: What is watched, by name.
        private: Whether nobody else may read the file.

    Raises:
        ConfigError: Pictures are to be kept of a run of which no picture is to leave.
    """
    if not config.store.file:
        return {}
    if config.store.pictures and not config.privacy.images:
        raise ConfigError("store.pictures keeps pictures, and no picture is to leave (--no-images, privacy.images)")
    from smiledet.model_plan import configured_tasks
    from smiledet.sessions.sink import StoreSink

    tasks = configured_tasks(config)
    return {
        name: StoreSink(config.store, name or source.description, tasks, name=name, private=private)
        for name, source in sources.items()
    }
