"""Train everything that ships.

    python scripts/train_all.py [--quick] [options of smiledet train]

Landmarks first, since the classifiers learn from chips that they align, and the networks that propose and find faces;
teachers before their students. Takes hours on two cores. `--quick` tries every recipe for an epoch on a few
photographs, into folders that are thrown away.
"""

import sys
import tempfile
from pathlib import Path

from smiledet.cli import main
from smiledet.lab.training.recipe import ClassifierRecipe, makes
from smiledet.schema import read_dataclass
from smiledet.system.resources import configs_folder, models_folder


def in_order(recipes: list[Path]) -> list[Path]:
    """The classifiers' recipes, each after those whose models it learns from or starts from."""
    named = {path: read_dataclass(ClassifierRecipe, path) for path in sorted(recipes)}
    maker = {model: path for path, recipe in named.items() for model in makes(recipe, task_of(path))}
    ordered: list[Path] = []

    def place(path: Path, above: tuple[Path, ...] = ()) -> None:
        recipe = named[path]
        for needed in (recipe.initial, *(recipe.teacher.models if recipe.teacher else ())):
            before = maker.get(needed)
            # A model may go on from its own last edition.
            if before is not None and before not in (path, *above):
                place(before, (*above, path))
        if path not in ordered:
            ordered.append(path)

    for path in named:
        place(path)
    return ordered


def task_of(recipe: Path) -> str:
    """The task that a recipe's file is named after."""
    return recipe.stem.partition("-")[0]


def train_all(arguments: list[str]) -> int:
    """Run `smiledet train` for each recipe; stops at the first that fails."""
    folder = configs_folder() / "train"
    commands = [[task, "--recipe", str(folder / f"{task}.toml")] for task in ("landmarks", "proposals", "detector")]
    commands += [[task_of(recipe), "--recipe", str(recipe)] for recipe in in_order(list(folder.glob("*-*.toml")))]
    with tempfile.TemporaryDirectory() as thrown_away:
        for number, command in enumerate(commands):
            print(f"smiledet train {' '.join(command)}", flush=True)
            folders = ["--models", str(models_folder())]
            if "--quick" in arguments:
                folders = ["--models", f"{thrown_away}/models", "--output", f"{thrown_away}/{number}"]
            code = main(["train", *command, *folders, *arguments])
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(train_all(sys.argv[1:]))
