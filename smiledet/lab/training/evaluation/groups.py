"""The same figures for each group of people that a data set tells apart: bias is reported, not hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.lab.datasets.base import Sample

LARGEST = 24
"""A grouping with more values than this (an age in years, say) is no grouping, and left out."""


def group_tables(
    found: Sequence[Sample],
    missed: Sequence[Sample],
    labels: Sequence[str],
    truth: npt.NDArray[np.int64],
    guess: npt.NDArray[np.int64],
    errors: npt.NDArray[np.float64] | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures by grouping and value.

    Args:
        found: The photographs in which a face was found.
        missed: The others.
        labels: The classes.
        truth: (n,) true classes of `found`.
        guess: (n,) classes read from them.
        errors: (n,) absolute errors, for a task whose labels are numbers.

    Returns:
        For each grouping and each of its values `count` (photographs), `found`, `accuracy` (None where none was found)
        and `recall` by label; with `errors`, `mean_error` takes the place of the last.
    """
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    of_found, of_missed = ([sample.groups for sample in samples] for samples in (found, missed))
    for name in sorted({name for groups in (*of_found, *of_missed) for name in groups}):
        values = np.array([groups.get(name, "") for groups in of_found], dtype=str)
        lost = [groups.get(name, "") for groups in of_missed]
        there = sorted({*values.tolist(), *lost} - {""})
        if len(there) > LARGEST:
            continue
        tables[name] = {}
        for value in there:
            chosen = values == value
            row: dict[str, Any] = {"count": int(chosen.sum()) + lost.count(value), "found": int(chosen.sum())}
            row["accuracy"] = _mean(guess[chosen] == truth[chosen])
            if errors is None:
                row["recall"] = {
                    label: _mean(guess[chosen & (truth == index)] == index) for index, label in enumerate(labels)
                }
            else:
                row["mean_error"] = _mean(errors[chosen])
            tables[name][value] = row
    return tables


def _mean(values: npt.NDArray[Any]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
