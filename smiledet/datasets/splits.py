"""Splits that anybody can draw again."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from smiledet.datasets.base import Sample, content_hash


def label_of(sample: Sample) -> str:
    """The stratum of a sample where nothing else is said: its class."""
    return sample.label


def split_fifths(samples: Iterable[Sample], salt: str, stratum: Callable[[Sample], str] = label_of) -> list[Sample]:
    """Mark a fifth of every class as `test` and the rest as `train`.

    The split depends on the files' content alone: it is the same on any machine, and exact duplicates fall on the same
    side of it.

    Args:
        samples: In any order; their own split is ignored.
        salt: The data set's name, so that two sets are split independently.
        stratum: What a fifth is taken of, where the class is not the same for every task.

    Returns:
        The samples in their order, with `split` set.
    """
    order = list(samples)
    digests = [hashlib.sha256(f"{salt}:{content_hash(sample.image)}".encode()).hexdigest() for sample in order]
    of_stratum: dict[str, set[str]] = defaultdict(set)
    for sample, digest in zip(order, digests, strict=True):
        of_stratum[stratum(sample)].add(digest)
    test: set[str] = set()
    for members in of_stratum.values():
        ranked = sorted(members)
        test.update(ranked[: len(ranked) // 5])
    return [
        replace(sample, split="test" if digest in test else "train")
        for sample, digest in zip(order, digests, strict=True)
    ]
