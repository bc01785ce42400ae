"""Train a model from its recipe and put it into the models folder.

TASK is landmarks, proposals (the tiny network that tells the locator where to look), or one of the classification
tasks (smile, emotion …).

Example:
  smiledet train landmarks
  smiledet train proposals
  smiledet train emotion --recipe configs/train/emotion-mini-xception.toml --data-folder ../shared/data
  smiledet train smile --study preprocessing --epochs 6
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.lab.training.recipe import ClassifierRecipe
    from smiledet.tasks.base import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("task", metavar="TASK", help="landmarks, proposals, smile, emotion …")
    parser.add_argument("--recipe", type=Path, help="TOML; the shipped one for landmarks and proposals by default")
    parser.add_argument(
        "--data-folder",
        type=Path,
        default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")),
        help="what the recipe's data paths are relative to (default: $SMILEDET_DATA, else ../shared/data)",
    )
    parser.add_argument(
        "--study", choices=("preprocessing", "alignment"), help="train once for each way to prepare a face, and compare"
    )
    parser.add_argument("--quick", action="store_true", help="a trial of the recipe: an epoch on a few photographs")
    parser.add_argument("--epochs", type=int, help="of a study, instead of the recipe's whole schedule")
    parser.add_argument("--output", type=Path, help="checkpoints and logs (default: runs/TASK-NAME)")
    parser.add_argument("--models", type=Path, help="models folder to write to (default: smiledet's own)")


def run(arguments: argparse.Namespace) -> int:
    """Train."""
    if not arguments.data_folder.is_dir():
        raise UsageError(f"--data-folder {arguments.data_folder}: no such folder")
    from smiledet.system.resources import models_folder

    if arguments.quick and arguments.models is None and not arguments.study:
        raise UsageError("--quick makes models that are worth nothing: --models FOLDER says where they may go")
    models = arguments.models or models_folder()
    models.mkdir(parents=True, exist_ok=True)
    if arguments.task == "landmarks":
        _train_landmarks(arguments, models)
    elif arguments.task == "proposals":
        _train_proposals(arguments, models)
    else:
        _train_classifier(arguments, models)
    return 0


def _train_landmarks(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.datasets.landmarks68 import read_annotated_faces
    from smiledet.lab.training.landmarks.train import ship_landmarks
    from smiledet.lab.training.recipe import LandmarkRecipe, quick_landmarks
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder

    path = arguments.recipe or configs_folder() / "train" / "landmarks.toml"
    recipe = read_dataclass(LandmarkRecipe, path)
    faces = read_annotated_faces(arguments.data_folder / recipe.data)
    if arguments.quick:
        recipe, faces = quick_landmarks(recipe), faces[::10]
    if recipe.network:
        prepare()
    model = ship_landmarks(faces, recipe, models, arguments.data_folder)
    print(", ".join(f"{name} {value:.4g}" for name, value in model.figures.items()))


def _train_proposals(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.training.recipe import ProposalRecipe, quick_proposals
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder

    path = arguments.recipe or configs_folder() / "train" / "proposals.toml"
    recipe = read_dataclass(ProposalRecipe, path)
    if arguments.quick:
        recipe = quick_proposals(recipe)
    from smiledet.lab.training.proposals.pictures import read_face_pictures

    pictures, held_out = read_face_pictures(arguments.data_folder, recipe)
    prepare()
    from smiledet.lab.training.proposals.train import ship_proposals

    model = ship_proposals(pictures, held_out, recipe, models)
    print(", ".join(f"{name} {value:.4g}" for name, value in model.figures.items()))


def _train_classifier(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.training.recipe import ClassifierRecipe, quick_classifier
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder
    from smiledet.tasks.base import get_task

    task = get_task(arguments.task)
    path = arguments.recipe
    if path is None and arguments.study:
        path = configs_folder() / "train" / f"{task.name}-mini-xception.toml"
    if path is None:
        raise UsageError(f"smiledet train {task.name} needs --recipe FILE; the shipped ones are in configs/train")
    recipe = read_dataclass(ClassifierRecipe, path)
    if arguments.quick:
        recipe = quick_classifier(recipe)
    from smiledet.lab.backend import prepare

    prepare()
    if arguments.study:
        _run_study(arguments, task, recipe)
        return
    from smiledet.lab.training.classifiers.train import train_classifier
    from smiledet.lab.training.export.export import calibration_chips, ship

    output = arguments.output or Path("runs") / f"{task.name}-{recipe.name}"
    calibration = calibration_chips(task, recipe, arguments.data_folder)
    network, _ = train_classifier(task, recipe, arguments.data_folder, output)
    model = ship(task, recipe, network, models, calibration)
    print(f"wrote {', '.join(entry.path for entry in model.files.values())} to {models}")


def _run_study(arguments: argparse.Namespace, task: Task, recipe: ClassifierRecipe) -> None:
    from smiledet.lab.training.classifiers.study import run_study, shortened

    output = arguments.output or Path("runs") / f"study-{arguments.study}-{task.name}-{recipe.name}"
    recipe = shortened(recipe, arguments.epochs)
    print(f"{arguments.study} for {task.name}, {recipe.architecture}, {recipe.schedule.epochs} epochs", flush=True)
    print(f"{'':26}accuracy     AUC  faces")
    for row in run_study(arguments.study, task, recipe, arguments.data_folder, output):
        auc = f"{row.auc:.4f}" if row.auc is not None else ""
        print(f"{row.name:26}{100 * row.accuracy:6.2f} %{auc:>8}{row.count:7}", flush=True)
