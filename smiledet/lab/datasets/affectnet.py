"""AffectNet (Mollahosseini et al., 2017): photographs from the web with eight expressions, each face with its box.

`training.csv` and `validation.csv` (or `Manually_Annotated_file_lists/` with them), and the pictures that they name in
`Manually_Annotated_Images/` or beside them. Columns: subDirectory_filePath, face_x, face_y, face_width, face_height,
facial_landmarks, expression, valence, arousal; some copies lack the row of their names. Rows without an expression
("none", "uncertain", "no face") are left out, as seed 001 does, section 2.3.1. The boxes are OpenCV's own.

The test set was never published: `train` is the training list and `test` the validation list. Training pictures that
also stand, byte for byte, in the validation list are dropped. The task `emotion` leaves contempt out, which its seven
classes do not know; `emotion8` has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.lab.datasets.answers import EMOTIONS, EMOTIONS8
from smiledet.lab.datasets.base import Layout, Sample, drop_known, find_root
from smiledet.lab.datasets.tables import box_of, code_of, read_table, those_present

CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt", "none", "uncertain", "no face")
BOX = ("face_x", "face_y", "face_width", "face_height")
HEADER = ("subDirectory_filePath", *BOX, "facial_landmarks", "expression", "valence", "arousal")
LISTS = {"train": "training.csv", "test": "validation.csv"}
CLASSES = {"emotion8": EMOTIONS8, "emotion": EMOTIONS}
IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "")


class Affectnet(Layout):
    """See the module."""

    name = "affectnet"
    tasks: ClassVar = CLASSES
    holds = "training.csv and validation.csv, and the pictures that they name in Manually_Annotated_Images/"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        lists = find_root(root, list(LISTS.values()), f"AffectNet's {self.holds}")
        samples: dict[str, list[Sample]] = {}
        images = _images_folder(root, lists)
        for split, name in LISTS.items():
            rows = read_table(lists / name, ("subDirectory_filePath", *BOX, "expression"), HEADER)
            labelled = [
                _sample(images, row, split, f"{lists / name}, row {number}") for number, row in enumerate(rows, start=1)
            ]
            wanted = [sample for sample in labelled if sample.label in CLASSES[task]]
            samples[split] = those_present(wanted, lists / name, self.holds)
        return drop_known(samples["train"], samples["test"]) + samples["test"]


def _images_folder(root: Path, lists: Path) -> Path:
    folders = [around / name for name in IMAGES for around in (lists, root)]
    return next(folder for folder in folders if folder.is_dir())


def _sample(images: Path, row: dict[str, str], split: str, where: str) -> Sample:
    label = code_of(row, "expression", CODES, where)
    # Rows without a face have no box either.
    box = None if label in CODES[8:] else box_of(row, BOX, where)
    return Sample(images / row["subDirectory_filePath"], label, split, box=box)


LAYOUT = Affectnet()
