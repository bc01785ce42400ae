"""Train a model from its recipe and put it into a models folder.

TASK is one of the classification tasks (smile, emotion, gender, age), a task of your own,
landmarks, detector (the network that finds faces), or proposals (the network that tells the
locator where to look). A task of your own needs photographs in a folder a label.

The model is written to ./smiledet-models unless --models names another folder; give that folder
to `smiledet run`, `images`, `evaluate` and the others with --models. A run that was interrupted
goes on where it stopped.

Example:
  smiledet train presents --recipe mini-xception --data folders:faces
  smiledet train emotion --recipe mini-xception --data-folder ../shared/data
  smiledet train landmarks
  smiledet train smile --study preprocessing --epochs 6
  smiledet train smile --compare mini-xception,mobilenet-025@96,vgg-16@32:1 --epochs 6
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError
from smiledet.system.text import printable

if TYPE_CHECKING:
    from smiledet.model_index import Model
    from smiledet.tasks.base import Task

OWN_MODELS = Path("smiledet-models")
"""Where models go unless another folder is named: never into the installed package."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "task", metavar="TASK", help="smile, emotion, a name of your own …, landmarks, detector, proposals"
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        help="mini-xception, mobilenet-025 …, or a TOML file (default: mini-xception for a task of your own)",
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="LAYOUT:PATH",
        help="train on this instead of the recipe's data: folders:FACES has a folder a label; may be repeated",
    )
    parser.add_argument("--labels", metavar="A,B", help="of a task of your own, in this order (default: its folders)")
    parser.add_argument(
        "--data-folder",
        type=Path,
        default=Path(os.environ.get("SMILEDET_DATA") or "../shared/data"),
        help="what the recipe's data paths are relative to (default: $SMILEDET_DATA, else ../shared/data)",
    )
    parser.add_argument(
        "--study", choices=("preprocessing", "alignment"), help="train once for each way to prepare a face, and compare"
    )
    parser.add_argument(
        "--compare",
        metavar="LIST",
        help="train these architectures alike and compare them: NAME[@SIDE][:EPOCHS], separated by commas; @SIDE is"
        " the side of the chips in pixels (default: what its paper gives it)",
    )
    parser.add_argument(
        "--sigmoid", action="store_true", help="end in one sigmoid unit, not a softmax; for tasks of two labels"
    )
    parser.add_argument("--quick", action="store_true", help="a trial of the recipe: an epoch on a few photographs")
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="checkpoints and logs (default: runs/TASK-NAME)")
    parser.add_argument("--fresh", action="store_true", help="begin anew where that folder holds an earlier run")
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", default=OWN_MODELS, help=f"where to write it (default: {OWN_MODELS})"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train."""
    if not arguments.data and not arguments.data_folder.is_dir():
        raise UsageError(
            f"--data-folder {arguments.data_folder}: no such folder; --data LAYOUT:PATH names data of your own"
        )
    if arguments.epochs is not None and arguments.epochs < 1:
        raise UsageError(f"--epochs is {arguments.epochs}, expected 1 or more")
    if arguments.study and arguments.compare:
        raise UsageError("--study and --compare are two comparisons: take one of them")
    models = arguments.models
    if models.exists() and not models.is_dir():
        raise UsageError(f"--models {models}: it is no folder")
    _check_folders(arguments)
    if arguments.task == "landmarks":
        _train_landmarks(arguments, models)
    elif arguments.task == "proposals":
        _train_proposals(arguments, models)
    elif arguments.task == "detector":
        _train_detector(arguments, models)
    else:
        _train_classifier(arguments, models)
    return 0


def _check_folders(arguments: argparse.Namespace) -> None:
    """See that neither models nor checkpoints go among the photographs."""
    from smiledet.lab.datasets.base import check_data
    from smiledet.system.output_checks import check_folder

    data = [check_data(data)[1] for data in arguments.data or ()]
    check_folder("--models", arguments.models, data)
    if arguments.output is not None:
        check_folder("--output", arguments.output, data)


