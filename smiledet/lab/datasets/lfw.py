"""LFW (Huang et al., 2007): thirteen thousand photographs of public figures, a folder a person.

`lfw/<First_Last>/<First_Last>_0001.jpg` (or `lfw_funneled/`, `lfw-deepfunneled/`). Smile and gender come from
`lfw_attributes.txt` (Kumar et al., ICCV 2009) beside it: the scores of classifiers, not what people said, a score above
0 taken for yes; pictures that it does not list are left out. The task `identity` needs no such file.

Splits: people of `peopleDevTrain.txt` are `train`, those of `peopleDevTest.txt` are `test` where both files are there,
as published (view 1), and the rest is left out; otherwise a fifth of the people is held out as `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import GENDERS, SMILES
from smiledet.lab.datasets.base import Layout, Sample, images_in
from smiledet.lab.datasets.splits import split_people
from smiledet.lab.datasets.tables import read_lines

ATTRIBUTES = "lfw_attributes.txt"
PEOPLE = {"train": "peopleDevTrain.txt", "test": "peopleDevTest.txt"}


class Lfw(Layout):
    """See the module."""

    name = "lfw"
    tasks: ClassVar = {"smile": SMILES, "gender": GENDERS, "identity": None}
    holds = f"a folder a person, <First_Last>/<First_Last>_0001.jpg; {ATTRIBUTES} for smile and gender"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        images = [image for image in images_in(root) if image.stem.rpartition("_")[0] == image.parent.name]
        if not images:
            raise UsageError(f"no LFW under {root}: expected {self.holds}")
        table = next(iter(sorted(root.glob(f"**/{ATTRIBUTES}"))), None)
        if table is None and task != "identity":
            raise UsageError(f"no {ATTRIBUTES} under {root}: expected {self.holds}")
        scores = read_scores(table) if table else {}
        samples = _split([_sample(image, scores) for image in images], root, self.name)
        if task == "identity":
            return samples
        return [
            replace(sample, label=_answer(scores[sample.image.stem], task))
            for sample in samples
            if sample.image.stem in scores
        ]


def _answer(scores: Mapping[str, float], task: str) -> str:
    return SMILES[scores["Smiling"] > 0] if task == "smile" else GENDERS[scores["Male"] <= 0]


def _sample(image: Path, scores: Mapping[str, Mapping[str, float]]) -> Sample:
    person, own = image.parent.name, scores.get(image.stem)
    groups = {"gender": _answer(own, "gender")} if own else {}
    return Sample(image, person, "", identity=person, groups=groups)


def _split(samples: list[Sample], root: Path, salt: str) -> list[Sample]:
    """As published where the lists of people are there, else a fifth of the people."""
    lists = {split: next(iter(sorted(root.glob(f"**/{name}"))), None) for split, name in PEOPLE.items()}
    if not all(lists.values()):
        return split_people(samples, salt, lambda sample: sample.groups.get("gender", ""))
    # A line is a name and how many photographs there are; the first line counts the people.
    split_of = {line.split()[0]: split for split, path in lists.items() if path for line in read_lines(path)[1:]}
    return [replace(sample, split=split_of[sample.label]) for sample in samples if sample.label in split_of]


def read_scores(path: Path) -> dict[str, dict[str, float]]:
    """Smiling and Male of every photograph that the attributes' file lists, by its name without suffix.

    Raises:
        UsageError: The file is not as published.
    """
    lines = [line.split("\t") for line in read_lines(path)]
    start = next((number for number, cells in enumerate(lines) if "imagenum" in cells), None)
    names = [name for name in lines[start] if name != "#"] if start is not None else []
    if start is None or not {"person", "Male", "Smiling"} <= set(names):
        raise UsageError(f"{path}: expected a line that names person, imagenum, Male, Smiling between tabs")
    found = {}
    for number, cells in enumerate(lines[start + 1 :], start=start + 2):
        row = dict(zip(names, cells, strict=False))
        try:
            name = f"{row['person'].replace(' ', '_')}_{int(row['imagenum']):04d}"
            found[name] = {attribute: float(row[attribute]) for attribute in ("Smiling", "Male")}
        except (KeyError, ValueError) as problem:
            raise UsageError(f"{path}, line {number}: no scores for Smiling and Male: {problem}") from problem
    return found


LAYOUT = Lfw()
