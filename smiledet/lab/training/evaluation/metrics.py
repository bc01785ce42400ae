"""What is reported of a classifier, in NumPy alone: the plain command line needs no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
"""Bins of confidence in the reliability curve."""

NORMAL_95 = 1.959964
"""Half the width of a normal distribution's middle 95 %, in standard deviations."""


def confusion_matrix(truth: npt.NDArray[np.int64], guess: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """How often each class (row) was taken for each (column), int64 (classes, classes).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, guess), 1)
    return matrix


def area_under_roc(positive: npt.NDArray[np.bool_], scores: npt.NDArray[Any]) -> float:
    """Probability that a positive scores above a negative, ties counting half (Mann and Whitney's U); nan without both.

    >>> area_under_roc(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    _, places, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(sizes) - (sizes - 1) / 2
    above = mean_rank[places][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share that `right` of `count` draws estimate (Wilson, 1927); all there is without draws.

    >>> [round(end, 3) for end in wilson_interval(8, 10)]
    [0.49, 0.943]
    """
    if not count:
        return 0.0, 1.0
    share, spread = right / count, NORMAL_95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = NORMAL_95 * float(np.sqrt(share * (1 - share) / count + spread / (4 * count))) / (1 + spread)
    return centre - half, centre + half


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far a classifier's confidence can be believed.

    Attributes:
        confidence: Mean probability of the answer, by bin of it; bins that hold no answer are left out.
        accuracy: Share of right answers in the same bins.
        count: Answers in the same bins.
    """

    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: |accuracy - confidence|, averaged over all answers; 0 without any."""
        total = self.count.sum()
        return float((self.count * np.abs(self.accuracy - self.confidence)).sum() / total) if total else 0.0


def reliability(truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], bins: int = BINS) -> Reliability:
    """Confidence against accuracy (Guo et al., On calibration of modern neural networks, 2017).

    Args:
        truth: (n,) true classes.
        scores: (n, classes) probabilities.
        bins: Bins of equal width from 0 to 1; each but the first holds its upper end.
    """
    confidence = scores.max(axis=1, initial=0.0).astype(np.float64)
    right = scores.argmax(axis=1) == truth
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(places, minlength=bins)
    filled = count > 0
    means = [np.bincount(places, each, bins)[filled] / count[filled] for each in (confidence, right)]
    return Reliability(means[0], means[1], count[filled])


def classification(labels: Sequence[str], truth: npt.NDArray[np.int64], guess: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What true and read classes alone tell.

    Args:
        labels: The classes.
        truth: (n,) true classes.
        guess: (n,) classes read.

    Returns:
        `count`, `accuracy`, `accuracy_interval` (Wilson's, 95 %), `recall` by label (None for a class that does not
        occur), `labels` and `confusion` (rows are the truth).
    """
    matrix = confusion_matrix(truth, guess, len(labels))
    right = int(np.trace(matrix))
    recall = {
        label: round(float(row[index] / row.sum()), 4) if row.sum() else None
        for index, (label, row) in enumerate(zip(labels, matrix, strict=True))
    }
    return {
        "count": len(truth),
        "accuracy": round(right / max(1, len(truth)), 4),
        "accuracy_interval": [round(end, 4) for end in wilson_interval(right, len(truth))],
        "recall": recall,
        "labels": list(labels),
        "confusion": matrix.tolist(),
    }


def report(labels: Sequence[str], truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Accuracy and its company.

    Args:
        labels: The classes.
        truth: (n,) true classes.
        scores: (n, classes) probabilities.

    Returns:
        `classification`, `calibration_error`, and `auc`: of two classes the area of the second, the positive one; of
        more `auc_macro` instead, the mean of each class' area against the rest. None where a class does not occur.
    """
    result = classification(labels, truth, scores.argmax(axis=1))
    result["calibration_error"] = round(reliability(truth, scores).error, 4)
    two = len(labels) == 2
    areas = [area_under_roc(truth == index, scores[:, index]) for index in range(1 if two else 0, len(labels))]
    area = float(np.mean(areas)) if areas else float("nan")
    result["auc" if two else "auc_macro"] = None if np.isnan(area) else round(area, 4)
    return result
