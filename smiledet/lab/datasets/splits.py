"""Splits that anybody can draw again."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from smiledet.lab.datasets.base import Sample, content_hash
from smiledet.lab.progress import progress

Item = TypeVar("Item")


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


@dataclass(slots=True)
class _Company:
    """Samples that must not be parted: those of one person, and whoever shares a picture with them."""

    rank: str = "~"  # behind every digest
    members: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def split_people(
    samples: Iterable[Sample],
    salt: str,
    stratum: Callable[[Sample], str] = label_of,
    share: float = 0.2,
    seed: int = 0,
) -> list[Sample]:
    """Mark a share of every class as `test` so that nobody, and no exact duplicate, is on both sides.

    People are drawn whole, in an order that their names and the seed tell; a sample without an identity is drawn by its
    content. Whoever fills more of what is still wanted than he overfills goes to `test`.

    Args:
        samples: In any order; their own split is ignored.
        salt: The data set's name, so that two sets are split independently.
        stratum: What the share is taken of.
        share: Of every stratum, 0 to 1; missed by no more than a person's pictures, and not reached where few people
            have most of a class.
        seed: Another draws another split.

    Returns:
        The samples in their order, with `split` set.

    Raises:
        ValueError: The share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")
    order = list(samples)
    companies = _companies(order, f"{salt}:{seed}")
    for company in companies:
        company.counts.update(stratum(order[index]) for index in company.members)
    wanted = {name: share * count for name, count in Counter(map(stratum, order)).items()}
    test: set[int] = set()
    for company in sorted(companies, key=lambda one: one.rank):
        filled = sum(min(count, max(0.0, wanted[name])) for name, count in company.counts.items())
        if filled > company.counts.total() / 2:
            test.update(company.members)
            for name, count in company.counts.items():
                wanted[name] -= count
    return [replace(sample, split="test" if index in test else "train") for index, sample in enumerate(order)]


def _companies(order: Sequence[Sample], salt: str) -> list[_Company]:
    """Samples joined by identity and by content."""
    keys = [_keys(sample, digest) for sample, digest in zip(order, duplicate_digests(order), strict=True)]
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for first, *others in keys:
        for other in others:
            leader[find(other)] = find(first)
    companies: dict[str, _Company] = defaultdict(_Company)
    for index, own in enumerate(keys):
        company = companies[find(own[0])]
        company.members.append(index)
        company.rank = min(company.rank, *(hashlib.sha256(f"{salt}:{key}".encode()).hexdigest() for key in own))
    return list(companies.values())


def _keys(sample: Sample, digest: str | None) -> list[str]:
    """What ties a sample to others: the person, and the content where another file may have the same."""
    tied = [f"person {sample.identity}"] if sample.identity is not None else []
    if digest is None and not tied:
        digest = content_hash(sample.image)
    return tied + ([f"content {digest}"] if digest else [])


def duplicate_digests(samples: Sequence[Sample]) -> list[str | None]:
    """The digest of every file that another one of the same size may equal; None for those of a size of their own."""
    sizes = [sample.image.stat().st_size for sample in samples]
    often = Counter(sizes)
    pairs = list(zip(samples, sizes, strict=True))
    return [
        content_hash(sample.image) if often[size] > 1 else None for sample, size in progress(pairs, "comparing files")
    ]


def of_one_mind(samples: Sequence[Sample], digests: Sequence[str | None] | None = None) -> list[Sample]:
    """The samples without those whose very content stands under another label as well: nobody knows which is right.

    Args:
        samples: Labelled photographs.
        digests: Theirs, of `duplicate_digests`, where somebody has them already.
    """
    labels: dict[str, set[str]] = {}
    digests = digests if digests is not None else duplicate_digests(samples)
    for sample, digest in zip(samples, digests, strict=True):
        if digest is not None:
            labels.setdefault(digest, set()).add(sample.label)
    return [
        sample for sample, digest in zip(samples, digests, strict=True) if digest is None or len(labels[digest]) == 1
    ]


def count_copies(samples: Sequence[Sample], digests: Sequence[str | None]) -> int:
    """How many of the samples are, byte for byte, copies of an earlier one under the same label.

    Args:
        samples: Labelled photographs.
        digests: Theirs, of `duplicate_digests`.
    """
    told = Counter(
        (digest, sample.label) for sample, digest in zip(samples, digests, strict=True) if digest is not None
    )
    return sum(number - 1 for number in told.values())


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most so many of the items, evenly spread over their order; all of them for 0.

    >>> spread(range(10), 4), spread(range(3), 0)
    ([0, 2, 5, 7], [0, 1, 2])
    """
    if count == 0 or len(items) <= count:
        return list(items)
    return [items[len(items) * place // count] for place in range(count)]
