"""Viola-Jones' boxes on faces whose points are known, and how they lie about the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smiledet.alignment.template import MIRRORED
from smiledet.detection.detectors.haar import HaarDetector
from smiledet.frame import Box, Detection, GreyImage, Points

EYES = slice(36, 48)

OUTER_CORNERS = 36, 45
"""Of the eyes: errors are counted in distances between them."""

CROP_FACE = 0.45
"""Least side of the face in a crop of one face, in the crop's shorter side."""

AGREED = 0.4
"""Intersection over union from which two boxes are one face."""

OVERLAP = 0.45
"""Intersection over union with the points' bounds above which a box is that face's."""

EYE_HEIGHTS = 0.2, 0.6
"""Where the eyes lie in a box that frames a face, in box heights from its top: 0.28 to 0.51 in HELEN and AFW."""

JITTER = 0.02, 0.014, 0.02
"""Standard deviations that are added to a drawn box, so that hardly two are alike; see `BoxSpread`."""


def bounds(points: Points) -> Box:
    """The bounding box of the points (n, 2)."""
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def found_face(detector: HaarDetector, image: GreyImage, points: Points) -> Detection | None:
    """What Viola-Jones reports on an annotated face, or None where it does not find that face."""
    around = bounds(points)
    side = max(around.width, around.height)
    for detection in detector.detect(image, min_size=max(24, int(side * 0.7)), max_size=int(side * 2)):
        if detection.box.iou(around) > OVERLAP:
            return detection
    return None


def frames(box: Box, points: Points) -> bool:
    """Whether a box frames the face of these points (68, 2).

    One that hangs on the mouth or the neck is a false alarm, much as it may overlap the face: trees that start there
    are lost, and trees that learn to start there lose elsewhere.
    """
    height = (float(points[EYES, 1].mean()) - box.y) / box.height
    return box.iou(bounds(points)) > OVERLAP and EYE_HEIGHTS[0] < height < EYE_HEIGHTS[1]


@dataclass(frozen=True, slots=True)
class BoxSpread:
    """How Viola-Jones' boxes lie about the faces' points.

    Attributes:
        rows: Of each box that was measured (box centre - points' centre) / reach, x and y, and box side / reach, where
            reach is the square root of the points' bounding area: (n, 3).
    """

    rows: npt.NDArray[np.float64]

    def mean_box(self, points: Points) -> Box:
        """The box that Viola-Jones would report on average."""
        return _box_at(points, self.rows.mean(axis=0))

    def draw(self, points: Points, generator: np.random.Generator) -> Box:
        """A box such as Viola-Jones would report: it lies as that of some other face does, or that face's mirror image.

        A turned face has its box to one side and a larger one, so the three numbers are drawn together.
        """
        row = self.rows[int(generator.integers(len(self.rows)))] + generator.normal(0, JITTER)
        if generator.random() < 0.5:
            row[0] = -row[0]
        return _box_at(points, row)


def _box_at(points: Points, row: npt.NDArray[np.float64]) -> Box:
    around = bounds(points)
    reach = around.area**0.5
    across, down, side = (row * reach).tolist()
    centre_x, centre_y = around.centre
    return Box(centre_x + across - side / 2, centre_y + down - side / 2, side, side)


def measure_spread(faces: Sequence[FramedFace]) -> BoxSpread:
    """How the boxes of the framed ones among the faces lie.

    Raises:
        ValueError: None is framed.
    """
    rows = []
    for face in faces:
        if face.box is not None:
            around = bounds(face.points)
            reach = around.area**0.5
            (box_x, box_y), (points_x, points_y) = face.box.centre, around.centre
            rows.append(((box_x - points_x) / reach, (box_y - points_y) / reach, face.box.width / reach))
    if not rows:
        raise ValueError("no face is framed")
    return BoxSpread(np.array(rows))


@dataclass(frozen=True, slots=True)
class FramedFace:
    """A face in its photograph.

    Attributes:
        image: Grey uint8 (height, width).
        points: (68, 2), pixels of the image.
        box: Viola-Jones' box that frames it, None where it finds none.
    """

    image: GreyImage
    points: Points
    box: Box | None

    def mirrored(self) -> FramedFace:
        """The face as seen in a mirror, its points renamed so that 'left' stays left."""
        width = self.image.shape[1]
        points = self.points[MIRRORED].copy()
        points[:, 0] = width - 1 - points[:, 0]
        box = self.box and Box(width - self.box.x - self.box.width, self.box.y, self.box.width, self.box.height)
        return FramedFace(np.ascontiguousarray(self.image[:, ::-1]), points, box)
