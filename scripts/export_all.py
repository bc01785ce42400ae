"""Write every file that ships beside the Keras and LiteRT files of the training, and compare it with Keras.

That is ONNX for the small networks; larger ones are exported where they run (`smiledet export`).

Example:
  python scripts/export_all.py
"""

import argparse
import sys

from smiledet.cli import main as smiledet
from smiledet.errors import SmiledetError
from smiledet.zoo import Model, read_index

SMALL = 1_500_000
"""Bytes of a LiteRT file up to which a network ships as ONNX as well; `models/` stays under 40 MB."""


def small(model: Model) -> bool:
    """Whether a model is a network that ships in every format."""
    return {"keras", "litert"} <= set(model.files) and model.file("litert").stat().st_size <= SMALL


def main() -> int:
    """Export; returns the first exit code that is not 0."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for model in filter(small, read_index()):
        name = f"{model.task}/{model.name}"
        print(name, flush=True)
        if code := smiledet(["export", name, "--to", "onnx", "--ship", "--check"]):
            return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        sys.exit(f"export_all: {problem}")
