"""Cutting the chips that the networks take.

Method: seed thesis, section 3.2. The landmarks are matched to the symmetric template; where the affine map that would
do it distorts the face by more than the limit, the face is not aligned and the upright box is cut instead; otherwise
the similarity is applied, straight from the full frame in one warp a chip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from smiledet.alignment.chips import ImagePyramid, box_map, cut_chip
from smiledet.alignment.landmark_refiner import LandmarkRefiner, Network
from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.similarity import Target, affine_of, distortion, match, similarity_of
from smiledet.alignment.template import INNER, load_template
from smiledet.frame import AlignedFace, Box, ChipSpec, GreyImage, Image, Matrix, Points
from smiledet.turning import turn, turn_box, turn_points

MAX_DISTORTION = 2.0
"""Largest over smallest singular value of the affine map, above which a face is not aligned (the thesis' limit)."""


class FaceAligner:
    """Finds the landmarks of a face and cuts its chips.

    Args:
        landmarks: dlib shape predictor.
        template: The symmetric template that belongs to it.
        max_distortion: See `MAX_DISTORTION`.
        refiner: The network that places the points more exactly, see `LandmarkRefiner`; None for the trees alone.

    Raises:
        UsageError: A file is missing or broken.
    """

    def __init__(
        self, landmarks: Path, template: Path, max_distortion: float = MAX_DISTORTION, refiner: Network | None = None
    ) -> None:
        points = load_template(template)
        self._predictor = LandmarkPredictor(landmarks, LandmarkRefiner(refiner, points) if refiner else None)
        self._target = Target.of(points[INNER])
        self._max_distortion = max_distortion

    def align(self, image: Image | None, grey: GreyImage, box: Box, specs: Sequence[ChipSpec]) -> AlignedFace:
        """Align one face.

        Args:
            image: BGR frame, for chips with three channels; None where no such chip is asked for.
            grey: The same frame in grey.
            box: The face as Viola-Jones framed it.
            specs: Geometries of the chips to cut.
        """
        pyramid = ImagePyramid(grey, box)
        points = self._predictor.predict(pyramid, box)
        fitted = self.fit(points[INNER], self._target)
        aligned = fitted is not None
        to_template = box_map(box) if fitted is None else fitted
        planes = {1: pyramid}
        if image is not None and any(spec.channels == 3 for spec in specs):
            planes[3] = ImagePyramid(image, box)
        chips = {spec: cut_chip(_plane(planes, spec), to_template, spec) for spec in specs}
        return AlignedFace(points, aligned, chips, to_template)

    def fit(self, inner: Points, target: Target) -> Matrix | None:
        """The 2x3 map from the frame to face-box coordinates; None where the landmarks do not fit.

        Args:
            inner: Brows, nose, eyes and mouth, (51, 2), pixels of the frame.
            target: The same points of the template.
        """
        matched = match(inner, target)
        if distortion(affine_of(matched)) > self._max_distortion:
            return None
        return similarity_of(matched)


def align_faces(
    aligner: FaceAligner,
    image: Image | None,
    grey: GreyImage,
    boxes: Sequence[Box],
    specs: Sequence[ChipSpec],
    turned: int = 0,
) -> list[AlignedFace]:
    """Align the faces of a picture, which may lie on its side.

    Args:
        aligner: The aligner.
        image: BGR uint8 (height, width, 3), for chips with three channels; None where no such chip is asked for.
        grey: The same picture in grey.
        boxes: The faces as Viola-Jones framed them, pixels of the picture as it is.
        specs: Geometries of the chips to cut.
        turned: Degrees clockwise by which the picture has to be turned until the faces are upright.

    Returns:
        In the order of the boxes; landmarks are pixels of the picture as it is.
    """
    if turned == 0:
        return [aligner.align(image, grey, box, specs) for box in boxes]
    upright, upright_grey = None if image is None else turn(image, turned), turn(grey, turned)
    size, turned_size = (grey.shape[1], grey.shape[0]), (upright_grey.shape[1], upright_grey.shape[0])
    aligned = [aligner.align(upright, upright_grey, turn_box(box, turned, size), specs) for box in boxes]
    return [
        face
        if face.landmarks is None
        else replace(face, landmarks=turn_points(face.landmarks, -turned % 360, turned_size))
        for face in aligned
    ]


def _plane(planes: Mapping[int, ImagePyramid], spec: ChipSpec) -> ImagePyramid:
    plane = planes.get(spec.channels)
    if plane is None:
        raise ValueError(f"a chip with {spec.channels} channels needs the colour frame")
    return plane
