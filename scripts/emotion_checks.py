"""Two questions that an emotion model's accuracy does not answer, asked of every one that ships.

Smilers: the faces that GENKI-4K's held-out fifth calls smiling should read happy; they are framed by Viola-Jones, as at
deployment, where FER-2013's are crops. Glasses: FER-2013's test faces that nobody labelled angry are read twice, as
they are and with dark-rimmed glasses drawn on; seed `004_*` saw networks take the rims for a frown.

Example:
  python scripts/emotion_checks.py --data-folder ../shared/data --sheet glasses.png
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.template import load_template
from smiledet.engines.answers import read
from smiledet.engines.base import Engine, load_engine
from smiledet.engines.files import model_file
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.training.evaluation.held_out import HELD_OUT
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.lab.training.faces.chips import ChipSet, cut_chips
from smiledet.lab.training.faces.glasses import Glasses, put_on
from smiledet.model_index import Model, find_model, read_index
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import get_task

ENGINE = "litert"


def test_samples(task: str, folder: Path) -> list[Sample]:
    """The held-out photographs of a task."""
    held_out = HELD_OUT[task]
    _, samples = read_samples(held_out.data(folder), task)
    return [sample for sample in samples if sample.split == held_out.split]


def shares(scores: npt.NDArray[np.float32], labels: Sequence[str]) -> dict[str, float]:
    """How often each label is the most probable."""
    guess = scores.argmax(axis=1)
    return {label: float((guess == index).mean()) for index, label in enumerate(labels)}


def _chips(model: Model, samples: Sequence[Sample], labels: Sequence[str]) -> ChipSet:
    assert model.input is not None
    chips = cut_chips(samples, labels, shipped_aligner(), model.input)
    if not len(chips.chips):
        raise UsageError("no face was found in any of the photographs")
    return chips


def smilers(model: Model, network: Engine, samples: Sequence[Sample]) -> dict[str, str]:
    """A row of the first table: what smiling and not smiling faces read."""
    smile = get_task("smile")
    chips = _chips(model, samples, smile.labels)
    row = {"model": f"{model.task}/{model.name}"}
    for label in reversed(smile.labels):
        chosen = chips.chips[chips.classes == smile.labels.index(label)]
        said = shares(read(network, chosen, model), model.labels)
        others = sorted((name for name in said if name != "happy"), key=lambda name: -said[name])
        row[label] = str(len(chosen))
        row[f"{label}: happy"] = percent(said["happy"])
        row[f"{label}: next"] = f"{others[0]} {percent(said[others[0]])}"
    return row


def glasses(model: Model, network: Engine, samples: Sequence[Sample], sheet: Path | None) -> dict[str, str]:
    """A row of the second table: what faces that are not angry read without and with glasses."""
    assert model.input is not None
    template = load_template(find_model("landmarks", "ert68").file("template"))
    chips = _chips(model, samples, model.labels)
    calm = chips.classes != model.labels.index("angry")
    plain, truth = chips.chips[calm], chips.classes[calm]
    worn = np.stack([put_on(chip, model.input, template, Glasses()) for chip in plain])
    if sheet is not None:
        pairs = [np.vstack([plain[place], worn[place]]) for place in range(0, len(plain), max(1, len(plain) // 16))]
        if not cv2.imwrite(str(sheet), np.hstack(pairs[:16])):
            raise UsageError(f"cannot write {sheet}")
    before, after = (read(network, faces, model) for faces in (plain, worn))
    return {
        "model": f"{model.task}/{model.name}",
        "faces": str(len(plain)),
        "read angry": percent(shares(before, model.labels)["angry"]),
        "with glasses": percent(shares(after, model.labels)["angry"]),
        "right": percent(float((before.argmax(axis=1) == truth).mean())),
        "right with glasses": percent(float((after.argmax(axis=1) == truth).mean())),
    }


def checks(data_folder: Path, sheet: Path | None) -> list[str]:
    """The two tables, in Markdown."""
    models = [model for model in read_index() if model.task == "emotion"]
    smiling, feeling = test_samples("smile", data_folder), test_samples("emotion", data_folder)
    rows: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for model in models:
        network = load_engine(ENGINE, model_file(model, ENGINE))
        rows[0].append(smilers(model, network, smiling))
        rows[1].append(glasses(model, network, feeling, sheet))
        network.close()
    return [markdown(list(table[0]), [list(row.values()) for row in table]) for table in rows]


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, help="where the data sets' archives lie")
    parser.add_argument("--sheet", type=Path, metavar="OUT.png", help="write some faces without and with the glasses")
    arguments = parser.parse_args()
    print("\n\n".join(checks(arguments.data_folder, arguments.sheet)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"emotion_checks: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
