"""Scenes that the detector learns from: photographs moved, turned and resized, and pasted over one another.

A scene is made when it is asked for, and none is seen twice. Faces are turned by up to 60 degrees; a picture that is
turned by 100 and more shows no upright face, and serves as background: a photograph that lies on its side must not be
taken for one that stands (`smiledet.detection.photographs`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage
from smiledet.lab.training.detector.geometry import (
    areas,
    contrast,
    inside,
    moved_boxes,
    moved_points,
    placed,
    share,
    warped,
)
from smiledet.lab.training.detector.pasting import blend, from_corner, occluded, piece
from smiledet.lab.training.detector.pictures import FacePicture, Rows
from smiledet.lab.training.detector.wear import lit, spoiled

SMALLEST, LARGEST = 14.0, 1.0
"""Side of the smallest face, in pixels, and of the largest, in the scene's side."""

MISTAKEN = 0.2
"""Share of the scenes that show what the network took for a face."""

MOST_ENLARGED = 3.5
"""Nothing is learnt from a face of a few pixels enlarged further."""

CONTRAST = 5.0
"""Standard deviation in grey levels below which nothing is left of a face."""

TURNED = 60.0
"""Degrees to which faces are turned."""

WHOLE, PART = 0.75, 0.15
"""Share of a box that lies in the scene, uncovered: from the first on it is a face, below the second it is gone."""

MIRRORED = [1, 0, 2, 4, 3]
"""The five points of a mirror image."""


