"""Write every file that ships beside the Keras and LiteRT files of the training, and compare it with Keras.

That is ONNX for the small networks, and for those that ship as ONNX already; others are exported where they run
(`smiledet export`). Networks that are stored in half precision are so in ONNX too.

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


def as_onnx(model: Model) -> str | None:
    """In which precision a model ships as ONNX; None where it does not."""
    litert = next((key for key in model.files if key.startswith("litert")), None)
    if litert is None or "keras" not in model.files:
        return None
    ships = model.file(litert).stat().st_size <= SMALL or any(key.startswith("onnx") for key in model.files)
    return ("float32" if litert == "litert" else "float16") if ships else None


def main() -> int:
    """Export; returns the first exit code that is not 0."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for model in read_index():
        name, precision = f"{model.task}/{model.name}", as_onnx(model)
        if precision is None:
            continue
        print(name, flush=True)
        if code := smiledet(["export", name, "--to", "onnx", "--precision", precision, "--ship", "--check"]):
            return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        sys.exit(f"export_all: {problem}")
