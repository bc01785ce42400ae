"""Measure every shipped classifier on held-out photographs and write its figures into the index and its card.

Example:
  python scripts/model_cards.py --data-folder ../shared/data
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from smiledet.errors import SmiledetError
from smiledet.resources import configs_folder
from smiledet.schema import read_dataclass
from smiledet.tasks.base import get_task
from smiledet.training.evaluate import evaluate
from smiledet.training.recipe import ClassifierRecipe
from smiledet.zoo import Model, read_index, write_row


@dataclass(frozen=True)
class HeldOut:
    """What a task is measured on: a layout, its path under the data folder, the split, and what it is in words."""

    layout: str
    path: str
    split: str
    what: str


HELD_OUT = {
    "smile": HeldOut("genki4k", "genki4k.tar.gz", "test", "a held-out fifth of GENKI-4K's 3,000 photographs"),
    "emotion": HeldOut("fer2013", "fer2013.tar.gz", "test", "FER-2013 PublicTest"),
}

DATA = {
    "fer2013": "FER-2013 (Goodfellow et al., 2013); research use. People agree with its labels on about 65 % of the images.",
    "genki4k": "GENKI-4K (MPLab, UC San Diego); research use.",
    "smiles": "SMILEs (hromi/SMILEsmileD), crops of LFW photographs; LFW allows research use. Some labels are wrong.",
}

LIMITS = {
    "smile": "Trained on frontal faces (yaw up to about 30 degrees), mostly adults, in photographs of the 2000s. A mild "
    "smile with a closed mouth is often read as none; an open mouth in speech can be read as a smile.",
    "emotion": "Reads the expression that a stranger would name from one still, not what somebody feels. Disgust is rare in "
    "the training data and the least reliable; fear and sadness are often confused with each other and with neutral; "
    "glasses and low brows lean towards anger. Not for decisions about people.",
}


def measure(model: Model, data_folder: Path) -> Model:
    """The model with fresh figures."""
    held_out = HELD_OUT[model.task]
    found = evaluate(
        get_task(model.task), model.name, f"{held_out.layout}:{data_folder / held_out.path}", held_out.split
    )
    names = ("count", "accuracy", "auc", "recall", "confusion", "missed", "unaligned", "accuracy_missed_wrong")
    return replace(model, figures={name: found[name] for name in names if name in found})


def card(model: Model, recipe: ClassifierRecipe, recipe_path: str) -> str:
    """The model's card, Markdown."""
    held_out, figures = HELD_OUT[model.task], model.figures
    sources = [source.partition(":")[0] for source in recipe.data]
    rows = [
        f"| {label} | {'-' if recall is None else f'{recall:.1%}'} | {' | '.join(map(str, counts))} |"
        for (label, recall), counts in zip(figures["recall"].items(), figures["confusion"], strict=True)
    ]
    spec = recipe.input
    auc = f", AUC {figures['auc']:.4f}" if "auc" in figures else ""
    files = "\n".join(
        f"- `{entry.path}` ({engine}, {(model.folder / entry.path).stat().st_size / 1000:.0f} kB), "
        f"sha256 `{entry.sha256}`"
        for engine, entry in model.files.items()
    )
    return f"""# {model.task}: {model.name}

{recipe.architecture} reading {len(model.labels)} classes ({", ".join(model.labels)}) from a {spec.size}x{spec.size} grey
chip that shows {spec.margin:g} face boxes, aligned by the shipped landmark trees. Preprocessing: {model.preprocessing}.

{files}

## Figures

On {held_out.what}, through the pipeline that runs at deployment (Viola-Jones where the set has whole photographs, alignment,
LiteRT): **accuracy {figures["accuracy"]:.2%}{auc}** of {figures["count"]} faces; no face found in {figures["missed"]}
photographs (counting them as mistakes: {figures["accuracy_missed_wrong"]:.2%}); {figures["unaligned"]} faces not aligned.

| true class | recall | {" | ".join(f"as {label}" for label in model.labels)} |
| --- | --- |{" --- |" * len(model.labels)}
{chr(10).join(rows)}

    smiledet evaluate {model.task} --model {model.name} --data {held_out.layout}:{held_out.path} --split {held_out.split}

## Training

    smiledet train {model.task} --recipe {recipe_path}

{recipe.schedule.epochs} epochs, the first {recipe.schedule.small_epochs} of them on chips of {recipe.schedule.small_side}
pixels; Adam on a cosine from {recipe.schedule.learning_rate:g}, label smoothing {recipe.schedule.label_smoothing:g}, weights
averaged. The split is told by the files' content; exact duplicates of test images are not trained on.

## Data and licence

{chr(10).join(f"- {DATA[source]}" for source in sources)}

The weights were trained on data that its authors released for research; whoever uses them otherwise has to see for
themselves whether that is allowed.

## Limits

{LIMITS[model.task]}
"""


def main() -> int:
    """Measure and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")))
    arguments = parser.parse_args()
    for model in read_index():
        if model.task not in HELD_OUT:
            continue
        recipe_path = configs_folder() / "train" / f"{model.task}-{model.name}.toml"
        recipe = read_dataclass(ClassifierRecipe, recipe_path)
        measured = measure(model, arguments.data_folder)
        write_row(measured)
        (model.folder / model.card).write_text(card(measured, recipe, f"configs/train/{recipe_path.name}"))
        print(model.task, model.name, json.dumps(measured.figures))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        sys.exit(f"model_cards: {problem}")
