"""Train everything that ships, landmarks first: the classifiers learn from chips that they align.

Takes hours on two cores. The data folder is that of `smiledet train`.
"""

import sys

from smiledet.cli import main
from smiledet.resources import configs_folder


def train_all(arguments: list[str]) -> int:
    """Run `smiledet train` for each recipe; stops at the first that fails."""
    recipes = configs_folder() / "train"
    commands = [["landmarks", "--recipe", str(recipes / "landmarks.toml")]]
    commands += [
        [recipe.stem.partition("-")[0], "--recipe", str(recipe)] for recipe in sorted(recipes.glob("*-*.toml"))
    ]
    for command in commands:
        code = main(["train", *command, *arguments])
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(train_all(sys.argv[1:]))
