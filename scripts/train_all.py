"""Train everything that ships, from random weights or ImageNet's.

    python scripts/train_all.py [--list] [--quick] [--again] [options of smiledet train]

Landmarks first, since the classifiers learn from chips that they align, and the networks that propose and find faces;
then every classifier after those that it starts from or learns from. Takes many hours on two cores. What is interrupted
goes on: a recipe that is done is not run again while it and those before it stay as they are (`--again` runs all).
`--list` prints the steps, where each begins, and what is expected of it. `--quick` tries every recipe for an epoch on a
few photographs, into folders that are thrown away.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from smiledet.cli import main
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.lab.training.recipe import ClassifierRecipe, makes
from smiledet.schema import read_dataclass
from smiledet.system.output_files import write_file
from smiledet.system.resources import configs_folder, models_folder

FIRST = ("landmarks", "proposals", "detector")
"""Recipes of other kinds, which are named after what they train."""

MARKS = Path("runs") / "done"
"""Where a file for each recipe says what it was done with."""


def in_order(recipes: list[Path]) -> list[Path]:
    """The classifiers' recipes, each after those whose models it learns from or starts from.

    Raises:
        UsageError: A recipe starts from or learns from what it makes itself, by way of others or not.
    """
    named = {path: read_dataclass(ClassifierRecipe, path) for path in sorted(recipes)}
    maker = {model: path for path, recipe in named.items() for model in makes(recipe, task_of(path))}
    ordered: list[Path] = []

    def place(path: Path, above: tuple[Path, ...] = ()) -> None:
        if path in above:
            chain = " from ".join(each.stem for each in (*above[above.index(path) :], path))
            raise UsageError(f"a recipe has to begin with random weights or ImageNet's: {chain}")
        for before in (maker[needed] for needed in needed_by(named[path]) if needed in maker):
            if before not in ordered:
                place(before, (*above, path))
        if path not in ordered:
            ordered.append(path)

    for path in named:
        place(path)
    return ordered


def needed_by(recipe: ClassifierRecipe) -> tuple[str, ...]:
    """The models that a recipe starts from or learns from."""
    return (recipe.initial, *(recipe.teacher.models if recipe.teacher else ()))


def task_of(recipe: Path) -> str:
    """The task that a recipe's file is named after."""
    return recipe.stem.partition("-")[0]


def listed(recipes: list[Path]) -> str:
    """The classifiers' steps as a table."""
    rows = []
    for path in recipes:
        recipe = read_dataclass(ClassifierRecipe, path)
        begins = "ImageNet" if recipe.initial.endswith(".h5") else recipe.initial or "random weights"
        teachers = ", ".join(recipe.teacher.models) if recipe.teacher else "-"
        epochs = recipe.schedule.epochs + sum(finish.epochs for finish in recipe.finish)
        hours = f"{recipe.hours:g}" if recipe.hours else "?"
        ran = "yes" if recipe.ran else "no"
        rows.append([path.stem, begins, teachers, str(epochs), recipe.expected or "?", hours, ran])
    header = ["recipe", "begins with", "teachers", "epochs", "expected", "hours", "run as written"]
    return markdown(header, rows)


def train_all(arguments: list[str]) -> int:
    """Run `smiledet train` for each recipe; stops at the first that fails."""
    folder = configs_folder() / "train"
    classifiers = in_order(list(folder.glob("*-*.toml")))
    if "--list" in arguments:
        print(listed(classifiers))
        return 0
    quick, again = "--quick" in arguments, "--again" in arguments
    passed_on = [argument for argument in arguments if argument != "--again"]
    recipes = [*(folder / f"{name}.toml" for name in FIRST), *classifiers]
    state = hashlib.sha256()  # of all recipes up to here: what comes later depends on what came before
    with tempfile.TemporaryDirectory() as thrown_away:
        for number, recipe in enumerate(recipes):
            state.update(recipe.read_bytes())
            mark = MARKS / recipe.stem
            if not quick and not again and mark.is_file() and mark.read_text() == state.hexdigest():
                print(f"{recipe.stem}: done before", flush=True)
                continue
            task = recipe.stem if recipe.stem in FIRST else task_of(recipe)
            print(f"smiledet train {task} --recipe {recipe}", flush=True)
            folders = ["--models", str(models_folder())]
            if quick:
                folders = ["--models", f"{thrown_away}/models", "--output", f"{thrown_away}/{number}"]
            code = main(["train", task, "--recipe", str(recipe), *folders, *passed_on])
            if code:
                return code
            if not quick:
                mark.parent.mkdir(parents=True, exist_ok=True)
                write_file(mark, state.hexdigest().encode())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(train_all(sys.argv[1:]))
    except SmiledetError as problem:
        print(f"train_all: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
