"""Scenes that the detector learns from: photographs moved, turned and resized, and pasted over one another.

A scene is made when it is asked for, and none is seen twice. Faces are turned by up to 60 degrees; a picture that is
turned by 100 and more shows no upright face, and serves as background: a photograph that lies on its side must not be
taken for one that stands (`smiledet.detection.photographs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import GreyImage
from smiledet.lab.training.detector.pictures import FacePicture, Rows
from smiledet.lab.training.detector.wear import sharpness_lost, worn
from smiledet.lab.training.faces.occlusions import OCCLUSIONS

SMALLEST, LARGEST = 9.0, 1.0
"""Side of the smallest face, in pixels, and of the largest, in the scene's side."""

MOST_ENLARGED = 3.5
"""Nothing is learnt from a face of a few pixels enlarged further."""

CONTRAST = 5.0
"""Standard deviation in grey levels below which nothing is left of a face."""

TURNED = 60.0
"""Degrees to which faces are turned."""

WHOLE, PART = 0.75, 0.15
"""Share of a box that lies in the scene, uncovered: from the first on it is a face, below the second it is gone."""

OCCLUDED = 0.12
"""Share of the pasted faces over which something is drawn."""

MIRRORED = [1, 0, 2, 4, 3]
"""The five points of a mirror image."""

Matrix = npt.NDArray[np.float64]


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
        left = np.array([1 - _share(mask, box) for box in self.boxes])
        if len(left):
            self.doubtful = np.concatenate([self.doubtful, self.boxes[(left < 0.97) & (left > PART)]])
            self.boxes, self.points = self.boxes[left >= 0.97], self.points[left >= 0.97]
        gone = np.array([_share(mask, box) > 1 - PART for box in self.doubtful], bool)
        self.doubtful = self.doubtful[~gone] if len(gone) else self.doubtful

    def add(self, boxes: Rows, points: Rows, doubtful: Rows) -> None:
        """Note faces that were pasted."""
        side = self.grey.shape[0]
        seen = np.array([_inside(box, side) for box in boxes])
        small = np.sqrt(_areas(boxes)) < SMALLEST
        there = (seen >= WHOLE) & ~small if len(boxes) else np.empty(0, bool)
        unclear = (seen > PART) & ~there if len(boxes) else np.empty(0, bool)
        self.boxes = np.concatenate([self.boxes, boxes[there]])
        self.points = np.concatenate([self.points, points[there]])
        self.doubtful = np.concatenate([self.doubtful, boxes[unclear], doubtful])


