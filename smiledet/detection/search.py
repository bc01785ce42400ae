"""Searching a picture for faces: all of it, or what is around a known one.

A whole picture is searched at the scale that suits the smallest wanted face. What is around a known face is shrunk
once, and searched upright or, for a head tilted to one side, turned back by its roll: Viola-Jones' cascade loses faces
from about fifteen degrees on.

OpenCV averages over areas of any size pixel by pixel, but over two by two pixels with vectors: what is around a face of
300 pixels, brought to some 40 on every picture, costs 300 µs in one step, and 40 where it is halved twice before. The
means are the same but for their rounding to whole grey levels. Only faces of 225 to 250 pixels and more are halved so:
they cost most and are the surest. Of smaller ones Viola-Jones sees many on some pictures only, so that any other
rounding finds others of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.frame import Box, Detection, GreyImage

DETECTOR_WINDOW = Needs().window
"""Side of the smallest face that a Viola-Jones cascade can see, in pixels."""

REGION = 1.4
"""Side of what is searched around a known face, in its own sides: as far as it moves between two searches."""

REGION_FACE = 28
"""Side in pixels to which a known face is shrunk for the search around it; larger is steadier and slower. It is in the
cascade's pixels: for a detector that needs larger faces it is larger by the same factor."""

REGION_SIZES = (0.8, 1.3)
"""Sizes sought around a known face, in its known size: no face grows by more from one frame to the next."""

HALVED_BELOW = 1 / 8
"""Scale up to which pictures are halved twice before they are shrunk."""

HALVED_BY = 4
"""By what their sides are smaller then, and have to be divisible."""

