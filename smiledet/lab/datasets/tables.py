"""Reading the lists that data sets keep their answers in, and holding them against the pictures that are there."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.base import Sample

log = logging.getLogger(__name__)

csv.field_size_limit(1 << 20)  # a row of AffectNet holds 68 landmarks, one of FER-2013 its picture


MOST_PIXELS = 1e5
"""How large a box may be, and how far from the picture's corner; comparisons leave out what is no number."""

MOST_DIGITS = 18
"""Of a whole number; Python refuses thousands of them."""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank.

    Raises:
        UsageError: The file is not there or is no text.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"cannot read {path}: {problem}") from problem


def read_table(path: Path, wanted: Sequence[str], header: Sequence[str] | None = None) -> Iterator[dict[str, str]]:
    """The rows of a CSV file by their columns' names, one by one, spaces around names and values taken away.

    Args:
        path: The file; its first row names the columns.
        wanted: Columns that must be there.
        header: The columns of a file that some publish without its first row.

    Raises:
        UsageError: The file is not there, is no CSV, lacks a column, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = ([cell.strip() for cell in row] for row in csv.reader(stream) if row)
            first = next(rows, [])
            names = first if header is None or first[:1] == list(header[:1]) else list(header)
            if missing := [name for name in wanted if name not in names]:
                raise UsageError(f"{path}: no column {missing[0]!r}; expected {', '.join(wanted)}")
            for number, row in enumerate(rows if names is first else chain([first], rows), start=1):
                if len(row) != len(names):
                    raise UsageError(f"{path}, row {number}: {len(row)} cells, expected {len(names)}")
                yield dict(zip(names, row, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"cannot read {path}: {problem}") from problem


def code_of(row: dict[str, str], column: str, codes: Sequence[str], where: str) -> str:
    """What a whole number in a row stands for: `codes` in the order of their numbers, from 0.

    Raises:
        UsageError: The cell is no such number.
    """
    number = whole_number(row[column])
    if number is None or number >= len(codes):
        raise UsageError(f"{where}: {column} is {row[column]!r}, expected 0 to {len(codes) - 1}")
    return codes[number]


def whole_number(cell: str) -> int | None:
    """A cell's number; None for what is none, has a sign, or has more digits than any count.

    >>> whole_number("07"), whole_number("-7"), whole_number("\N{SUPERSCRIPT TWO}")
    (7, None, None)
    """
    return int(cell) if cell.isascii() and cell.isdecimal() and len(cell) <= MOST_DIGITS else None


def box_of(row: dict[str, str], columns: Sequence[str], where: str) -> Box | None:
    """The box in four columns (left, top, width, height); None where it is empty, none, or cannot be one.

    Raises:
        UsageError: A cell is no number.
    """
    cells = [row[column] for column in columns]
    if any(cell in ("", "NULL") for cell in cells):
        return None
    try:
        left, top, width, height = map(float, cells)
    except ValueError as problem:
        raise UsageError(f"{where}: the box {', '.join(cells)} is no four numbers") from problem
    is_box = 0 < width < MOST_PIXELS and 0 < height < MOST_PIXELS and abs(left) < MOST_PIXELS and abs(top) < MOST_PIXELS
    return Box(left, top, width, height) if is_box else None


def is_there(image: Path) -> bool:
    """Whether there is such a file; not where no file could be called so."""
    try:
        return image.is_file()
    except OSError:
        return False


def those_present(samples: Sequence[Sample], root: Path, expected: str) -> list[Sample]:
    """The samples whose picture is there; how many are not is said on one line.

    Raises:
        UsageError: Not one is there, or there are no samples to begin with.
    """
    found = [sample for sample in samples if is_there(sample.image)]
    if not found:
        missing = f"no picture that its list names, {samples[0].image} say" if samples else "an empty list"
        raise UsageError(f"{root}: {missing}; expected {expected}")
    if len(found) < len(samples):
        missing_count = len(samples) - len(found)
        log.warning("%s: left out %d of %d samples without their picture", root, missing_count, len(samples))
    return found
