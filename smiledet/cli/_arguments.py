"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_models(parser: argparse._ActionsContainer) -> None:
    """Declare `--models`."""
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="models of your own, searched before those that ship"
    )


def use_models(arguments: argparse.Namespace) -> None:
    """Search the folder of `--models` first, for the rest of this process.

    Raises:
        UsageError: There is no index of models in it.
    """
    if arguments.models is not None:
        from smiledet.model_index import search_first

        search_first(arguments.models)
