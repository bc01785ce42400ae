"""CelebA (Liu et al., ICCV 2015): photographs of ten thousand celebrities with forty attributes.

`list_attr_celeba.txt` and `list_eval_partition.txt` (in `Anno/` and `Eval/` as published, or anywhere else; `.csv` as
Kaggle has them), the pictures in `img_align_celeba/` or `img_celeba/`, and `identity_CelebA.txt` where it was given
out. Splits as published: `train`, `validation` and `test`; nobody is in two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import GENDERS, SMILES
from smiledet.lab.datasets.base import Layout, Sample
from smiledet.lab.datasets.tables import read_lines, those_present

ATTRIBUTES, PARTITION, IDENTITY = "list_attr_celeba", "list_eval_partition", "identity_CelebA"
IMAGES = ("img_align_celeba", "img_celeba")
SPLITS = {"0": "train", "1": "validation", "2": "test"}


class Celeba(Layout):
    """See the module."""

    name = "celeba"
    tasks: ClassVar = {"smile": SMILES, "gender": GENDERS}
    holds = f"{ATTRIBUTES}.txt, {PARTITION}.txt and {IMAGES[0]}/"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        attributes, partition = self._find(root, ATTRIBUTES), self._find(root, PARTITION)
        images = sorted(path for name in IMAGES for path in root.glob(f"**/{name}") if path.is_dir())
        if not images:
            raise UsageError(f"no CelebA under {root}: expected {self.holds}")
        # Kaggle's archive holds the folder in a folder of the same name.
        folder = inner if (inner := images[0] / images[0].name).is_dir() else images[0]
        splits = read_pairs(partition)
        listed = _listed(root, IDENTITY)
        identities = read_pairs(listed) if listed else {}
        samples = []
        for name, answers in read_attributes(attributes).items():
            if splits.get(name) not in SPLITS:
                raise UsageError(f"{partition}: {name} is in {splits.get(name)!r}, expected 0, 1 or 2")
            label = SMILES[answers["Smiling"]] if task == "smile" else GENDERS[not answers["Male"]]
            split, identity = SPLITS[splits[name]], identities.get(name)
            samples.append(Sample(folder / name, label, split, identity=identity, groups=_groups(answers)))
        return those_present(samples, root, self.holds)

    def _find(self, root: Path, name: str) -> Path:
        if path := _listed(root, name):
            return path
        raise UsageError(f"no {name}.txt under {root}: expected CelebA's {self.holds}")


def _listed(root: Path, name: str) -> Path | None:
    return next((path for end in ("txt", "csv") for path in sorted(root.glob(f"**/{name}.{end}"))), None)


def _groups(answers: Mapping[str, bool]) -> dict[str, str]:
    return {
        "gender": GENDERS[not answers["Male"]],
        "age": "young" if answers["Young"] else "not young",
        "glasses": "glasses" if answers["Eyeglasses"] else "none",
    }


def read_pairs(path: Path) -> dict[str, str]:
    """A list of pictures with one word each.

    Raises:
        UsageError: A line holds another number of words.
    """
    found = {}
    for number, line in enumerate(read_lines(path), start=1):
        words = line.replace(",", " ").split()
        if len(words) != 2:
            raise UsageError(f"{path}, line {number}: {len(words)} words, expected a picture and a number")
        found[words[0]] = words[1]
    found.pop("image_id", None)  # the header of Kaggle's
    return found


def read_attributes(path: Path) -> dict[str, dict[str, bool]]:
    """The attributes of every picture: a line of their names, and a line a picture with 1 or -1 for each.

    Raises:
        UsageError: An attribute that is used here is missing, or a line is broken.
    """
    lines = [line.replace(",", " ").split() for line in read_lines(path)]
    start = next((number for number, words in enumerate(lines) if "Smiling" in words), None)
    names = [name for name in lines[start] if name != "image_id"] if start is not None else []
    if start is None or not {"Smiling", "Male", "Young", "Eyeglasses"} <= set(names):
        raise UsageError(f"{path}: expected a line that names the attributes, Smiling, Male, Young and Eyeglasses")
    found = {}
    for number, (name, *values) in enumerate(lines[start + 1 :], start=start + 2):
        if len(values) != len(names) or not {"1", "-1"} >= set(values):
            raise UsageError(f"{path}, line {number}: expected a picture and {len(names)} times 1 or -1")
        found[name] = {attribute: value == "1" for attribute, value in zip(names, values, strict=True)}
    return found


LAYOUT = Celeba()