def _train_landmarks(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.datasets.landmarks68 import read_annotated_faces
    from smiledet.lab.training.landmarks.train import ship_landmarks
    from smiledet.lab.training.recipe import LandmarkRecipe, quick_landmarks
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder

    path = Path(arguments.recipe) if arguments.recipe else configs_folder() / "train" / "landmarks.toml"
    recipe = read_dataclass(LandmarkRecipe, path)
    faces = read_annotated_faces(arguments.data_folder / recipe.data)
    if arguments.quick:
        recipe, faces = quick_landmarks(recipe), faces[::10]
    if recipe.network:
        prepare()
    models.mkdir(parents=True, exist_ok=True)
    model = ship_landmarks(faces, recipe, models, arguments.data_folder)
    print(", ".join(f"{name} {value:.4g}" for name, value in model.figures.items()))


def _train_proposals(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.training.recipe import ProposalRecipe, quick_proposals
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder

    path = Path(arguments.recipe) if arguments.recipe else configs_folder() / "train" / "proposals.toml"
    recipe = read_dataclass(ProposalRecipe, path)
    if arguments.quick:
        recipe = quick_proposals(recipe)
    from smiledet.lab.training.proposals.pictures import read_face_pictures

    pictures, held_out = read_face_pictures(arguments.data_folder, recipe)
    prepare()
    from smiledet.lab.training.proposals.train import ship_proposals

    models.mkdir(parents=True, exist_ok=True)
    model = ship_proposals(pictures, held_out, recipe, models)
    print(", ".join(f"{name} {value:.4g}" for name, value in model.figures.items()))


def _train_detector(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.training.detector.store import kept_pictures
    from smiledet.lab.training.fingerprint import check_run, take_fingerprint
    from smiledet.lab.training.recipe import DetectorRecipe, quick_detector
    from smiledet.schema import read_dataclass
    from smiledet.system.resources import configs_folder

    path = Path(arguments.recipe) if arguments.recipe else configs_folder() / "train" / "detector.toml"
    recipe = read_dataclass(DetectorRecipe, path)
    if arguments.quick:
        recipe = quick_detector(recipe)
    if arguments.epochs is not None:
        recipe = replace(recipe, epochs=arguments.epochs)
    prepare()
    from smiledet.lab.training.detector.ship import ship_detector
    from smiledet.lab.training.detector.train import train_detector

    output = arguments.output or Path("runs") / f"detector-{recipe.name}"
    # How long it goes on may be told anew; see `Trapezoid`.
    check_run(output, take_fingerprint(replace(recipe, epochs=1), (), ()), arguments.fresh)
    learnt, held_out = kept_pictures(output, arguments.data_folder, recipe)
    network = train_detector(learnt, recipe, output)
    models.mkdir(parents=True, exist_ok=True)
    model = ship_detector(network, recipe, learnt, held_out, models)
    print(f"wrote {', '.join(entry.path for entry in model.files.values())} to {printable(models)}")
    print(", ".join(f"{name} {value:.4g}" for name, value in model.figures.items()))


def _train_classifier(arguments: argparse.Namespace, models: Path) -> None:
    from smiledet.lab.backend import prepare
    from smiledet.lab.training.own_data import find_recipe, recipe_values, task_of
    from smiledet.lab.training.recipe import ClassifierRecipe, quick_classifier
    from smiledet.model_index import search_first
    from smiledet.schema import build

    if (models / "index.json").is_file():
        search_first(models)
    path = find_recipe(arguments.recipe or "mini-xception", arguments.task)
    recipe = build(ClassifierRecipe, recipe_values(path), str(path))
    if arguments.data and recipe.heads:
        raise UsageError(f"{path} trains several tasks, each on data of its own: --data is for recipes of one task")
    if arguments.data:
        recipe = replace(recipe, data=tuple(_absolute(data) for data in arguments.data))
    if not recipe.data and not recipe.heads:
        raise UsageError(f"{path} names no data: give --data folders:FOLDER, a folder of photographs a label")
    labels = [label.strip() for label in arguments.labels.split(",")] if arguments.labels else None
    task = task_of(arguments.task, recipe.data, labels)
    if arguments.quick:
        recipe = quick_classifier(recipe)
    if arguments.sigmoid:
        recipe = replace(recipe, output="sigmoid")
    if arguments.epochs is not None and not (arguments.study or arguments.compare):
        schedule = replace(recipe.schedule, epochs=arguments.epochs)
        recipe = replace(recipe, schedule=replace(schedule, small_epochs=min(schedule.small_epochs, arguments.epochs)))
    prepare()
    if arguments.study or arguments.compare:
        from smiledet.lab.training.classifiers.outcome_table import run_variants

        run_variants(arguments, task, recipe)
        return
    from smiledet.lab.training.classifiers.heads import heads_of
    from smiledet.lab.training.classifiers.train import train_classifier
    from smiledet.lab.training.classifiers.training_set import read_training
    from smiledet.lab.training.export.export import calibration_chips, ship
    from smiledet.lab.training.fingerprint import check_run, take_fingerprint
    from smiledet.lab.training.learnt import write_learnt
    from smiledet.model_index import write_task
    from smiledet.tasks.base import is_shipped

    output = arguments.output or Path("runs") / f"{task.name}-{recipe.name}"
    samples = [
        sample
        for head in heads_of(recipe, task)
        for sample in read_training(
            head.task, head.data, arguments.data_folder, recipe.schedule.faces, apart_from=recipe.apart_from
        )
    ]
    check_run(output, take_fingerprint(recipe, task.labels, samples), arguments.fresh)
    calibration = calibration_chips(task, recipe, arguments.data_folder)
    network, seen = train_classifier(task, recipe, arguments.data_folder, output)
    models.mkdir(parents=True, exist_ok=True)
    rows = ship(task, recipe, network, models, calibration, seen["temperatures"])
    if not is_shipped(task.name):
        write_task(task, models)
    sets = [(head.task.name, data) for head in heads_of(recipe, task) for data in head.data]
    write_learnt(rows[0], sets, arguments.data_folder)
    print(f"wrote {', '.join(entry.path for entry in rows[0].files.values())} to {models}")
    for head in heads_of(recipe, task):
        for each in (head.task, *head.also):
            model = next(row for row in rows if (row.task, row.name) == (each.name, head.name))
            _print_test_figure(arguments, each, head.data[-1], model)
    model = next(row for row in rows if row.task == task.name)
    named = f"--tasks {task.name} --model {task.name}={model.name}"
    print(f"to run it: smiledet run SOURCE {named} --models {printable(models)}")


def _absolute(data: str) -> str:
    """LAYOUT:PATH with the path absolute, since a recipe's are relative to another folder."""
    layout, colon, path = data.partition(":")
    return f"{layout}:{Path(path).expanduser().absolute()}" if colon and path else data


def _print_test_figure(arguments: argparse.Namespace, task: Task, data: str, model: Model) -> None:
    """What the model reads right of the photographs that it was not trained on."""
    from smiledet.lab.datasets.base import read_samples
    from smiledet.lab.training.evaluation.evaluate import measured
    from smiledet.lab.training.evaluation.readings import read_faces
    from smiledet.lab.training.own_data import held_out_split

    layout, _, path = data.partition(":")
    held_out = held_out_split(layout, read_samples(f"{layout}:{arguments.data_folder / path}", task.name)[1])
    if not held_out:
        print("no photographs are held out: nothing was measured")
        return
    figures = measured(task, read_faces(held_out, [model], "litert")[0])
    share = "mean_error" if task.numbers is not None else "accuracy"
    value = figures.get(share)
    said = f"{share.replace('_', ' ')} {value:.2f}" if task.numbers is not None else f"{100 * (value or 0):.1f} % right"
    left_out = f"; in {figures['missed']} no face was found" if figures["missed"] else ""
    print(f"test: {model.task}/{model.name} {said} of {figures['found']} held-out faces{left_out}")
