"""What is reported of a task whose answer is a number: age, in years.

The network's answer is the expectation over its classes, not the most probable of them. Errors are in the labels' own
unit; confusion, recall and accuracy are over bands of ten.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.lab.training.evaluation.metrics import classification

BAND = 10
"""Width of a band."""

NEAR = (5, 10)
"""Errors up to these count as near."""


def expectation(values: npt.NDArray[np.float64], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The number that each row of probabilities stands for.

    Args:
        values: (classes,) what each class stands for.
        scores: (n, classes) probabilities.

    Returns:
        float64 (n,).
    """
    weights = scores.astype(np.float64)
    answers: npt.NDArray[np.float64] = weights @ values / np.maximum(weights.sum(axis=1), 1e-12)
    return answers


def band_of(number: float) -> str:
    """The band that a number lies in.

    >>> band_of(39.5), band_of(40)
    ('30-39', '40-49')
    """
    first = math.floor(number / BAND) * BAND
    return f"{first}-{first + BAND - 1}"


def report_numbers(
    values: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], scores: npt.NDArray[np.float32]
) -> dict[str, Any]:
    """Errors, and accuracy by bands.

    Args:
        values: (classes,) what each class stands for.
        truth: (n,) true numbers.
        scores: (n, classes) probabilities.

    Returns:
        `mean_error` and `median_error` (absolute), `bias` (mean of answer less truth), `near` (share within 5 and 10),
        `mean_error_by_band`, and `classification` over the bands that occur, whose names are `labels`.
    """
    answers = expectation(values, scores)
    errors = np.abs(answers - truth)
    ends = np.concatenate([truth, answers]) if len(truth) else values
    starts = range(math.floor(ends.min() / BAND) * BAND, math.floor(ends.max()) + 1, BAND)
    bands = [band_of(start) for start in starts]
    of_truth, of_answers = (
        np.clip((np.floor(numbers / BAND) * BAND - starts.start) // BAND, 0, len(bands) - 1).astype(np.int64)
        for numbers in (truth, answers)
    )
    return {
        **classification(bands, of_truth, of_answers),
        "mean_error": _mean(errors),
        "median_error": round(float(np.median(errors)), 4) if len(errors) else None,
        "bias": _mean(answers - truth),
        "near": {str(limit): _mean(errors <= limit) for limit in NEAR},
        "mean_error_by_band": {band: _mean(errors[of_truth == index]) for index, band in enumerate(bands)},
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
