"""List the trained models that are there.

Example:
  smiledet models
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--check", action="store_true", help="compare every file with its sha256")


def run(arguments: argparse.Namespace) -> int:
    """Print a row a model."""
    from smiledet.report import table
    from smiledet.zoo import Model, read_index

    def input_of(model: Model) -> str:
        spec = model.input
        return f"{spec.size}x{spec.size}x{spec.channels}" if spec else "-"

    def size_of(model: Model, engine: str) -> str:
        path = model.file(engine) if arguments.check else model.folder / model.files[engine].path
        return f"{engine} {path.stat().st_size / 1e3:.0f} kB"

    rows = [
        (
            f"{model.task}/{model.name}",
            model.architecture,
            input_of(model),
            ", ".join(size_of(model, engine) for engine in model.files),
            ", ".join(f"{name} {value}" for name, value in model.figures.items() if isinstance(value, (int, float))),
        )
        for model in read_index()
    ]
    print(table(("model", "architecture", "input", "files", "figures"), rows))
    return 0
