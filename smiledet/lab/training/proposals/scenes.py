"""Small scenes pasted together from photographs, and which cells of them show the middle of a face.

A scene is what the proposing network sees at run time: a piece of a canvas of shrunk pictures (see
`smiledet.detection.scheduling.proposal_network`), with faces of all sizes and edges where two pictures meet.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.scheduling.proposal_network import CELL, FACE_RANGE
from smiledet.frame import Box, GreyImage
from smiledet.lab.training.proposals.pictures import FacePicture

SIDE = 80
"""Side of a scene in pixels."""

MIDDLE = 0.2
"""How far from a face's middle a cell is one of the face, along each axis, in the face's sides."""

RING = 0.45
"""How far from it a cell is neither."""

NEAR_RANGE = (7.5, 27.0)
"""Sides of faces, in pixels, that are almost of the sizes sought: their middles are neither."""

FILLING = 3
"""Pictures pasted first: their faces are larger than those sought, or so small that they are all texture; some are
turned, so that what is in them is no upright face."""

Labels = npt.NDArray[np.float32]


def compose(pictures: Sequence[FacePicture], generator: np.random.Generator) -> tuple[GreyImage, Labels]:
    """A scene and what its cells are.

    Args:
        pictures: See `smiledet.lab.training.proposals.pictures`.
        generator: Of every random draw.

    Returns:
        Grey uint8 (SIDE, SIDE), and float32 (SIDE / CELL, SIDE / CELL): 1 face, 0 none, -1 not to be learnt.
    """
    scene = np.full((SIDE, SIDE), generator.integers(0, 256), np.uint8)
    faces: list[Box] = []
    doubtful: list[Box] = []
    for number, size in enumerate(_sizes(generator)):
        picture = pictures[int(generator.integers(len(pictures)))]
        if number < FILLING and generator.random() < 0.6:
            picture = _turned(picture, int(generator.integers(1, 4)))
        face = picture.faces[int(generator.integers(len(picture.faces)))]
        scale = float(size) / face.width
        width, height = (max(2, round(side * scale)) for side in picture.grey.shape[::-1])
        middle = (
            face.centre
            if number >= FILLING
            else (generator.uniform(0, width / scale), generator.uniform(0, height / scale))
        )
        x, y = (round(float(generator.uniform(-4, SIDE + 4)) - along * scale) for along in middle)
        left, top, right, bottom = max(0, x), max(0, y), min(SIDE, x + width), min(SIDE, y + height)
        if right - left < 2 or bottom - top < 2:
            continue
        shrunk = cv2.resize(
            picture.grey, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        scene[top:bottom, left:right] = shrunk[top - y : bottom - y, left - x : right - x]
        pasted = Box(left, top, right - left, bottom - top)
        faces, hidden = _still_seen(faces, pasted)
        doubtful = _still_seen(doubtful, pasted)[0] + hidden
        for box in picture.faces:
            placed = Box(x + box.x * scale, y + box.y * scale, box.width * scale, box.height * scale)
            (faces if _inside(placed) > 0.9 else doubtful).append(placed)
        doubtful += [Box(x + b.x * scale, y + b.y * scale, b.width * scale, b.height * scale) for b in picture.doubtful]
    labels = label(faces, doubtful)
    if generator.random() < 0.5:
        scene, labels = scene[:, ::-1], labels[:, ::-1]
    return _worn(scene, generator), labels


def _turned(picture: FacePicture, quarters: int) -> FacePicture:
    """The picture turned by so many right angles: what is in it is no upright face, whatever else it is."""
    turned = np.ascontiguousarray(np.rot90(picture.grey, quarters))
    side = picture.faces[0].width
    return FacePicture(turned, (Box(-1e6, -1e6, side, side),))


def _sizes(generator: np.random.Generator) -> list[float]:
    """Sides of the faces of the pictures to be pasted: first what fills the scene, then faces of the sizes sought."""
    ranges = [(3.0, 7.0) if generator.random() < 0.15 else (20.0, 90.0) for _ in range(FILLING)]
    ranges += [(11.0, 19.0) if generator.random() < 0.7 else (8.0, 70.0) for _ in range(generator.integers(2, 6))]
    return [float(np.exp(generator.uniform(np.log(low), np.log(high)))) for low, high in ranges]


def label(faces: Sequence[Box], doubtful: Sequence[Box]) -> Labels:
    """What the cells of a scene are; see `compose`."""
    middles = (np.arange(SIDE // CELL) + 0.5) * CELL
    labels = np.zeros((len(middles), len(middles)), np.float32)
    smallest, largest = FACE_RANGE
    for reach, value, boxes in (
        (RING, -1, [*faces, *doubtful]),
        (MIDDLE, 1, [box for box in faces if smallest <= box.width <= largest]),
    ):
        for box in boxes:
            if NEAR_RANGE[0] <= box.width <= NEAR_RANGE[1]:
                x, y = box.centre
                columns = np.abs(middles - x) <= reach * box.width
                rows = np.abs(middles - y) <= reach * box.width
                labels[np.ix_(rows, columns)] = value
    return labels


def _still_seen(boxes: list[Box], pasted: Box) -> tuple[list[Box], list[Box]]:
    """The boxes that a pasted picture leaves as they are, and those that it covers in part; the others are gone."""
    seen, partly = [], []
    for box in boxes:
        covered = _common(box, pasted) / box.area
        if covered < 0.05:
            seen.append(box)
        elif covered < 0.7:
            partly.append(box)
    return seen, partly


def _inside(box: Box) -> float:
    """Share of the box that lies in the scene."""
    return _common(box, Box(0, 0, SIDE, SIDE)) / box.area


def _common(one: Box, other: Box) -> float:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, across) * max(0.0, down)


def _worn(scene: GreyImage, generator: np.random.Generator) -> GreyImage:
    """The scene as another camera would show it: light, contrast, blur, noise and compression."""
    grey = scene.astype(np.float32)
    if generator.random() < 0.25:
        grey = cv2.GaussianBlur(grey, (0, 0), generator.uniform(0.4, 0.9))
    middle = grey.mean()
    grey = (grey - middle) * generator.uniform(0.4, 1.3) + np.clip(middle + generator.normal(0, 30), 20, 235)
    if generator.random() < 0.4:
        grey += generator.normal(0, generator.uniform(1, 6), grey.shape)
    worn = np.asarray(np.clip(grey, 0, 255), np.uint8)
    if generator.random() < 0.25:
        _, packed = cv2.imencode(".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(40, 90))])
        worn = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return worn
