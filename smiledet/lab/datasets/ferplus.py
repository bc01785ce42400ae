"""FER+ (Barsoum et al., ICMI 2016): the crops of FER-2013 with the votes of ten annotators each.

`fer2013new.csv`, a row a crop in FER-2013's own order (Usage, image name, the votes), beside Kaggle's `fer2013.csv` or
the folders `FER2013Train`, `FER2013Valid` and `FER2013Test` that the authors' own script fills. Folders of FER-2013
numbered otherwise do not serve: nothing there tells which row a picture is.

Labels are made as the authors' "majority" mode makes them: a label with a single vote is an outlier and dropped, and a
label must have more than half of the votes left. Crops without such a label, or whose label is "unknown" or
"not a face" (NF), are left out; so is contempt for the task `emotion`, whose seven classes do not know it (`emotion8`
does). The soft labels are the votes left for the task's own classes. Splits: `train`, `test` (PublicTest)
and `private` (PrivateTest).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import EMOTIONS, EMOTIONS8
from smiledet.lab.datasets.base import Layout, Sample, drop_known, find_root, images_in
from smiledet.lab.datasets.fer2013 import LOCATED, find_table, pictures_folder
from smiledet.lab.datasets.tables import read_table

log = logging.getLogger(__name__)

VOTES = "fer2013new.csv"
COLUMNS = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
    "unknown": "unknown",
    "NF": "no face",
}
SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "private"}
FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")


def without_outliers(votes: Mapping[str, int]) -> dict[str, int]:
    """The labels that got more than one vote.

    >>> without_outliers({"happy": 8, "sad": 1, "fear": 0})
    {'happy': 8}
    """
    return {label: count for label, count in votes.items() if count > 1}


def majority(votes: Mapping[str, int]) -> str | None:
    """The label with more than half of the votes; None where no label has.

    >>> majority({"happy": 6, "sad": 4}), majority({"happy": 5, "sad": 5})
    ('happy', None)
    """
    label = max(votes, key=votes.__getitem__, default=None)
    return label if label is not None and votes[label] > sum(votes.values()) / 2 else None


def _votes_of(row: Mapping[str, str], where: str) -> dict[str, int]:
    cells = {label: row[column] for column, label in COLUMNS.items()}
    for label, cell in cells.items():
        if not (cell.isascii() and cell.isdecimal()):
            raise UsageError(f"{where}: the votes for {label} are {cell!r}, expected a whole number")
    return {label: int(cell) for label, cell in cells.items()}


def _pictures(folder: Path) -> dict[int, Path]:
    """The crops by their row in FER-2013, from 0."""
    if table := find_table(folder):
        return {int(image.stem.rpartition("_")[2]): image for image in images_in(pictures_folder(table))}
    found = [image for name in FOLDERS if (folder / name).is_dir() for image in images_in(folder / name)]
    return {int(image.stem[3:]): image for image in found if image.stem[3:].isdecimal()}


class Ferplus(Layout):
    """See the module."""

    name = "ferplus"
    tasks: ClassVar = {"emotion": EMOTIONS, "emotion8": EMOTIONS8}
    holds = "fer2013new.csv beside fer2013.csv, or beside FER2013Train/, FER2013Valid/ and FER2013Test/"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        folder = find_root(root, [VOTES], f"FER+'s {self.holds}")
        rows = list(read_table(folder / VOTES, ("Usage", *COLUMNS)))
        pictures = _pictures(folder)
        if not pictures:
            raise UsageError(f"{folder}: {VOTES} has no pictures beside it; expected {self.holds}")
        if max(pictures) >= len(rows):
            raise UsageError(f"{folder / VOTES}: {len(rows)} rows, but {pictures[max(pictures)]} is of a later one")
        samples = []
        for number, image in sorted(pictures.items()):
            where = f"{folder / VOTES}, row {number + 1}"
            sample = _sample(image, rows[number], EMOTIONS8 if task == "emotion8" else EMOTIONS, where)
            samples += [sample] if sample else []
        log.info("%s: left out %d crops without a majority for a class", folder, len(pictures) - len(samples))
        train = [sample for sample in samples if sample.split == "train"]
        others = [sample for sample in samples if sample.split != "train"]
        return drop_known(train, others) + others


def _sample(image: Path, row: Mapping[str, str], labels: tuple[str, ...], where: str) -> Sample | None:
    if row["Usage"] not in SPLITS:
        raise UsageError(f"{where}: Usage is {row['Usage']!r}, expected {', '.join(SPLITS)}")
    votes = without_outliers(_votes_of(row, where))
    label = majority(votes)
    if label not in labels:
        return None
    counted = {one: votes.get(one, 0) for one in labels}
    shares = {one: count / sum(counted.values()) for one, count in counted.items()}
    return Sample(image, label, SPLITS[row["Usage"]], LOCATED, votes=shares)


LAYOUT = Ferplus()
