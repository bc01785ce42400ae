"""Verifying new faces with a second detector.

Viola-Jones' cascade reports some folds and leaves again and again: its false alarms have as many overlapping hits as
faint faces have, also at a finer scale. A cascade that was trained independently makes other errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from smiledet.detection.detectors.base import FaceDetector
from smiledet.frame import Box, Detection, GreyImage

REGION = 1.5
"""Side of what is searched, in sides of the face."""

SIDE = 50
"""Side in pixels to which the face is brought. Of 38 faces at a table the second cascade saw 23 at 40 pixels and 29 at
50, asking for the same three overlapping hits."""

SIZES = (0.7, 1.4)
"""Sizes that count, in sides of the face: the two detectors need not frame it alike."""

SURE = 12.0
"""Overlapping hits of the first cascade from which the second is not asked: its false alarms, on the photographs and
clips that this was set on, had ten at most."""

SAME_FACE = 0.4
"""Intersection over union from which the two detectors report one face."""

ACCEPTED = 6
"""By how many the pictures on which the second detector sees a new face have to outnumber those on which it does not,
before it is asked no more. The first such picture shows the face."""

REJECTED = 3
"""By how many the latter may outnumber the former, before a shown face is taken back.

With `ACCEPTED` the bounds of a sequential test (A. Wald: Sequential tests of statistical hypotheses, 1945). Of faces at
a table, while they were new, it saw nine in ten; a relief on the wall that the first cascade takes for a face on every
picture it saw on one in five. Of what is shown after one vote and then seen on one picture in five, one in a thousand
is accepted; of what is seen on nine in ten, one in six thousand is rejected."""

FEW = 2
"""Votes for a face up to which the second detector is asked on pictures, too, on which the first does not see it; later
the face may be half hidden or turned away on them."""


@dataclass(slots=True)
class Votes:
    """On how many pictures the second detector saw a new face, and on how many it did not.

    Attributes:
        yes: Pictures on which it did.
        no: Pictures on which it did not, since the face was first shown.
    """

    yes: int = 0
    no: int = 0

    @property
    def accepted(self) -> bool:
        """Whether it is a face, and need not be verified any more."""
        return self.yes - self.no >= ACCEPTED

    @property
    def rejected(self) -> bool:
        """Whether it is none."""
        return self.no - self.yes >= REJECTED

    @property
    def few(self) -> bool:
        """Whether so few pictures speak for it that each further one is asked about."""
        return self.yes <= FEW


class Verifier:
    """Asks another detector about single faces. It belongs to one thread.

    Args:
        detector: The other detector.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def agrees(self, grey: GreyImage, found: Detection) -> bool:
        """Whether the other detector sees that face too, or need not be asked.

        Args:
            grey: Grey uint8 (height, width).
            found: What the first detector found, in pixels of `grey`.
        """
        if found.score >= SURE:
            return True
        height, width = grey.shape
        left, top, right, bottom = found.box.scaled(REGION).clipped(width, height)
        scale = SIDE / found.box.width
        size = round((right - left) * scale), round((bottom - top) * scale)
        smallest, largest = (round(SIDE * share) for share in SIZES)
        if min(size) < smallest:
            return False
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = cv2.resize(grey[top:bottom, left:right], size, interpolation=interpolation)
        own = Box((found.box.x - left) * scale, (found.box.y - top) * scale, SIDE, SIDE)
        return any(own.iou(each.box) >= SAME_FACE for each in self._detector.detect(view, smallest, largest))
