"""Convert a shipped model for an engine.

Example:
  smiledet export smile/mobilenet-025 --to litert --output mobilenet-025.tflite
"""

from __future__ import annotations

import argparse
from pathlib import Path

from smiledet.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="TASK/NAME", help="as `smiledet models` lists it")
    parser.add_argument("--to", choices=["litert"], default="litert", help="the engine (default: litert)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the file to write")


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    task, slash, name = arguments.model.partition("/")
    if not slash:
        raise UsageError(f"{arguments.model!r}: expected TASK/NAME, smile/mobilenet-025 say")
    if not arguments.output.parent.is_dir():
        raise UsageError(f"--output {arguments.output}: no folder {arguments.output.parent}")
    if arguments.output.is_dir():
        raise UsageError(f"--output {arguments.output} is a folder, expected a file")
    from smiledet.zoo import find_model

    find_model(task, name).file("keras")  # before Keras is imported, which takes seconds and talks
    from smiledet.training.backend import prepare

    prepare()
    from smiledet.training.export import export_litert

    print(export_litert(task, name, arguments.output))
    return 0
