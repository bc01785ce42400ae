"""Stacks: photographs of one moment, told by when they were taken and by how alike they look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from smiledet.frame import Box
from smiledet.photographs.best_shot import Shot, ShotWeights, rank
from smiledet.photographs.quality import hash_distance
from smiledet.photographs.records import Stack
from smiledet.photographs.store import Store

BURST_GAP = 5.0
"""Seconds from one photograph of a burst to the next at most."""

BURST_BITS = 12
"""Bits in which the hashes of a burst's photographs differ from that of its first at most."""

MOVED_BITS = 28
"""The same where the faces are where they were: people move, and the camera with them."""

AT_ONCE = 1.5
"""Seconds within which as many faces of the same sizes are the same people, wherever the camera has turned."""

SAME_SIZE = 0.75
"""Height of the lower of two faces over that of the higher, at least, to be of the same size."""

SAME_BITS = 4
"""The same of photographs that were taken at another time, or nobody knows when: copies of another size or quality."""

SAME_PLACE = 0.3
"""Overlap (intersection over union) of two faces that are in the same place."""

BLOCKS = SAME_BITS + 1
"""Parts of a hash of which one at least is the same in two that differ in `SAME_BITS`."""

CROWDED = 200
"""Hashes that share a part at most: of more (blank pages, black pictures) only equal ones are near-duplicates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photograph that may belong to a stack.

    Attributes:
        id: In the store.
        taken: Seconds on the camera's clock; None where nobody knows.
        phash: See `smiledet.photographs.quality.perceptual_hash`.
        boxes: Its faces, in shares of the picture's sides.
    """

    id: int
    taken: float | None
    phash: int
    boxes: tuple[Box, ...] = ()


def restack(store: Store, weights: ShotWeights | None = None) -> int:
    """Find the stacks of all photographs of a store, choose the best of each, and store them.

    A stack whose photographs are the same and have not been corrected since stays as it is stored.

    Args:
        store: It has the photographs, and takes the stacks.
        weights: What counts how much in the choice.

    Returns:
        How many stacks there are.
    """
    weights = weights or ShotWeights()
    by = repr(weights)
    found = {frozenset(members): members for members in find_stacks(_candidates(store))}
    stored = store.stacks()
    kept = {state.photographs for state in stored.values() if state.weights == by and state.photographs in found}
    changed = _ranked(store, [members for each, members in found.items() if each not in kept], weights)
    gone = [stack for stack, state in stored.items() if state.photographs not in kept]
    if changed or gone:
        store.put_stacks(changed, by, gone)
    return len(kept) + len(changed)


def _ranked(store: Store, stacks: Sequence[Sequence[int]], weights: ShotWeights) -> list[Stack]:
    """Stacks with the best shot first; without photographs that another process has dropped meanwhile."""
    everybody = [member for members in stacks for member in members]
    faces, sharpness = store.faces(everybody), store.sharpness(everybody)
    shots = {
        row.id: Shot(row.id, (row.width, row.height), sharpness[row.id], faces[row.id]) for row in store.rows(everybody)
    }
    found = []
    for members in stacks:
        there = [shots[member] for member in members if member in shots]
        if len(there) > 1:
            ranked = rank(there, weights)
            found.append(Stack(tuple(each.id for each in ranked), tuple(each.reasons for each in ranked)))
    return found


def find_stacks(candidates: Iterable[Candidate]) -> list[list[int]]:
    """The ids of photographs of one moment, two or more each, in the order in which they were taken.

    A photograph joins the stack before it if it was taken within `BURST_GAP` seconds of its last and looks like its
    first, so that a series of a thousand does not become one stack by small steps; or at once, with the same faces.
    Then the first photographs of the stacks are compared with whatever looks the same.

    Args:
        candidates: Each once.
    """
    everybody = list(candidates)
    timed = sorted((each for each in everybody if each.taken is not None), key=lambda each: (each.taken, each.id))
    groups: list[list[Candidate]] = []
    for each in timed:
        if groups and _joins(each, groups[-1]):
            groups[-1].append(each)
        else:
            groups.append([each])
    groups += [[each] for each in everybody if each.taken is None]
    return [[each.id for each in group] for group in _joined(groups) if len(group) > 1]