@dataclass(slots=True)
class Scene:
    """A scene as it grows.

    Attributes:
        grey: Grey uint8 (side, side).
        boxes: Of its faces, float32 (n, 4).
        points: Of its faces, float32 (n, 5, 2).
        doubtful: What must be learnt neither as a face nor as none, float32 (m, 4).
    """

    grey: GreyImage
    boxes: Rows = field(default_factory=lambda: np.empty((0, 4), np.float32))
    points: Rows = field(default_factory=lambda: np.empty((0, 5, 2), np.float32))
    doubtful: Rows = field(default_factory=lambda: np.empty((0, 4), np.float32))

    def cover(self, mask: npt.NDArray[np.uint8]) -> None:
        """Forget faces that something was pasted over."""
        left = np.array([1 - share(mask, box) for box in self.boxes])
        if len(left):
            self.doubtful = np.concatenate([self.doubtful, self.boxes[(left < 0.97) & (left > PART)]])
            self.boxes, self.points = self.boxes[left >= 0.97], self.points[left >= 0.97]
        gone = np.array([share(mask, box) > 1 - PART for box in self.doubtful], bool)
        self.doubtful = self.doubtful[~gone] if len(gone) else self.doubtful

    def add(self, boxes: Rows, points: Rows, doubtful: Rows) -> None:
        """Note faces that were pasted."""
        side = self.grey.shape[0]
        seen = np.array([inside(box, side) for box in boxes])
        small = np.sqrt(areas(boxes)) < SMALLEST
        there = (seen >= WHOLE) & ~small if len(boxes) else np.empty(0, bool)
        unclear = (seen > PART) & ~there if len(boxes) else np.empty(0, bool)
        self.boxes = np.concatenate([self.boxes, boxes[there]])
        self.points = np.concatenate([self.points, points[there]])
        self.doubtful = np.concatenate([self.doubtful, boxes[unclear], doubtful])


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where the network saw a face that is none.

    Attributes:
        picture: In which.
        middle: Of the box, in pixels of the picture, x and y.
        zoom: The scale at which the picture was looked at.
    """

    picture: FacePicture
    middle: tuple[float, float]
    zoom: float


@dataclass(frozen=True, slots=True)
class Pictures:
    """What scenes are made of.

    Attributes:
        whole: Photographs with faces.
        crops: Crops of one face each.
        faceless: Pictures without.
        mistakes: What the network has taken for a face so far; see `smiledet.lab.training.detector.mining`.
    """

    whole: Sequence[FacePicture]
    crops: Sequence[FacePicture]
    faceless: Sequence[FacePicture]
    mistakes: deque[Mistake] = field(default_factory=deque)

    @classmethod
    def of(cls, pictures: Sequence[FacePicture]) -> Pictures:
        """Pictures by kind."""
        faces = [picture for picture in pictures if len(picture.boxes)]
        return cls(
            [picture for picture in faces if not picture.crop],
            [picture for picture in faces if picture.crop],
            [picture for picture in pictures if not len(picture.boxes)],
        )

    def face(self, generator: np.random.Generator) -> FacePicture:
        """One with a face: a whole photograph or a crop."""
        chosen = self.whole if not self.crops or (self.whole and generator.random() < 0.5) else self.crops
        return chosen[int(generator.integers(len(chosen)))]


def compose(pictures: Pictures, side: int, generator: np.random.Generator) -> Scene:
    """A scene.

    Args:
        pictures: What it is made of.
        side: Its side in pixels.
        generator: Of every random draw.
    """
    scene = Scene(_background(pictures, side, generator))
    kind = generator.random()
    if pictures.mistakes and generator.random() < MISTAKEN:
        _show(scene, pictures.mistakes[int(generator.integers(len(pictures.mistakes)))], generator)
        for _ in range(int(generator.integers(0, 3))):
            _paste(scene, pictures.face(generator), _log_uniform(generator, SMALLEST, 64), generator)
    elif kind < 0.45:
        size = _log_uniform(generator, 16, LARGEST * side)
        _paste(scene, pictures.face(generator), size, generator, whole=True)
    elif kind < 0.6:
        size = _log_uniform(generator, 24, 0.7 * side)
        _paste(scene, pictures.face(generator), size, generator, whole=True)
        for _ in range(int(generator.integers(1, 5))):
            _paste(scene, pictures.face(generator), _log_uniform(generator, SMALLEST, 48), generator)
    elif kind < 0.9:
        largest = float(generator.choice([32, 64, 120]))
        for _ in range(int(generator.integers(2, 12))):
            _paste(scene, pictures.face(generator), _log_uniform(generator, SMALLEST, largest), generator)
    if generator.random() < 0.5:
        _mirror(scene)
    scene.grey = lit(scene.grey, generator)
    lost = np.array([contrast(scene.grey, box) < CONTRAST for box in scene.boxes], bool)
    scene.grey, least = spoiled(scene.grey, generator)
    lost |= np.sqrt(areas(scene.boxes)) < least
    scene.doubtful = np.concatenate([scene.doubtful, scene.boxes[lost]])
    scene.boxes, scene.points = scene.boxes[~lost], scene.points[~lost]
    return scene


def _background(pictures: Pictures, side: int, generator: np.random.Generator) -> GreyImage:
    """What is no face: a piece of a picture without, of a face that lies or stands on its head, or one shade."""
    kind = generator.random()
    if kind < 0.2 or not (pictures.faceless or pictures.whole):
        return np.full((side, side), generator.integers(0, 256), np.uint8)
    if kind < 0.8 and pictures.faceless:
        picture = pictures.faceless[int(generator.integers(len(pictures.faceless)))]
        if len(picture.doubtful):
            return np.full((side, side), generator.integers(0, 256), np.uint8)
        zoom = max(side / min(picture.grey.shape), _log_uniform(generator, 0.25, 1.6))
        turn = float(generator.uniform(-180, 180)) if generator.random() < 0.3 else 0.0
        border = cv2.BORDER_REFLECT_101
    else:
        picture = pictures.face(generator)
        box = picture.boxes[0]
        zoom = _log_uniform(generator, 14, 0.8 * side) / float(np.sqrt(areas(box[None])[0]))
        turn = float(generator.choice([90, 180, 270])) + float(generator.uniform(-10, 10))
        border = cv2.BORDER_REPLICATE  # a mirror image of what stands on its head stands upright
    height, width = picture.grey.shape
    middle = generator.uniform(0.3, 0.7, 2) * (width, height)
    matrix = placed(middle, zoom, turn, 1.0, np.array([side, side]) / 2)
    return warped(picture.grey, matrix, (side, side), border)


def _show(scene: Scene, mistake: Mistake, generator: np.random.Generator) -> None:
    """Fill a scene with a mistake and what is around it, about as the network saw it."""
    side, picture = scene.grey.shape[0], mistake.picture
    zoom = mistake.zoom * float(np.exp(generator.normal(0, 0.12)))
    place = generator.uniform(0.2, 0.8, 2) * side
    matrix = placed(mistake.middle, zoom, float(generator.normal(0, 5)), 1.0, place)
    scene.grey = warped(picture.grey, matrix, (side, side), cv2.BORDER_REPLICATE)
    points = moved_points(picture.points, matrix)
    scene.add(moved_boxes(picture.boxes, matrix), points, moved_boxes(picture.doubtful, matrix))


def _paste(
    scene: Scene, picture: FacePicture, size: float, generator: np.random.Generator, whole: bool = False
) -> None:
    """Put a picture into a scene so that one of its faces has a size.

    Args:
        scene: Changed in place.
        picture: With a face.
        size: The face's side in pixels: the root of its box's area.
        generator: Of every random draw.
        whole: Whether all of the picture is shown, as far as the scene goes, and not only what is about the face.
    """
    side = scene.grey.shape[0]
    box = picture.boxes[int(generator.integers(len(picture.boxes)))]
    zoom = min(size / float(np.sqrt(areas(box[None])[0])), MOST_ENLARGED)
    turn = float(generator.uniform(-TURNED, TURNED)) if generator.random() < 0.3 else float(generator.normal(0, 8))
    stretch = float(np.exp(generator.normal(0, 0.05)))
    reach = min(0.45, 0.35 * size / side)
    place = generator.uniform(reach, 1 - reach, 2) * side
    matrix = placed((box[:2] + box[2:]) / 2, zoom, turn, stretch, place)
    grey = occluded(picture, generator)
    if whole and not picture.crop and generator.random() < 0.5:  # beyond its edges the picture's last pixels go on
        scene.grey, mask = (
            warped(grey, matrix, (side, side), cv2.BORDER_REPLICATE),
            np.full((side, side), 255, np.uint8),
        )
    else:
        (rows, columns), fill = piece(picture, box, generator, whole)
        corner = (columns.start, rows.start)
        mask = blend(scene.grey, grey[rows, columns], fill, from_corner(matrix, corner))
    boxes, points = moved_boxes(picture.boxes, matrix), moved_points(picture.points, matrix)
    shown = np.array([share(mask, moved) > 0.8 for moved in boxes], bool)
    others = np.concatenate([boxes[~shown], moved_boxes(picture.doubtful, matrix)])
    seen = np.array([share(mask, moved) > PART for moved in others], bool)
    scene.cover(mask)
    scene.add(boxes[shown], points[shown], others[seen] if len(others) else others)


def _mirror(scene: Scene) -> None:
    side = scene.grey.shape[1]
    scene.grey = np.ascontiguousarray(scene.grey[:, ::-1])
    for rows in (scene.boxes, scene.doubtful):
        rows[:, [0, 2]] = side - rows[:, [2, 0]]
    scene.points = scene.points[:, MIRRORED]
    scene.points[..., 0] = side - 1 - scene.points[..., 0]


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(max(low, high)))))
