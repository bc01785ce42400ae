"""Measure every shipped classifier on held-out photographs and write its figures into the index and its card.

Example:
  python scripts/model_cards.py --data-folder ../shared/data
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.models.size_and_speed import parameters_of
from smiledet.lab.training.evaluation.evaluate import evaluate_models
from smiledet.lab.training.evaluation.held_out import HELD_OUT, HeldOut, held_out_of
from smiledet.lab.training.evaluation.tables import group_table, headline, markdown, percent
from smiledet.lab.training.recipe import ClassifierRecipe, makes
from smiledet.model_index import Model, read_index, write_row
from smiledet.schema import read_dataclass
from smiledet.system.resources import configs_folder
from smiledet.tasks.base import get_task

DATA = {
    "fer2013": "FER-2013 (Goodfellow et al., 2013); research use. People agree with its labels on about 65 % of the images.",
    "ferplus": "FER+ (Barsoum et al., 2016): ten people's votes on FER-2013's images; MIT, the images research use.",
    "fairface": "FairFace (Kärkkäinen and Joo, 2021); CC BY 4.0.",
    "genki4k": "GENKI-4K (MPLab, UC San Diego); research use.",
    "smiles": "SMILEs (hromi/SMILEsmileD), crops of LFW photographs; LFW allows research use. Some labels are wrong.",
    "utkface": "UTKFace (Zhang et al., 2017); research use. Ages are estimates, and some labels are wrong.",
}

IMAGENET = "ImageNet (Russakovsky et al., 2015), by the weights that training began with; research use."

LIMITS = {
    "smile": "Trained on frontal faces (yaw up to about 30 degrees), mostly adults, in photographs of the 2000s. A mild "
    "smile with a closed mouth is often read as none; an open mouth in speech can be read as a smile.",
    "emotion": "Reads the expression that a stranger would name from one still, not what somebody feels. Disgust is rare in "
    "the training data and the least reliable; fear and sadness are often confused with each other and with neutral; "
    "low brows lean towards anger, and dark-rimmed glasses cost some points (scripts/emotion_checks.py). "
    "Not for decisions about people.",
    "emotion8": "As emotion, with contempt, which is rarer still in the training data than disgust and seldom read right.",
    "gender": "Reads how a stranger would label a face, as man or woman; it says nothing about who somebody is, and knows "
    "no others. The tables say for whom it errs most. On everyday photographs (a held-out fifth of FairFace) it is right of "
    "86 %, of children under ten of 68 %. Not for decisions about people.",
    "age": "Reads how old a face looks, trained on labels that are partly estimates, and of children bands; the tables say at which ages "
    "it errs most. Not for deciding whether somebody is of age.",
}

SCALARS = ("count", "found", "missed", "unaligned", "accuracy", "accuracy_interval", "accuracy_all", "auc", "auc_macro")
NUMBERS = ("mean_error", "median_error", "bias", "near", "mean_error_by_band")
TABLES = ("calibration_error", "recall", "labels", "confusion", "groups")

MOST_COLUMNS = 12
"""A confusion matrix with more classes than this is left out of the card."""


def measure(models: Sequence[Model], held_out: HeldOut, data_folder: Path) -> list[Model]:
    """Models of one task with fresh figures."""
    task = get_task(models[0].task)
    evaluations = evaluate_models(task, models, held_out.data(data_folder), held_out.split)
    return [
        replace(model, figures=figures_of(evaluation.figures, parameters_of(model)))
        for model, evaluation in zip(models, evaluations, strict=True)
    ]


def figures_of(measured: dict[str, Any], parameters: int | None) -> dict[str, Any]:
    """What the index keeps of an evaluation."""
    kept = {name: measured[name] for name in (*SCALARS, *NUMBERS, *TABLES) if name in measured}
    return kept if parameters is None else {"parameters": parameters, **kept}


def class_rows(figures: dict[str, Any]) -> str:
    """The table of recall per class, with the confusion where it is not too wide."""
    labels = figures["labels"]
    shown = labels if len(labels) <= MOST_COLUMNS else []
    by_band = figures.get("mean_error_by_band")
    rows = []
    for index, label in enumerate(labels):
        counts = figures["confusion"][index]
        error = [] if by_band is None else ["-" if by_band[label] is None else f"{by_band[label]:.1f}"]
        rows.append(
            [label, str(sum(counts)), percent(figures["recall"][label]), *error, *map(str, counts[: len(shown)])]
        )
    errors = [] if by_band is None else ["mean error"]
    return markdown(["true class", "faces", "recall", *errors, *(f"as {label}" for label in shown)], rows)


def group_rows(figures: dict[str, Any]) -> str:
    """A table for each grouping that the data set tells apart, or nothing."""
    tables = [group_table(name, values) for name, values in figures.get("groups", {}).items()]
    return "\n\n".join(["", "### For whom", *tables, ""]) if tables else ""


def used(recipe: ClassifierRecipe) -> list[str]:
    """Every data set that a recipe names."""
    if recipe.heads:
        return [source for head in recipe.heads for source in head.data]
    finishes = [source for finish in recipe.finish for source in finish.data]
    return [*recipe.data, *finishes, *(recipe.teacher.unlabelled if recipe.teacher else ())]


def schedule_words(recipe: ClassifierRecipe) -> str:
    """How long and how fast, in words."""
    schedule = recipe.schedule
    small = f", the first {schedule.small_epochs} of them on chips of {schedule.small_side} pixels"
    words = [
        f"{_epochs(schedule.epochs)}{small if schedule.small_epochs else ''}; Adam on a cosine from "
        f"{schedule.learning_rate:g}, label smoothing {schedule.label_smoothing:g}, weights averaged."
    ]
    for finish in recipe.finish:
        sets = ", ".join(dict.fromkeys(source.partition(":")[0] for source in finish.data))
        words.append(f"Then {_epochs(finish.epochs)} on {sets} from {finish.learning_rate:g}.")
    if recipe.initial.endswith(".h5"):
        words.append("It started from ImageNet's weights.")
    elif recipe.initial:
        words.append(f"It started from the weights of {recipe.initial}, and so from that model's data as well.")
    if not recipe.ran:
        words.append("These steps have not been run from the first to the last as they are written.")
    return " ".join(words)


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def opening_comment(recipe: Path) -> str:
    """What a recipe's first lines say of it, but for the command."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("#"), lines)]
    return "\n".join(line for line in comment if not line.startswith("`smiledet train"))


