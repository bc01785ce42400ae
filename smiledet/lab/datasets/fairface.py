"""FairFace (Kärkkäinen and Joo, WACV 2021): faces in the wild, balanced over seven groups; CC BY 4.0.

`fairface_label_train.csv` (columns: file, age, gender, race) beside `train/` with its pictures, and
`fairface_label_val.csv` beside `val/` where that was given out: then those are the `test` split. Else a fifth of every
gender and race group is held out.

Ages are bands ("20-29", "more than 70"). For the task `age` every year of a band is as right as another: the soft label
is even over them, and the target is the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.answers import GENDERS
from smiledet.lab.datasets.base import Layout, Sample, find_root
from smiledet.lab.datasets.splits import split_fifths
from smiledet.lab.datasets.tables import read_table, those_present
from smiledet.lab.datasets.twins import drop_twins

LISTS = {"train": "fairface_label_train.csv", "test": "fairface_label_val.csv"}
GENDER = dict(zip(("Male", "Female"), GENDERS, strict=True))
BANDS = {
    "0-2": range(3),
    "3-9": range(3, 10),
    "10-19": range(10, 20),
    "20-29": range(20, 30),
    "30-39": range(30, 40),
    "40-49": range(40, 50),
    "50-59": range(50, 60),
    "60-69": range(60, 70),
    "more than 70": range(70, 90),
}
"""Years of each band; of the last, which has no end, the first twenty."""

# Measured on 270 of 300 pictures (edges repeated by a quarter) in which the cascade finds the face: its box is 0.96
# times the picture and sits 0.085 of it above the centre (interquartile spread of its side 0.13).
LOCATED = Box(0.02, -0.065, 0.96, 0.96)


class Fairface(Layout):
    """See the module."""

    name = "fairface"
    tasks: ClassVar = {"gender": GENDERS, "age": None}
    holds = f"{LISTS['train']} and the pictures that it names, in train/"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        folder = find_root(root, [LISTS["train"]], f"FairFace's {self.holds}")
        lists = {split: folder / name for split, name in LISTS.items() if (folder / name).is_file()}
        rows = [sample for split, path in lists.items() for sample in _read(path, split, task)]
        samples = those_present(rows, folder, self.holds)
        if len(lists) == 1:
            samples = split_fifths(samples, self.name, _stratum)
        train = [sample for sample in samples if sample.split == "train"]
        others = [sample for sample in samples if sample.split != "train"]
        return drop_twins(train, others, self.name) + others


def _stratum(sample: Sample) -> str:
    return f"{sample.groups['gender']} {sample.groups['race']}"


def _read(path: Path, split: str, task: str) -> Iterator[Sample]:
    for number, row in enumerate(read_table(path, ("file", "age", "gender", "race")), start=1):
        where = f"{path}, row {number}"
        for column, allowed in (("gender", GENDER), ("age", BANDS)):
            if row[column] not in allowed:
                raise UsageError(f"{where}: {column} is {row[column]!r}, expected {', '.join(allowed)}")
        gender, years = GENDER[row["gender"]], BANDS[row["age"]]
        groups = {"gender": gender, "age band": row["age"], "race": row["race"]}
        image = path.parent / row["file"]
        if task == "age":
            middle = (years[0] + years[-1]) / 2
            votes = {str(year): 1 / len(years) for year in years}
            yield Sample(image, f"{middle:.0f}", split, LOCATED, target=middle, votes=votes, groups=groups)
        else:
            yield Sample(image, gender, split, LOCATED, groups=groups)


LAYOUT = Fairface()
