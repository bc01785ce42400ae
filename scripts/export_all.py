"""Write every file that ships beside the Keras and LiteRT files of the training, and compare it with Keras.

That is ONNX for the small networks, and for those that ship as ONNX already; others are exported where they run
(`smiledet export`). Networks that are stored in half precision are so in ONNX too.

The default networks of few classes ship with their gradients, for `run --explain` and the gallery's "why?".

Every network whose tasks have few classes ships in int8 for LiteRT, calibrated on its recipe's first data set, as long
as that loses less than half a point; LiteRT takes such a file by itself. Without --data-folder these files are left as
they are.

Example:
  python scripts/export_all.py --data-folder ../shared/data
"""

import argparse
import sys
from pathlib import Path

from smiledet.cli import main as smiledet
from smiledet.errors import SmiledetError
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.model_index import Model, read_index
from smiledet.schema import read_dataclass
from smiledet.tasks.base import get_task

RECIPES = Path(__file__).parents[1] / "configs" / "train"

FEW = 10
"""Classes up to which steps of 1/256 say enough: of probabilities spread over a hundred ages they leave little."""

SMALL = 1_500_000
"""Bytes of a LiteRT file up to which a network ships as ONNX as well; `models/` stays under 40 MB."""


def as_onnx(model: Model) -> str | None:
    """In which precision a model ships as ONNX; None where it does not."""
    litert = next((key for key in model.files if key.startswith("litert")), None)
    if litert is None:
        return None
    ships = model.file(litert).stat().st_size <= SMALL or any(key.startswith("onnx") for key in model.files)
    return ("float32" if litert == "litert" else "float16") if ships else None


def int8_data(model: Model, folder: Path) -> str | None:
    """What a model's int8 file is calibrated on, LAYOUT:PATH; None where it ships none."""
    path = RECIPES / f"{model.task}-{model.name}.toml"
    if not path.exists():
        return None
    recipe = read_dataclass(ClassifierRecipe, path)
    tasks = [head.task for head in recipe.heads] or [model.task]
    if any(len(get_task(task).labels) > FEW for task in tasks):
        return None
    layout, _, file = (recipe.heads[0].data if recipe.heads else recipe.data)[0].partition(":")
    return f"{layout}:{folder / file}"


def main() -> int:
    """Export; returns the first exit code that is not 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data-folder", type=Path, metavar="FOLDER", help="the data sets' archives, as the recipes name them"
    )
    data_folder = parser.parse_args().data_folder
    for model in read_index():
        if "keras" not in model.files:
            continue
        name = f"{model.task}/{model.name}"
        print(name, flush=True)
        wanted = []
        if precision := as_onnx(model):
            wanted.append(["--to", "onnx", "--precision", precision])
        if model.default and len(model.labels) <= FEW:
            wanted.append(["--to", "gradients"])
        if data_folder and (data := int8_data(model, data_folder)):
            wanted.append(["--precision", "int8", "--data", data])
        for options in wanted:
            if code := smiledet(["export", name, *options, "--ship", "--check"]):
                return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        sys.exit(f"export_all: {problem}")
