"""Counting what a data set holds: classes by split, people, duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.splits import duplicate_digests

SPLITS = ("train", "validation", "test", "private")
"""The order in which splits are shown; others follow by name."""

DECADE = 10


@dataclass(frozen=True, slots=True)
class Census:
    """What a data set holds.

    Attributes:
        counts: Photographs by split and class. Numbers (ages) are counted by decade.
        groups: Photographs by the name of a grouping and the group.
        identities: People that are told apart; None where nobody is.
        identities_across: People with photographs in more than one split.
        duplicates: Files that are, byte for byte, copies of an earlier one.
        duplicates_across: Contents that lie in more than one split.
        duplicates_at_odds: Contents that lie there under more than one class.
    """

    counts: dict[str, dict[str, int]]
    groups: dict[str, dict[str, int]]
    identities: int | None
    identities_across: int
    duplicates: int
    duplicates_across: int
    duplicates_at_odds: int

    @property
    def classes(self) -> list[str]:
        """Every class of any split, in order; decades by age."""
        names = {label for count in self.counts.values() for label in count}
        return sorted(names, key=age_or_name)


def class_of(sample: Sample) -> str:
    """The label, or the decade of a number.

    >>> from pathlib import Path
    >>> class_of(Sample(Path("a.jpg"), "37", "train", target=37.4))
    '30-39'
    """
    if sample.target is None:
        return sample.label
    decade = int(sample.target // DECADE) * DECADE
    return f"{decade}-{decade + DECADE - 1}"


def take_census(samples: Sequence[Sample]) -> Census:
    """Count the samples of a data set; reads every file whose size is not its own."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    of_person: dict[str, set[str]] = defaultdict(set)
    of_content: dict[str, list[Sample]] = defaultdict(list)
    for sample, digest in zip(samples, duplicate_digests(samples), strict=True):
        counts[sample.split][class_of(sample)] += 1
        for name, group in sample.groups.items():
            groups[name][group] += 1
        if sample.identity is not None:
            of_person[sample.identity].add(sample.split)
        if digest is not None:
            of_content[digest].append(sample)
    return Census(
        counts={
            split: {name: counts[split][name] for name in sorted(counts[split], key=age_or_name)}
            for split in in_order(counts)
        },
        groups={name: dict(sorted(members.items())) for name, members in sorted(groups.items())},
        identities=len(of_person) or None,
        identities_across=sum(len(splits) > 1 for splits in of_person.values()),
        duplicates=sum(len(copies) - 1 for copies in of_content.values()),
        duplicates_across=_differing(of_content.values(), lambda sample: sample.split),
        duplicates_at_odds=_differing(of_content.values(), class_of),
    )


def in_order(splits: Iterable[str]) -> list[str]:
    """Splits as they are shown."""
    return sorted(splits, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))


def age_or_name(label: str) -> tuple[int, str]:
    """Decades by age, words by the alphabet."""
    lowest = label.partition("-")[0]
    return int(lowest) if lowest.isascii() and lowest.isdecimal() else 0, label


def _differing(contents: Iterable[Sequence[Sample]], what: Callable[[Sample], str]) -> int:
    return sum(len({what(copy) for copy in copies}) > 1 for copies in contents)
