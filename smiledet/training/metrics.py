"""What is reported of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


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


def report(labels: Sequence[str], truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Accuracy and its company.

    Args:
        labels: The classes.
        truth: (n,) true classes.
        scores: (n, classes) probabilities.

    Returns:
        `count`, `accuracy`, `auc` (two classes; the second is the positive one), `recall` by label (None for a class
        that does not occur), `labels` and `confusion` (rows are the truth).
    """
    matrix = confusion_matrix(truth, scores.argmax(axis=1), len(labels))
    recall = {
        label: round(float(row[index] / row.sum()), 4) if row.sum() else None
        for index, (label, row) in enumerate(zip(labels, matrix, strict=True))
    }
    result: dict[str, Any] = {
        "count": len(truth),
        "accuracy": round(float(np.trace(matrix) / max(1, len(truth))), 4),
        "recall": recall,
        "labels": list(labels),
        "confusion": matrix.tolist(),
    }
    if len(labels) == 2:
        auc = area_under_roc(truth == 1, scores[:, 1])
        result["auc"] = None if np.isnan(auc) else round(auc, 4)
    return result
