"""FER+ (Barsoum et al., ICMI 2016): the crops of FER-2013 with the votes of ten annotators each.

Either `fer2013new.csv`, a row a crop in FER-2013's own order (Usage, image name, the votes), beside Kaggle's
`fer2013.csv` or the folders `FER2013Train`, `FER2013Valid` and `FER2013Test` that the authors' own script fills. Or
`ferplus_votes.csv`, a row a crop by its path in FER-2013's folders (`train/happy/Training_123.jpg`), beside `fer2013/`
or `fer2013.tar.gz`: for folders numbered otherwise than FER-2013's rows.

A crop's label must have more than half of all its votes. Held-out crops without such a label, or whose label is
"unknown" or "no face", are left out; so is contempt for the task `emotion`, whose seven classes do not know it
(`emotion8` does). Of the crops to learn from only those are left out that have no vote for a class of the task, or more
for "no face" or
contempt: split votes teach doubt. Their label is what most voted for.

The soft labels are the votes for the task's classes without those that a single person gave, which the authors take for
outliers, and those for "unknown", spread evenly over the classes. Splits: `train`, `test` (PublicTest) and `private`
(PrivateTest). Crops to learn from that a held-out one shows as well are left out, see `smiledet.lab.datasets.twins`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import EMOTIONS, EMOTIONS8
from smiledet.lab.datasets.base import Layout, Sample, images_in, unpacked
from smiledet.lab.datasets.fer2013 import LOCATED, find_table, pictures_folder, split_of
from smiledet.lab.datasets.tables import is_there, read_table, whole_number
from smiledet.lab.datasets.twins import drop_twins

log = logging.getLogger(__name__)

BY_ROW = "fer2013new.csv"
BY_FILE = "ferplus_votes.csv"
NO_FACE, UNKNOWN = "no face", "unknown"
COLUMNS = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
    "unknown": UNKNOWN,
    "NF": NO_FACE,
}
"""Of the authors' table; the other one has a column a label."""
FILE_COLUMNS = {label.replace(" ", "_"): label for label in COLUMNS.values()}
SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "private"}
FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")


@dataclass(frozen=True, slots=True)
class VotedCrop:
    """A row of a table: the picture, its split and its votes."""

    image: Path
    split: str
    votes: Mapping[str, int]


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


def soft_label(votes: Mapping[str, int], labels: tuple[str, ...]) -> dict[str, float]:
    """The share of each label in the votes, "unknown" spread evenly; empty where nobody voted for a label.

    >>> soft_label({"happy": 6, "sad": 1, "unknown": 2, "no face": 1}, ("happy", "sad"))
    {'happy': 0.875, 'sad': 0.125}
    """
    counted = without_outliers(votes)
    if not any(label in counted for label in labels):
        return {}
    doubt = counted.get(UNKNOWN, 0) / len(labels)
    shares = {label: counted.get(label, 0) + doubt for label in labels}
    return {label: share / sum(shares.values()) for label, share in shares.items()}


def _votes_of(row: Mapping[str, str], columns: Mapping[str, str], where: str) -> dict[str, int]:
    cells = {label: row[column] for column, label in columns.items()}
    votes = {label: whole_number(cell) for label, cell in cells.items()}
    for label, number in votes.items():
        if number is None:
            raise UsageError(f"{where}: the votes for {label} are {cells[label]!r}, expected a whole number")
    return {label: number for label, number in votes.items() if number is not None}


def _pictures(folder: Path) -> dict[int, Path]:
    """The crops by their row in FER-2013, from 0."""
    if table := find_table(folder):
        return {int(image.stem.rpartition("_")[2]): image for image in images_in(pictures_folder(table))}
    found = [image for name in FOLDERS if (folder / name).is_dir() for image in images_in(folder / name)]
    return {int(image.stem[3:]): image for image in found if image.stem[3:].isdecimal()}


def _crops_by_row(folder: Path, holds: str) -> Iterator[VotedCrop]:
    table = folder / BY_ROW
    rows = list(read_table(table, ("Usage", *COLUMNS)))
    pictures = _pictures(folder)
    if not pictures:
        raise UsageError(f"{folder}: {BY_ROW} has no pictures beside it; expected {holds}")
    if max(pictures) >= len(rows):
        raise UsageError(f"{table}: {len(rows)} rows, but {pictures[max(pictures)]} is of a later one")
    for number, image in sorted(pictures.items()):
        row, where = rows[number], f"{table}, row {number + 1}"
        if row["Usage"] not in SPLITS:
            raise UsageError(f"{where}: Usage is {row['Usage']!r}, expected {', '.join(SPLITS)}")
        yield VotedCrop(image, SPLITS[row["Usage"]], _votes_of(row, COLUMNS, where))


def _crops_by_file(folder: Path, holds: str) -> Iterator[VotedCrop]:
    table = folder / BY_FILE
    place = next((folder / name for name in ("fer2013", "fer2013.tar.gz", "train") if (folder / name).exists()), None)
    if place is None:
        raise UsageError(f"{folder}: {BY_FILE} has no pictures beside it; expected {holds}")
    crops = folder if place.name == "train" else unpacked(place)
    crops = crops / "fer2013" if (crops / "fer2013").is_dir() else crops
    missing = 0
    for number, row in enumerate(read_table(table, ("file", *FILE_COLUMNS)), start=1):
        votes = _votes_of(row, FILE_COLUMNS, f"{table}, row {number}")
        if is_there(image := crops / row["file"]):
            yield VotedCrop(image, split_of(image), votes)
        else:
            missing += 1
    if missing:
        log.warning("%s: left out %d rows without their picture in %s", table, missing, crops)


class Ferplus(Layout):
    """See the module."""

    name = "ferplus"
    tasks: ClassVar = {"emotion": EMOTIONS, "emotion8": EMOTIONS8}
    holds = (
        f"{BY_ROW} beside fer2013.csv, or beside FER2013Train/, FER2013Valid/ and FER2013Test/; "
        f"or {BY_FILE} beside fer2013/ or fer2013.tar.gz"
    )

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        folders = (root, *sorted(child for child in root.iterdir() if child.is_dir()))
        readers = {BY_ROW: _crops_by_row, BY_FILE: _crops_by_file}
        found = next(((folder, name) for folder in folders for name in readers if (folder / name).is_file()), None)
        if found is None:
            raise UsageError(f"{root} does not look right: expected FER+'s {self.holds}")
        folder, name = found
        crops = list(readers[name](folder, self.holds))
        labels = EMOTIONS8 if task == "emotion8" else EMOTIONS
        samples = [sample for crop in crops if (sample := _sample(crop, labels)) is not None]
        log.info("%s: left out %d crops without a label for %s", folder, len(crops) - len(samples), task)
        train = [sample for sample in samples if sample.split == "train"]
        others = [sample for sample in samples if sample.split != "train"]
        # Without a majority, too: FER-2013's own labels are measured on all of them.
        held_out = [Sample(crop.image, "", crop.split) for crop in crops if crop.split != "train"]
        return drop_twins(train, held_out, self.name) + others


def _sample(crop: VotedCrop, labels: tuple[str, ...]) -> Sample | None:
    shares = soft_label(crop.votes, labels)
    if not shares:
        return None
    if crop.split == "train":
        named = {label: count for label, count in crop.votes.items() if label != UNKNOWN}
        label = max(named, key=named.__getitem__)
    else:
        label = majority(crop.votes) or ""
    return Sample(crop.image, label, crop.split, LOCATED, votes=shares) if label in labels else None


LAYOUT = Ferplus()
