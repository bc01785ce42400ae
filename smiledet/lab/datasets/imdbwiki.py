"""IMDB-WIKI (Rothe, Timofte, Van Gool, IJCV 2018): half a million faces of celebrities with age and gender.

`imdb.mat` or `wiki.mat` beside the folders of pictures that it names (`imdb_crop/`, `wiki_crop/`, or the whole
photographs), or both sets side by side. Fields: dob (Matlab day number), photo_taken (year, taken for its middle),
gender (0 woman, 1 man, NaN unknown), full_path, name, celeb_id where it is there, face_location, face_score (-inf: no
face found), second_face_score (NaN: only one face found).

Left out, and counted aloud: rows without a face or with a second one, and those that say an age below 0 or above 100;
without a gender, where the gender is asked. The published crops leave 40 % around the face, and their face_location
speaks of the whole photograph: the face is searched for. A fifth of the people is held out as `test`.
"""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.answers import GENDERS, NOT_TOLD, age_band
from smiledet.lab.datasets.base import Layout, Sample
from smiledet.lab.datasets.splits import split_people
from smiledet.lab.datasets.tables import those_present

log = logging.getLogger(__name__)

SETS = ("imdb", "wiki")
FIELDS = ("dob", "photo_taken", "gender", "full_path", "name", "face_location", "face_score", "second_face_score")
MATLAB_OFFSET = 366
"""Days by which Matlab's count, from year 0, is ahead of Python's, from year 1."""

OLDEST = 100
"""Years; beyond, the set's dates are wrong more often than right."""

BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError, zlib.error)
"""What SciPy raises at files that are cut short, of a newer format (7.3), or no list of faces."""


def age_of(birth: float, year: float) -> float:
    """Age in years in the middle of a year.

    Args:
        birth: Date of birth as Matlab counts days.
        year: When the photograph was taken.

    >>> round(age_of(date(1970, 7, 2).toordinal() + 366, 2010), 1)
    40.0
    """
    if not (math.isfinite(birth) and math.isfinite(year) and 1 <= year < 10_000):
        return math.nan
    return (date(int(year), 7, 2).toordinal() + MATLAB_OFFSET - birth) / 365.2425


def read_mat(path: Path, name: str) -> dict[str, list[Any]]:
    """The columns of a `.mat` file of the set, each a list with an entry a picture.

    Raises:
        UsageError: SciPy is not installed, or the file is not as expected.
    """
    try:
        from scipy.io.matlab import MatReadError, loadmat
    except ImportError as problem:
        raise UsageError(f"reading {path} takes SciPy: pip install 'smiledet[train]'") from problem
    try:
        record = loadmat(str(path))[name][0, 0]
        known = [field for field in (*FIELDS, "celeb_id") if field in record.dtype.names]
        columns = {field: list(record[field].ravel()) for field in known}
    except (*BROKEN, MatReadError) as problem:
        raise UsageError(f"{path} is no IMDB-WIKI list: {problem}") from problem
    if missing := set(FIELDS) - set(columns):
        raise UsageError(f"{path}: no field {min(missing)!r}; expected {', '.join(FIELDS)}")
    if len({len(column) for column in columns.values()}) != 1:
        raise UsageError(f"{path}: its fields have different lengths")
    return columns


class Imdbwiki(Layout):
    """See the module."""

    name = "imdbwiki"
    tasks: ClassVar = {"age": None, "gender": GENDERS}
    holds = "imdb.mat or wiki.mat, in imdb_crop/ or wiki_crop/ say, beside the pictures that it names"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        lists = [(path, name) for name in SETS for path in sorted(root.glob(f"**/{name}.mat"))]
        if not lists:
            raise UsageError(f"no IMDB-WIKI under {root}: expected {self.holds}")
        samples = [sample for path, name in lists for sample in self._read_list(path, name)]
        split = split_people(
            samples, self.name, lambda sample: f"{sample.groups['gender']} {sample.groups['age band']}"
        )
        if task == "age":
            return split
        told = [sample for sample in split if sample.groups["gender"] != NOT_TOLD]
        return [replace(sample, label=sample.groups["gender"], target=None) for sample in told]

    def _read_list(self, path: Path, name: str) -> list[Sample]:
        columns = read_mat(path, name)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        try:
            good = [sample for row in rows if (sample := _sample(path, row)) is not None]
        except (TypeError, ValueError, IndexError) as problem:
            raise UsageError(f"{path} is no IMDB-WIKI list: {problem}") from problem
        if len(good) < len(rows):
            log.warning(
                "%s: left out %d of %d rows: no face, two faces or no age", path, len(rows) - len(good), len(rows)
            )
        return those_present(good, path, self.holds)


def _text(cell: npt.NDArray[Any]) -> str:
    """A string, which Matlab keeps in a cell."""
    return str(cell.ravel()[0]) if np.size(cell) else ""


def _sample(path: Path, row: dict[str, Any]) -> Sample | None:
    """One row; None if it does not show one face of a known age."""
    age = age_of(float(row["dob"]), float(row["photo_taken"]))
    one_face = math.isfinite(row["face_score"]) and math.isnan(row["second_face_score"])
    if not (one_face and 0 <= age <= OLDEST):
        return None
    # Matlab counts women 0 and men 1.
    gender = NOT_TOLD if math.isnan(row["gender"]) else GENDERS[not row["gender"]]
    person = str(int(row["celeb_id"])) if "celeb_id" in row else _text(row["name"])
    return Sample(
        path.parent / _text(row["full_path"]),
        str(int(age)),
        "",
        box=None if path.parent.name.endswith("_crop") else _box(np.ravel(row["face_location"])),
        target=age,
        identity=f"{path.stem} {person}" if person else None,
        groups={"gender": gender, "age band": age_band(age)},
    )


def _box(corners: Sequence[float] | npt.NDArray[np.float64]) -> Box:
    """A box from Matlab's corners, which count pixels from 1 and belong to it."""
    left, top, right, bottom = map(float, corners)
    return Box(left - 1, top - 1, right - left + 1, bottom - top + 1)


LAYOUT = Imdbwiki()