def _joins(candidate: Candidate, burst: Sequence[Candidate]) -> bool:
    first, last = burst[0], burst[-1]
    assert candidate.taken is not None and last.taken is not None
    if candidate.taken - last.taken > BURST_GAP:
        return False
    if candidate.taken - last.taken <= AT_ONCE and _same_sizes(candidate.boxes, last.boxes):
        return True
    bits = hash_distance(candidate.phash, first.phash)
    return bits <= BURST_BITS or (bits <= MOVED_BITS and _same_places(candidate.boxes, last.boxes))


def _same_sizes(one: Sequence[Box], other: Sequence[Box]) -> bool:
    """Whether two photographs show as many faces, each as high as one of the other; False without a face."""
    heights = zip(sorted(box.height for box in one), sorted(box.height for box in other), strict=False)
    return len(one) == len(other) > 0 and all(min(pair) >= SAME_SIZE * max(pair) for pair in heights)


def _same_places(one: Sequence[Box], other: Sequence[Box]) -> bool:
    """Whether most faces of two photographs lie over each other."""
    if not one or not other:
        return False
    met = sum(max(box.iou(its) for its in other) >= SAME_PLACE for box in one)
    return 2 * met > max(len(one), len(other))


def _joined(groups: list[list[Candidate]]) -> Iterator[list[Candidate]]:
    """The groups, those together whose first photographs look the same."""
    leader = list(range(len(groups)))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for one, other in _near_duplicates([group[0].phash for group in groups]):
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    found: dict[int, list[Candidate]] = {}
    for number, group in enumerate(groups):
        found.setdefault(find(number), []).extend(group)
    yield from found.values()


def _near_duplicates(hashes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose hashes differ in `SAME_BITS` at most, each perhaps more than once."""
    values = np.array(hashes, np.int64).view(np.uint64)
    different, first, which = np.unique(values, return_index=True, return_inverse=True)
    yield from ((int(first[which[place]]), place) for place in range(len(values)) if first[which[place]] != place)
    width = -(-64 // BLOCKS)
    for block in range(BLOCKS):
        parts = (different >> np.uint64(block * width)) & np.uint64(2**width - 1)
        _, group, size = np.unique(parts, return_inverse=True, return_counts=True)
        order = np.argsort(group, kind="stable")
        order = order[size[group[order]] <= CROWDED]
        for step in range(1, int(size[group[order]].max(initial=1))):
            one, other = order[:-step], order[step:]
            together = group[one] == group[other]
            one, other = one[together], other[together]
            alike = _bits(different[one] ^ different[other]) <= SAME_BITS
            yield from zip(first[one[alike]].tolist(), first[other[alike]].tolist(), strict=True)


def _bits(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """How many bits are set in each; `np.bitwise_count` came with NumPy 2."""
    fives, threes, nibbles = (np.uint64(each * 0x0101010101010101) for each in (0x55, 0x33, 0x0F))
    values = values - ((values >> np.uint64(1)) & fives)
    values = (values & threes) + ((values >> np.uint64(2)) & threes)
    values = (values + (values >> np.uint64(4))) & nibbles
    bits: npt.NDArray[np.uint64] = (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return bits


def _candidates(store: Store) -> list[Candidate]:
    """All photographs; with their faces where another was taken within `BURST_GAP`, since only there they count."""
    looks = store.looks()
    timed = sorted((each.taken, each.id) for each in looks if each.taken is not None)
    near = {
        one for before, after in pairwise(timed) if after[0] - before[0] <= BURST_GAP for one in (before[1], after[1])
    }
    boxes = store.places(sorted(near))
    return [Candidate(each.id, each.taken, each.phash, boxes.get(each.id, ())) for each in looks]
