"""A scan of the whole picture cut into slices, each cheap enough for one frame.

Sizes are split into octaves, and the finest octaves into strips that overlap by the largest face sought in them, so
that every face lies wholly inside some strip. A scan at once would hold up a live picture for more than a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from smiledet.detection.detectors.base import Needs

OVERLAP = 1.3
"""How far an octave's sizes reach into the next one's: a face needs hits at neighbouring sizes to be believed."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the picture and a range of sizes.

    Attributes:
        left: First column, in pixels.
        right: Column after the last.
        min_face: Smallest face sought, in pixels.
        max_face: Largest face sought; None for no limit.
        top: First row.
        bottom: Row after the last.
    """

    left: int
    right: int
    min_face: int
    max_face: int | None
    top: int
    bottom: int


def plan_slices(width: int, height: int, min_face: int, needs: Needs | None = None) -> tuple[Slice, ...]:
    """Slices that together search a picture for every face of at least `min_face` pixels.

    >>> [(each.left, each.right, each.min_face) for each in plan_slices(640, 360, 48)]
    [(0, 382, 48), (258, 640, 48), (0, 640, 96), (0, 640, 192)]

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        min_face: Side of the smallest face sought, in pixels, at least the detector's `needs.smallest`.
        needs: Of the detector; None for Viola-Jones' cascade.
    """
    needs = needs or Needs()
    pixels = needs.slice_pixels
    if pixels is None:
        return (Slice(0, width, min_face, None, 0, height),)
    slices: list[Slice] = []
    smallest = min_face
    while True:
        shrunk = (needs.window / smallest) ** 2 * width * height
        last = shrunk <= pixels / 2 or 2 * smallest > min(width, height)
        largest = None if last else math.ceil(2 * smallest * OVERLAP)
        slices += _strips(width, height, max(1, round(shrunk / pixels)), smallest, largest)
        if last:
            return tuple(slices)
        smallest *= 2


def _strips(width: int, height: int, count: int, smallest: int, largest: int | None) -> list[Slice]:
    if largest is None or count == 1:
        return [Slice(0, width, smallest, largest, 0, height)]
    reach = largest // 2
    edges = [round(width * number / count) for number in range(count + 1)]
    return [
        Slice(max(0, left - reach), min(width, right + reach), smallest, largest, 0, height)
        for left, right in pairwise(edges)
    ]
