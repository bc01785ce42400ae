"""Curves and per-class figures by scikit-learn, for the report folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Roc:
    """A receiver operating characteristic.

    Attributes:
        label: The class held positive.
        false_alarms: Share of negatives taken for positives, rising from 0 to 1.
        recall: Share of positives found, at the same thresholds.
        area: Under the curve.
    """

    label: str
    false_alarms: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    area: float


def roc_curves(labels: Sequence[str], truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> list[Roc]:
    """The curve of the second of two classes, or of each class against the rest; without those that do not occur."""
    from sklearn.metrics import auc, roc_curve

    curves = []
    for index, label in list(enumerate(labels))[1 if len(labels) == 2 else 0 :]:
        positive = truth == index
        if positive.any() and not positive.all():
            false_alarms, recall, _ = roc_curve(positive, scores[:, index])
            curves.append(Roc(label, false_alarms, recall, float(auc(false_alarms, recall))))
    return curves


def per_class(labels: Sequence[str], confusion: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Correct, wrong, recall, precision and F1 of each class: the per-label table of seed `001_*` (Table 7), and more.

    Args:
        labels: The classes.
        confusion: (classes, classes), rows are the truth.

    Returns:
        A row a class; `recall` and `f1` are None for one that does not occur, `precision` for one never read.
    """
    from sklearn.metrics import precision_recall_fscore_support

    pairs = np.indices(confusion.shape).reshape(2, -1)
    truth, guess = (np.repeat(side, confusion.ravel()) for side in pairs)
    if not len(truth):
        empty = {"correct": 0, "wrong": 0, "recall": None, "precision": None, "f1": None}
        return [{"label": label, **empty} for label in labels]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, guess, labels=list(range(len(labels))), zero_division=np.nan
    )
    return [
        {
            "label": label,
            "correct": int(confusion[index, index]),
            "wrong": int(support[index] - confusion[index, index]),
            "recall": _figure(recall[index]),
            "precision": _figure(precision[index]),
            "f1": _figure(f1[index]) if support[index] else None,
        }
        for index, label in enumerate(labels)
    ]


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
