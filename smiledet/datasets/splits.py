"""Splits that anybody can draw again."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from smiledet.datasets.base import Sample, content_hash


def split_fifths(samples: Iterable[Sample], salt: str) -> list[Sample]:
    """Mark a fifth of every class as `test` and the rest as `train`.

    The split depends on the files' content alone: it is the same on any machine, and exact duplicates fall on the same
    side of it.

    Args:
        samples: In any order; their own split is ignored.
        salt: The data set's name, so that two sets are split independently.

    Returns:
        The samples in their order, with `split` set.
    """
    order = list(samples)
    digests = [hashlib.sha256(f"{salt}:{content_hash(sample.image)}".encode()).hexdigest() for sample in order]
    of_class: dict[str, set[str]] = defaultdict(set)
    for sample, digest in zip(order, digests, strict=True):
        of_class[sample.label].add(digest)
    test: set[str] = set()
    for members in of_class.values():
        ranked = sorted(members)
        test.update(ranked[: len(ranked) // 5])
    return [
        replace(sample, split="test" if digest in test else "train")
        for sample, digest in zip(order, digests, strict=True)
    ]
