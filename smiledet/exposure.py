"""Evening out pictures that are too dark, too flat or too bright, for detectors and networks to read.

Viola-Jones, the landmark trees and the networks have all learnt faces in usual light. Of a picture at an eighth of its
brightness nearly all is still there, in a few grey levels: stretched to the full range, as many faces are found in it
as in full light. A picture in usual light is left exactly as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage

Table = npt.NDArray[np.uint8]
"""What each grey level becomes, uint8 (256,), as `cv2.LUT` takes it."""

STEP = 8
"""Every so many pixels across and down are counted: 4,800 of a picture of 640x480, in a fiftieth of a millisecond."""

DARK, LIGHT_AGAIN = 90.0, 110.0
"""99th percentile below which a picture is dark, and above which a video that was dark is so no more. Of 1,403
photographs of GENKI-4K, HELEN and AFW five in a thousand lie below the first."""

BRIGHT, DIM_AGAIN = 225.0, 210.0
"""The same of the median, above which a picture is over-exposed. Of those photographs one in a hundred is."""

LEAST_SPAN = 12.0
"""Grey levels between the darkest and the lightest that are stretched to the full range at most: in fewer than these
there is noise alone."""

HIGHLIGHTS = 3.0
"""Power to which the range of an over-exposed picture is raised, so that what is left in the lights spreads out. Faces
found by Viola-Jones and by MTCNN in 300 photographs of GENKI-4K at 2.5 times the brightness plus 60: see
`scripts/exposure_table.py`."""

SETTLE = 0.5
"""Time constant in seconds over which a video's levels are averaged: a table that changed from frame to frame would
look like motion."""

JUMP = 1.6
"""Ratio of the levels of two frames from which the light has been switched, and nothing is averaged."""

SHARES = (0.01, 0.5, 0.99)
"""Of the pixels that are darker than the levels that are measured."""

NOTICED = 4.0
"""Grey levels that are added to both sides of that ratio: a few of them make no difference in the dark."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The grey levels of a picture, 0 to 255.

    Attributes:
        low: 1 % of the pixels are darker.
        middle: The median.
        high: 1 % of the pixels are lighter.
    """

    low: float
    middle: float
    high: float

    def towards(self, other: Levels, share: float) -> Levels:
        """These levels moved a share of the way to others."""
        low, middle, high = (
            own + share * (its - own)
            for own, its in ((self.low, other.low), (self.middle, other.middle), (self.high, other.high))
        )
        return Levels(low, middle, high)


def measure(grey: GreyImage) -> Levels:
    """The levels of a picture, from a pixel in sixty-four.

    Args:
        grey: Grey uint8 (height, width), not empty.

    >>> measure(np.full((100, 100), 40, np.uint8))
    Levels(low=40.0, middle=40.0, high=40.0)
    """
    sample = grey[::STEP, ::STEP]
    below = np.bincount(sample.ravel(), minlength=256).cumsum()
    low, middle, high = below.searchsorted(np.multiply(SHARES, sample.size)).tolist()
    return Levels(float(low), float(middle), float(high))


def table_of(levels: Levels, dark: float = DARK, bright: float = BRIGHT) -> Table | None:
    """What evens a picture out; None for one in usual light.

    Args:
        levels: Of the picture.
        dark: `high` below which it is dark.
        bright: `middle` above which it is over-exposed.

    >>> table_of(Levels(10, 120, 230)) is None
    True
    >>> table_of(Levels(0, 12, 30))[[0, 15, 30]].tolist()
    [0, 127, 255]
    """
    if levels.high >= dark and levels.middle <= bright:
        return None
    power = HIGHLIGHTS if levels.high >= dark else 1.0
    span = max(LEAST_SPAN, levels.high - levels.low)
    share = np.clip((np.arange(256) - levels.low) / span, 0, 1)
    return np.asarray(255 * share**power, np.uint8)


class Exposure:
    """The tables of a video, steady from frame to frame. It belongs to one thread."""

    def __init__(self) -> None:
        self._levels: Levels | None = None
        self._time = 0.0
        self._corrected = False

    def table(self, grey: GreyImage, time: float) -> Table | None:
        """What evens out the next frame; None where it is in usual light.

        Args:
            grey: Grey uint8 (height, width).
            time: Seconds on the source's line.
        """
        seen = measure(grey)
        last = self._levels
        if last is None or _ratio(seen.high, last.high) > JUMP or _ratio(seen.middle, last.middle) > JUMP:
            self._levels = seen
        else:
            self._levels = last.towards(seen, 1 - math.exp(-max(0.0, time - self._time) / SETTLE))
        self._time = time
        limits = (LIGHT_AGAIN, DIM_AGAIN) if self._corrected else (DARK, BRIGHT)
        table = table_of(self._levels, *limits)
        self._corrected = table is not None
        return table


def even_out(picture: npt.NDArray[np.uint8], table: Table | None) -> npt.NDArray[np.uint8]:
    """A picture, grey or BGR, as a table has it; the picture itself where there is none."""
    return picture if table is None else np.asarray(cv2.LUT(picture, table), np.uint8)


def _ratio(one: float, other: float) -> float:
    """How many times the larger of two levels is the smaller; a few levels make no difference."""
    return (max(one, other) + NOTICED) / (min(one, other) + NOTICED)