def card(model: Model, recipe: ClassifierRecipe, recipe_path: str, recipe_words: str) -> str:
    """The model's card, Markdown."""
    held_out, figures, spec = held_out_of(model), model.figures, recipe.input
    sources = [DATA.get(name, name) for name in dict.fromkeys(source.partition(":")[0] for source in used(recipe))]
    # What earlier editions learnt from is in no setting any more, but in the recipe's words.
    named = [source for source in [*DATA.values(), IMAGENET] if source.partition(" (")[0] in recipe_words]
    sources += [source for source in named if source not in sources]
    doubt = (
        f" Its probabilities are calibrated by the temperature {model.temperature:g}." if model.temperature != 1 else ""
    )
    views = " It is shown each face and its mirror image." if model.mirror_averaging else ""
    classes = "" if "mean_error" in figures else f" ({', '.join(model.labels)})"
    parameters = f" {figures['parameters']:,} parameters." if "parameters" in figures else ""
    files = "\n".join(
        f"- `{entry.path}` ({engine}, {(model.folder / entry.path).stat().st_size / 1000:.0f} kB), "
        f"sha256 `{entry.sha256}`"
        for engine, entry in model.files.items()
    )
    return f"""# {model.task}: {model.name}

{recipe.architecture} reading {len(model.labels)} classes{classes} from a {spec.size}x{spec.size} {"grey" if spec.channels == 1 else "colour"}
chip that shows {spec.margin:g} face boxes, aligned by the shipped landmark models.{views}{doubt}{parameters} Preprocessing: {model.preprocessing}.

{files}

## Figures

On {held_out.words}, through the pipeline that runs at deployment (Viola-Jones where the set has whole photographs, alignment,
LiteRT): **{headline(figures)}**, of the {figures["found"]} faces found in {figures["count"]} photographs. With the
{figures["missed"]} missed counted as mistakes the accuracy is {percent(figures["accuracy_all"], 2)}; {figures["unaligned"]} faces were not aligned.

{class_rows(figures)}
{group_rows(figures)}
    smiledet evaluate {model.task} --model {model.name} --data {held_out.layout}:{held_out.archive} --split {held_out.split}

## Training

    smiledet train {model.task} --recipe {recipe_path}

{recipe_words}

{schedule_words(recipe)} The split is told by the files' content; exact duplicates of test images are not trained on.

## Data and licence

{chr(10).join(f"- {source}" for source in sources)}

The weights were trained on data that its authors released for research; whoever uses them otherwise has to see for
themselves whether that is allowed.

## Limits

{LIMITS[model.task]}
"""


def recipes_by_model() -> dict[str, Path]:
    """The recipe of every shipped classifier, by TASK/NAME."""
    paths = sorted((configs_folder() / "train").glob("*-*.toml"))
    return {
        model: path
        for path in paths
        for model in makes(read_dataclass(ClassifierRecipe, path), path.stem.partition("-")[0])
    }


def main() -> int:
    """Measure and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")))
    parser.add_argument("--task", choices=sorted(HELD_OUT), help="only the models of this task")
    arguments = parser.parse_args()
    models = [model for model in read_index() if model.task in HELD_OUT and arguments.task in (None, model.task)]
    if not models:
        raise UsageError("no model to measure")
    recipes = recipes_by_model()
    for task, held_out in dict.fromkeys((model.task, held_out_of(model)) for model in models):
        ours = [model for model in models if (model.task, held_out_of(model)) == (task, held_out)]
        for measured in measure(ours, held_out, arguments.data_folder):
            recipe_path = recipes[f"{task}/{measured.name}"]
            recipe = read_dataclass(ClassifierRecipe, recipe_path)
            write_row(measured)
            text = card(measured, recipe, f"configs/train/{recipe_path.name}", opening_comment(recipe_path))
            place = measured.folder / measured.card
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, encoding="utf-8")
            print(task, measured.name, json.dumps(measured.figures))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"model_cards: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
