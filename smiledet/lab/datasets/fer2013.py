"""FER-2013 (Goodfellow et al., 2013), 48x48 grey crops of seven emotions, unpacked to folders or as Kaggle's CSV.

`train/<label>/Training_*.jpg`, `test/<label>/PublicTest_*.jpg` or `.../PrivateTest_*.jpg`, or the label folders alone.
Or `fer2013.csv` (or `icml_face_data.csv`) with a row a crop: emotion (0 to 6), its 2304 pixels, and Usage; its pictures
are written once to the user's cache, in those folders and numbered by row.
Splits: `train`, `test` (PublicTest) and `private` (PrivateTest), told by the file's name and, failing that, its folder.
Training images that another split shows as well are dropped, see `smiledet.lab.datasets.twins`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.answers import EMOTIONS
from smiledet.lab.datasets.base import Layout, Sample, images_in, kept_folder
from smiledet.lab.datasets.tables import code_of, read_table
from smiledet.lab.datasets.twins import drop_twins
from smiledet.lab.progress import progress

PREFIXES = {"training": "train", "publictest": "test", "privatetest": "private"}
FOLDERS = {"train": "train", "training": "train", "private": "private", "privatetest": "private"}

# The cascade's box on these crops is, at the median, the whole crop (0.99 of its width, centred within 0.3 %).
LOCATED = Box(0.0, 0.0, 1.0, 1.0)

TABLES = ("fer2013.csv", "icml_face_data.csv")
CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USAGES = ("Training", "PublicTest", "PrivateTest")
SIDE = 48


def split_of(image: Path) -> str:
    """The split that a file belongs to.

    >>> split_of(Path("fer2013/test/happy/PublicTest_123.jpg"))
    'test'
    """
    prefix = image.name.lower().partition("_")[0]
    if prefix in PREFIXES:
        return PREFIXES[prefix]
    return next((FOLDERS[part.lower()] for part in image.parts[-3:-1] if part.lower() in FOLDERS), "test")


def find_table(root: Path) -> Path | None:
    """Kaggle's CSV in a folder or in one directly inside; None where there is none."""
    folders = (root, *sorted(child for child in root.iterdir() if child.is_dir()))
    return next((folder / name for folder in folders for name in TABLES if (folder / name).is_file()), None)


def write_pictures(table: Path, folder: Path) -> None:
    """Unpack Kaggle's CSV to `folder/<split>/<label>/<Usage>_<row>.png`, rows counted from 0.

    Raises:
        UsageError: The table is broken; the message names the row.
    """
    rows = read_table(table, ("emotion", "pixels", "Usage"))
    for number, row in enumerate(progress(rows, f"unpacking {table.name}")):
        where = f"{table}, row {number + 1}"
        label = code_of(row, "emotion", CODES, where)
        if row["Usage"] not in USAGES:
            raise UsageError(f"{where}: Usage is {row['Usage']!r}, expected {', '.join(USAGES)}")
        try:
            pixels = np.array(row["pixels"].split(), np.int64)
        except (ValueError, OverflowError) as problem:
            raise UsageError(f"{where}: the pixels are no numbers: {problem}") from problem
        if len(pixels) != SIDE * SIDE or not 0 <= pixels.min() <= pixels.max() <= 255:
            raise UsageError(f"{where}: {len(pixels)} pixels, expected {SIDE * SIDE} of 0 to 255")
        path = folder / PREFIXES[row["Usage"].lower()] / label / f"{row['Usage']}_{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(".png", pixels.astype(np.uint8).reshape(SIDE, SIDE))[1]
        path.write_bytes(encoded.tobytes())


def pictures_folder(table: Path) -> Path:
    """Where Kaggle's CSV is unpacked, in the user's cache.

    Raises:
        UsageError: The table is broken, or the cache cannot be written.
    """
    try:
        return kept_folder(table, lambda folder: write_pictures(table, folder))
    except OSError as problem:
        raise UsageError(f"cannot unpack {table}: {problem}") from problem


class Fer2013(Layout):
    """See the module."""

    name = "fer2013"
    tasks: ClassVar = {"emotion": EMOTIONS}
    holds = "fer2013.csv, or folders named angry … surprise"

    def read(self, root: Path, task: str) -> list[Sample]:  # noqa: ARG002
        """See `Layout.read`."""
        table = find_table(root)
        samples = [
            Sample(image, image.parent.name.lower(), split_of(image), LOCATED)
            for image in images_in(pictures_folder(table) if table else root)
            if image.parent.name.lower() in EMOTIONS
        ]
        if not samples:
            raise UsageError(f"no FER-2013 under {root}: expected {TABLES[0]}, or folders named {', '.join(EMOTIONS)}")
        train = [sample for sample in samples if sample.split == "train"]
        others = [sample for sample in samples if sample.split != "train"]
        return drop_twins(train, others, self.name) + others


LAYOUT = Fer2013()