Corners = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; right and bottom exclusive."""


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


def smallest_face(grey: GreyImage, share: float, needs: Needs | None = None) -> int:
    """Side in pixels of the smallest face sought: a share of the picture's shorter side, but what can be seen.

    Args:
        grey: Grey uint8 (height, width).
        share: Of the shorter side.
        needs: Of the detector; None for Viola-Jones' cascade.
    """
    shorter: int = min(grey.shape)
    return max((needs or Needs()).smallest, round(shorter * share))


def scan(detector: FaceDetector, grey: GreyImage, min_face: int, max_face: int | None = None) -> list[Detection]:
    """Search a picture, shrunk (or enlarged) until the smallest wanted face just fills the detector's window.

    Cost falls with the square of `min_face`: half the size sought is four times the pixels.

    Args:
        detector: The detector.
        grey: Grey uint8 (height, width).
        min_face: Side of the smallest face sought, pixels of `grey`, at least the detector's `needs.smallest`.
        max_face: Side of the largest face sought, pixels of `grey`; None for no limit.

    Returns:
        Detections in pixels of `grey`, surest first.
    """
    window = detector.needs.window
    scale = min(window / min_face, detector.needs.enlarge)
    if scale == 1 or min(grey.shape) == 0:
        return detector.detect(np.ascontiguousarray(grey), min_face, max_face)
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Down to half the size two by two pixels are enough, and INTER_AREA takes six times as long.
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
    limit = None if max_face is None else max(window + 1, round(max_face * scale))
    across, down = width / size[0], height / size[1]
    return [
        Detection(Box(box.x * across, box.y * down, box.width * across, box.height * down), found.score)
        for found in detector.detect(small, window, limit)
        for box in (found.box,)
    ]


def scan_part(detector: FaceDetector, grey: GreyImage, part: Slice) -> list[Detection]:
    """Search a part of a picture; see `scan`. Detections are in pixels of the whole picture."""
    view = grey[part.top : part.bottom, part.left : part.right]
    return [
        Detection(Box(part.left + box.x, part.top + box.y, box.width, box.height), found.score)
        for found in scan(detector, view, part.min_face, part.max_face)
        for box in (found.box,)
    ]


class Surroundings:
    """What is around one known face in one picture, ready to be searched.

    Args:
        grey: Grey uint8 (height, width).
        box: Where the face should be, in pixels of `grey`.
        needs: Of the detector that searches.
    """

    def __init__(self, grey: GreyImage, box: Box, needs: Needs) -> None:
        height, width = grey.shape
        # The known face is brought to this side, so that one a little smaller still fills the detector's window.
        side = REGION_FACE * needs.follow * needs.window / DETECTOR_WINDOW
        smallest = max(needs.smallest, round(box.width * needs.window / side))
        self._scale = min(needs.window / smallest, needs.enlarge)
        self._left, self._top, right, bottom = halvable(box.scaled(REGION).clipped(width, height), self._scale)
        self._needs = needs
        across, down = right - self._left, bottom - self._top
        self._wanted = box.width
        self._view: GreyImage = np.empty((0, 0), np.uint8)
        if min(across, down) >= needs.smallest:
            size = max(1, round(across * self._scale)), max(1, round(down * self._scale))
            self._view = resized(grey[self._top : bottom, self._left : right], size, self._scale)
            self._stretch = across / size[0], down / size[1]

    def search(self, detector: FaceDetector, roll: float = 0.0) -> list[Detection]:
        """The faces of about the known size.

        Args:
            detector: The detector.
            roll: Degrees by which the head is tilted, positive where its top leans to the right.

        Returns:
            Detections in pixels of the whole picture, surest first. A tilted head's box is upright about its middle.
        """
        if self._view.size == 0:
            return []
        low, high = (self._wanted * share for share in REGION_SIZES)
        limit = max(self._needs.window + 1, round(high * self._scale))
        found = detector.detect(self._turned(roll), self._needs.window, limit)
        placed = [Detection(self._placed(each.box, roll), each.score) for each in found]
        return [near for near in placed if near.box.width >= low]

    def _turned(self, roll: float) -> GreyImage:
        if roll == 0:
            return self._view
        height, width = self._view.shape
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), roll, 1.0)
        return np.asarray(cv2.warpAffine(self._view, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))

    def _placed(self, box: Box, roll: float) -> Box:
        """A box of the small, turned picture in pixels of the whole one."""
        across, down = self._stretch
        x, y = box.centre
        if roll:
            middle_x, middle_y = self._view.shape[1] / 2, self._view.shape[0] / 2
            turn, right, below = radians(roll), x - middle_x, y - middle_y
            x = middle_x + right * cos(turn) - below * sin(turn)
            y = middle_y + right * sin(turn) + below * cos(turn)
        width, height = box.width * across, box.height * down
        return Box(self._left + x * across - width / 2, self._top + y * down - height / 2, width, height)


def halvable(corners: Corners, scale: float) -> Corners:
    """A part of a picture that is to be shrunk, without its last columns and rows with which it could not be halved.

    >>> halvable((10, 10, 317, 318), 0.1), halvable((10, 10, 317, 318), 0.2)
    ((10, 10, 314, 318), (10, 10, 317, 318))

    Args:
        corners: The part, of any size.
        scale: By what it is to be shrunk.
    """
    left, top, right, bottom = corners
    if scale > HALVED_BELOW or min(right - left, bottom - top) < HALVED_BY:
        return corners
    return left, top, right - (right - left) % HALVED_BY, bottom - (bottom - top) % HALVED_BY


def resized(view: GreyImage, size: tuple[int, int], scale: float) -> GreyImage:
    """A picture of another size.

    Args:
        view: Grey uint8 (height, width), not empty; halved twice first where `halvable` made it so.
        size: Width and height that are wanted, about `scale` times the picture's.
        scale: Where it is above 1 pixels are interpolated, else they are means over areas.
    """
    height, width = view.shape
    if scale <= HALVED_BELOW and width % HALVED_BY == height % HALVED_BY == 0:
        for part in (2, 4):
            view = np.asarray(cv2.resize(view, (width // part, height // part), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
