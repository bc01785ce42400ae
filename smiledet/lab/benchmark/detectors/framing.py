"""How each detector's boxes lie about Viola-Jones': where the constants of `smiledet/detection` come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.framing import Framing
from smiledet.detection.search import scan
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator

SAME_FACE = 0.3
"""Intersection over union of a raw box and Viola-Jones' from which they frame one face."""

SOUGHT = 0.7
"""Smallest face sought, in sides of Viola-Jones' box: no more pixels than needed for the slow detectors."""


@dataclass(frozen=True, slots=True)
class MeasuredFraming:
    """How a detector's boxes lie about Viola-Jones'.

    Attributes:
        detector: Its name.
        faces: Faces that both found.
        framing: Medians over them; see `Framing`.
        spread: Standard deviations of right, down and side, in sides of the detector's box.
    """

    detector: str
    faces: int
    framing: Framing
    spread: tuple[float, float, float]


def measure_framing(name: str, photographs: Sequence[GreyImage]) -> MeasuredFraming:
    """Compare a detector's own boxes with Viola-Jones' on photographs of one face each.

    Raises:
        UsageError: The detector is not installed, or found none of Viola-Jones' faces.
    """
    detector, reference = detector_kind(name).raw(), LabelledFaceLocator()
    rows = []
    for grey in photographs:
        expected = reference.locate(grey)
        own = None if expected is None else _own_box(detector, grey, expected)
        if expected is not None and own is not None:
            rows.append(_relation(own, expected))
    if not rows:
        raise UsageError(f"detector {name} and Viola-Jones have no face in common in {len(photographs)} photographs")
    right, down, side = map(float, np.median(rows, axis=0))
    spread = np.std(rows, axis=0)
    return MeasuredFraming(
        name, len(rows), Framing(right, down, side), (float(spread[0]), float(spread[1]), float(spread[2]))
    )


def _own_box(detector: FaceDetector, grey: GreyImage, expected: Box) -> Box | None:
    """The detector's box of the face that Viola-Jones framed so, the surest of several."""
    smallest = max(detector.needs.smallest, round(SOUGHT * expected.width))
    found = scan(detector, grey, smallest)
    return next((each.box for each in found if each.box.iou(expected) >= SAME_FACE), None)


def _relation(own: Box, expected: Box) -> tuple[float, float, float]:
    """Right, down and side, as in `Framing`."""
    unit = own.area**0.5
    (own_x, own_y), (x, y) = own.centre, expected.centre
    return (x - own_x) / unit, (y - own_y) / unit, expected.width / unit
