"""Cutting the chips that the networks take.

Method: seed thesis, section 3.2. The landmarks are matched to the symmetric template; where the affine map that would
do it distorts the face by more than the limit, the face is not aligned and the upright box is cut instead; otherwise
the similarity is applied, straight from the full frame in one warp a chip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.similarity import affine_of, distortion, match, similarity_of
from smiledet.alignment.template import INNER, load_template
from smiledet.frame import AlignedFace, Box, ChipSpec, GreyImage, Image, Matrix, Points

MAX_DISTORTION = 2.0
"""Largest over smallest singular value of the affine map, above which a face is not aligned (the thesis' limit)."""

MAX_SUPERSAMPLING = 4


def chip_map(to_template: Matrix, spec: ChipSpec) -> Matrix:
    """The 2x3 map from frame to chip, given the one from frame to face-box coordinates (0 … 1)."""
    scale = spec.size / spec.margin
    # The face box stays centred in a chip that shows more or less than the box; pixel centres, not corners, carry
    # values.
    shift = (spec.size - scale) / 2 - 0.5
    mapped: Matrix = to_template * scale
    mapped[:, 2] += shift
    return mapped


def box_map(box: Box) -> Matrix:
    """The 2x3 map from frame to face-box coordinates of an upright box, its longer side kept square."""
    side = max(box.width, box.height)
    centre_x, centre_y = box.centre
    scale = 1 / side
    return np.array([[scale, 0.0, 0.5 - centre_x * scale], [0.0, scale, 0.5 - centre_y * scale]])


def cut_chip(image: npt.NDArray[np.uint8], to_template: Matrix, spec: ChipSpec) -> npt.NDArray[np.uint8]:
    """Warp one chip out of the frame.

    Args:
        image: Grey (height, width) or BGR (height, width, 3), uint8.
        to_template: 2x3 similarity from frame pixels to face-box coordinates.
        spec: The chip's geometry.

    Returns:
        uint8 (size, size) or (size, size, 3). What lies outside the picture repeats its edge.
    """
    pixels_a_frame_pixel = float(np.hypot(to_template[0, 0], to_template[1, 0])) * spec.size / spec.margin
    # Bilinear warping sees two pixels across; where it would skip some, warp larger and average down.
    factor = min(MAX_SUPERSAMPLING, math.ceil(0.5 / pixels_a_frame_pixel))
    enlarged = ChipSpec(spec.size * factor, spec.margin, spec.channels)
    chip = cv2.warpAffine(
        image,
        chip_map(to_template, enlarged),
        (enlarged.size, enlarged.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        chip = cv2.resize(chip, (spec.size, spec.size), interpolation=cv2.INTER_AREA)
    return np.asarray(chip, dtype=np.uint8)


class FaceAligner:
    """Finds the landmarks of a face and cuts its chips.

    Args:
        landmarks: dlib shape predictor.
        template: The symmetric template that belongs to it.
        max_distortion: See `MAX_DISTORTION`.

    Raises:
        UsageError: A file is missing or broken.
    """

    def __init__(self, landmarks: Path, template: Path, max_distortion: float = MAX_DISTORTION) -> None:
        self._predictor = LandmarkPredictor(landmarks)
        self._template = load_template(template)[INNER]
        self._max_distortion = max_distortion

    def align(self, image: Image | None, grey: GreyImage, box: Box, specs: Sequence[ChipSpec]) -> AlignedFace:
        """Align one face.

        Args:
            image: BGR frame, for chips with three channels; None where no such chip is asked for.
            grey: The same frame in grey.
            box: The face as Viola-Jones framed it.
            specs: Geometries of the chips to cut.
        """
        points = self._predictor.predict(grey, box)
        fitted = self.fit(points[INNER], self._template)
        aligned = fitted is not None
        to_template = box_map(box) if fitted is None else fitted
        chips = {spec: cut_chip(_plane(image, grey, spec), to_template, spec) for spec in specs}
        return AlignedFace(points, aligned, chips)

    def fit(self, inner: Points, template: Points) -> Matrix | None:
        """The 2x3 map from the frame to face-box coordinates; None where the landmarks do not fit.

        Args:
            inner: Brows, nose, eyes and mouth, (51, 2), pixels of the frame.
            template: The same points of the template.
        """
        matched = match(inner, template)
        if distortion(affine_of(matched)) > self._max_distortion:
            return None
        return similarity_of(matched)


def _plane(image: Image | None, grey: GreyImage, spec: ChipSpec) -> npt.NDArray[np.uint8]:
    if spec.channels == 1:
        return grey
    if image is None:
        raise ValueError(f"a chip with {spec.channels} channels needs the colour frame")
    return image