@dataclass(frozen=True, slots=True)
class Pictures:
    """What scenes are made of.

    Attributes:
        whole: Photographs with faces.
        crops: Crops of one face each.
        faceless: Pictures without.
    """

    whole: Sequence[FacePicture]
    crops: Sequence[FacePicture]
    faceless: Sequence[FacePicture]

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
    if kind < 0.45:
        size = _log_uniform(generator, 16, LARGEST * side)
        _paste(scene, pictures.face(generator), size, generator, whole=True)
    elif kind < 0.6:
        size = _log_uniform(generator, 24, 0.7 * side)
        _paste(scene, pictures.face(generator), size, generator, whole=True)
        for _ in range(int(generator.integers(1, 5))):
            _paste(scene, pictures.face(generator), _log_uniform(generator, 10, 48), generator)
    elif kind < 0.9:
        largest = float(generator.choice([32, 64, 120]))
        for _ in range(int(generator.integers(2, 12))):
            _paste(scene, pictures.face(generator), _log_uniform(generator, 10, largest), generator)
    if generator.random() < 0.5:
        _mirror(scene)
    scene.grey, blur = worn(scene.grey, generator)
    lost = np.sqrt(_areas(scene.boxes)) < sharpness_lost(blur)
    lost |= np.array([_contrast(scene.grey, box) < CONTRAST for box in scene.boxes], bool)
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
        zoom = _log_uniform(generator, 14, 0.8 * side) / float(np.sqrt(_areas(box[None])[0]))
        turn = float(generator.choice([90, 180, 270])) + float(generator.uniform(-10, 10))
        border = cv2.BORDER_REPLICATE  # a mirror image of what stands on its head stands upright
    height, width = picture.grey.shape
    middle = generator.uniform(0.3, 0.7, 2) * (width, height)
    matrix = _map(middle, zoom, turn, 1.0, np.array([side, side]) / 2)
    return _warped(picture.grey, matrix, (side, side), border)


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
    zoom = min(size / float(np.sqrt(_areas(box[None])[0])), MOST_ENLARGED)
    turn = float(generator.uniform(-TURNED, TURNED)) if generator.random() < 0.3 else float(generator.normal(0, 8))
    stretch = float(np.exp(generator.normal(0, 0.05)))
    reach = min(0.45, 0.35 * size / side)
    place = generator.uniform(reach, 1 - reach, 2) * side
    matrix = _map((box[:2] + box[2:]) / 2, zoom, turn, stretch, place)
    grey = _occluded(picture, generator)
    if whole and not picture.crop and generator.random() < 0.5:  # beyond its edges the picture's last pixels go on
        scene.grey, mask = _warped(grey, matrix, (side, side), cv2.BORDER_REPLICATE), np.full((side, side), 255, np.uint8)
    else:
        piece, fill = _piece(picture, box, generator, whole)
        mask = _blend(scene.grey, grey[piece], fill, _from_corner(matrix, (piece[1].start, piece[0].start)))
    boxes, points = moved_boxes(picture.boxes, matrix), moved_points(picture.points, matrix)
    shown = np.array([_share(mask, moved) > 0.8 for moved in boxes], bool)
    others = np.concatenate([boxes[~shown], moved_boxes(picture.doubtful, matrix)])
    seen = np.array([_share(mask, moved) > PART for moved in others], bool)
    scene.cover(mask)
    scene.add(boxes[shown], points[shown], others[seen] if len(others) else others)


def _occluded(picture: FacePicture, generator: np.random.Generator) -> GreyImage:
    """The picture, now and then with something drawn over its faces."""
    if generator.random() >= OCCLUDED:
        return picture.grey
    grey = picture.grey.copy()
    draw = OCCLUSIONS[list(OCCLUSIONS)[int(generator.integers(len(OCCLUSIONS)))]]
    for points in picture.points:
        draw(grey, points, generator)
    return grey


def _piece(
    picture: FacePicture, box: Rows, generator: np.random.Generator, whole: bool
) -> tuple[tuple[slice, slice], GreyImage]:
    """What is shown of a picture: rows and columns, and how far each pixel there is, 0 to 255."""
    height, width = picture.grey.shape
    left, top, right, bottom = 0, 0, width, height
    round_one = False
    if not whole or picture.crop:
        kind = generator.random()
        round_one = kind < 0.3
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        reach = half * (1.6 if round_one else generator.uniform(1.2, 2.4, 2))
        if kind < 0.7:
            left, top = (int(value) for value in np.maximum(0, middle - reach))
            right, bottom = (int(value) for value in np.minimum(np.ceil(middle + reach), (width, height)))
    fill = np.full((max(1, bottom - top), max(1, right - left)), 255, np.uint8)
    if round_one:
        fill[:] = 0
        centre, axes = tuple(map(int, middle - (left, top))), tuple(map(int, half * generator.uniform(1.1, 1.4)))
        cv2.ellipse(fill, centre, axes, 0, 0, 360, 255, -1)
        fill = np.asarray(cv2.blur(fill, (max(1, int(0.25 * half[0])),) * 2), np.uint8)
        fill[:1] = fill[-1:] = fill[:, :1] = fill[:, -1:] = 0
    return (slice(top, top + fill.shape[0]), slice(left, left + fill.shape[1])), fill


