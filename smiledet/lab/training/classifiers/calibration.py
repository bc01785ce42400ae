"""The temperature that makes a network's probabilities believable, found on photographs that watched its training.

C. Guo and others: On calibration of modern neural networks, ICML 2017, section 4.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

COLDEST, WARMEST, STEPS = 0.3, 3.0, 109
"""Temperatures that are tried, on a logarithmic scale."""

FEWEST = 50
"""Photographs that a temperature is found on at least; with fewer it stays 1."""

SMALLEST = 1e-7


def best_temperature(scores: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
    """The temperature under which the right labels are most likely.

    Photographs are asked whose target gives one label more than half: a right label is one that most people name.

    Args:
        scores: (n, labels), probabilities.
        targets: (n, labels), what was wanted; every row sums to 1, or to 0 where nothing is known.

    Returns:
        The temperature, to two digits; 1 where too few photographs have a right label.

    >>> generator = np.random.default_rng(1)
    >>> shares = generator.uniform(0.05, 0.95, 4000)
    >>> truth = (generator.random(4000) < shares).astype(int)
    >>> odds = (shares / (1 - shares)) ** 2  # twice as sure as it should be
    >>> sure = odds / (1 + odds)
    >>> 1.9 < best_temperature(np.stack([1 - sure, sure], axis=1), np.eye(2)[truth]) < 2.1
    True
    """
    clear = targets.max(axis=1) > 0.5
    if clear.sum() < FEWEST:
        return 1.0
    logarithms = np.log(np.maximum(scores[clear].astype(np.float64), SMALLEST))
    right = targets[clear].argmax(axis=1)
    temperatures = np.geomspace(COLDEST, WARMEST, STEPS)
    losses = [_loss(logarithms / temperature, right) for temperature in temperatures]
    return round(float(temperatures[int(np.argmin(losses))]), 2)


def _loss(scores: npt.NDArray[np.float64], right: npt.NDArray[np.int64]) -> float:
    """Mean cross-entropy of softmax(scores)."""
    highest = scores.max(axis=1, keepdims=True)
    totals = np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]
    return float((totals - scores[np.arange(len(right)), right]).mean())