def _from_corner(matrix: Matrix, corner: tuple[int, int]) -> Matrix:
    """The map of a picture's piece that begins at a corner, (x, y)."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ corner])


def _blend(scene: GreyImage, grey: GreyImage, fill: GreyImage, matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Draw a piece into a scene, changed in place; returns how far each of its pixels is covered, 0 to 255."""
    side = scene.shape[0]
    height, width = grey.shape
    corners = moved_points(np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32), matrix)
    left, top = (int(value) for value in np.clip(corners.min(axis=0) - 1, 0, side))
    right, bottom = (int(value) for value in np.clip(np.ceil(corners.max(axis=0)) + 1, 0, side))
    covered = np.zeros((side, side), np.uint8)
    if right > left and bottom > top:
        size, there = (right - left, bottom - top), (slice(top, bottom), slice(left, right))
        inside = np.column_stack([matrix[:, :2], matrix[:, 2] - (left, top)])
        drawn = _warped(grey, inside, size, cv2.BORDER_REPLICATE).astype(np.int32)
        mask = _warped(fill, inside, size, cv2.BORDER_CONSTANT)
        covered[there] = mask
        scene[there] += ((drawn - scene[there]) * mask.astype(np.int32) // 255).astype(np.uint8)
    return covered


def _map(middle: npt.ArrayLike, zoom: float, turn: float, stretch: float, place: npt.ArrayLike) -> Matrix:
    """The affine map, (2, 3), that turns and resizes a picture and brings a point of it to a place."""
    angle = np.deg2rad(turn)
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([stretch, 1 / stretch])
    return np.column_stack([linear, np.asarray(place) - linear @ np.asarray(middle, np.float64)])


def _warped(grey: GreyImage, matrix: Matrix, size: tuple[int, int], border: int) -> GreyImage:
    """A picture moved, of a size (width, height), averaged where it shrinks."""
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if zoom < 0.7:
        small = (max(1, round(grey.shape[1] * zoom)), max(1, round(grey.shape[0] * zoom)))
        own = np.array([grey.shape[1] / small[0], grey.shape[0] / small[1]])
        grey = np.asarray(cv2.resize(grey, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = np.column_stack([matrix[:, :2] * own, matrix[:, 2] + matrix[:, :2] @ ((own - 1) / 2)])
    return np.asarray(cv2.warpAffine(grey, matrix, size, borderMode=border), np.uint8)


def moved_points(points: Rows, matrix: Matrix) -> Rows:
    """Points (…, 2) under an affine map."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def moved_boxes(boxes: Rows, matrix: Matrix) -> Rows:
    """Boxes (n, 4) under an affine map: about the ellipses inscribed in them, which hold what of a face is turned."""
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    middle = moved_points((boxes[:, 2:] + boxes[:, :2]) / 2, matrix)
    reach = np.sqrt((half**2) @ (matrix[:, :2].T ** 2))
    return np.asarray(np.concatenate([middle - reach, middle + reach], axis=1), np.float32)


def _mirror(scene: Scene) -> None:
    side = scene.grey.shape[1]
    scene.grey = np.ascontiguousarray(scene.grey[:, ::-1])
    for rows in (scene.boxes, scene.doubtful):
        rows[:, [0, 2]] = side - rows[:, [2, 0]]
    scene.points = scene.points[:, MIRRORED]
    scene.points[..., 0] = side - 1 - scene.points[..., 0]


def _areas(boxes: Rows) -> npt.NDArray[np.float32]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def _inside(box: Rows, side: int) -> float:
    """Share of a box that lies in the scene."""
    sides = np.clip(box[2:], 0, side) - np.clip(box[:2], 0, side)
    return float(sides.prod() / max(1e-6, _areas(box[None])[0]))


def _contrast(grey: GreyImage, box: Rows) -> float:
    """Standard deviation of what a box frames, in grey levels."""
    left, top, right, bottom = (int(value) for value in np.rint(np.clip(box, 0, grey.shape[0])))
    piece = grey[top:bottom, left:right]
    return float(cv2.meanStdDev(piece)[1][0, 0]) if piece.size else 0.0


def _share(mask: npt.NDArray[np.uint8], box: Rows) -> float:
    """How much of what of a box lies in the scene a mask covers, 0 to 1; 0 where nothing of it does."""
    left, top, right, bottom = (int(value) for value in np.rint(np.clip(box, 0, mask.shape[0])))
    piece = mask[top:bottom, left:right]
    return float(piece.mean()) / 255 if piece.size else 0.0


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(max(low, high)))))
