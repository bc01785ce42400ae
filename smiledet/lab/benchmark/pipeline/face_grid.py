"""Clips with as many faces as one likes: the demo's portraits, each in a cell of a grid, swaying a little.

All faces of one picture size are of one size, however many there are, so that what a clip costs more than another is
what its further faces cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi, sin
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import SmiledetError
from smiledet.frame import Image
from smiledet.sources.demo import DROP, FACE, PORTRAITS, backdrop, cut_out
from smiledet.system.opencv import file_name

COLUMNS = ROWS = 4

MOST = COLUMNS * ROWS
"""Faces that a picture has room for."""

FACE_SHARE = 0.16
"""Width of a face in heights of the picture: above the smallest that is sought (0.11), small enough for four rows."""

HALF_HEAD = 0.78
"""What is shown above and below the middle of a face, in its widths."""

FPS = 30

PLACES = (5, 10, 6, 9, 0, 15, 3, 12, 1, 14, 2, 13, 4, 11, 7, 8)
"""Which cells are filled first: the middle, then the corners, then the rest."""


def face_grid_pictures(count: int, width: int, height: int, length: int) -> Iterator[Image]:
    """The pictures of a clip.

    Args:
        count: Faces in each, 0 to 16.
        width: Of the pictures, in pixels.
        height: The same.
        length: How many pictures.

    Yields:
        BGR uint8 (height, width, 3).

    Raises:
        ValueError: There is no room for so many faces.
        UsageError: A portrait's file is missing or damaged.
    """
    if not 0 <= count <= MOST:
        raise ValueError(f"{count} faces, expected 0 to {MOST}")
    patches = [_head(cut_out(portrait)) for portrait in PORTRAITS]
    ground = cv2.resize(backdrop()[:, :640], (width, height), interpolation=cv2.INTER_LINEAR)
    for index in range(length):
        image: Image = ground.copy()
        for number, cell in enumerate(PLACES[:count]):
            _place(image, patches[number % len(patches)], cell, number, 2 * pi * index / 90)
        yield image


def _head(patch: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The rows of a cut-out that show the head, fading out above and below, so that no neighbour is covered."""
    middle, half = round(patch.shape[0] / 2 - DROP * FACE), round(HALF_HEAD * FACE)
    rows = patch[middle - half : middle + half]
    edge = np.clip((half - np.abs(np.arange(2 * half) + 0.5 - half)) / (0.06 * FACE), 0, 1)
    faded: npt.NDArray[np.uint8] = np.rint(rows * edge[:, None, None]).astype(np.uint8)
    return faded


def _place(image: Image, patch: npt.NDArray[np.uint8], cell: int, number: int, turn: float) -> None:
    """Draw a cut-out into its cell; every other one is seen in a mirror."""
    height, width = image.shape[:2]
    row, column = divmod(cell, COLUMNS)
    face = FACE_SHARE * height * (1 + 0.03 * sin(turn + number))
    scale = face / FACE
    middle_x = width * (column + 0.5) / COLUMNS + 0.08 * face * cos(turn + number)
    middle_y = height * (row + 0.5) / ROWS + 0.08 * face * sin(turn + 2 * number)
    shown = patch[:, ::-1] if number // 2 % 2 else patch
    small = cv2.resize(np.ascontiguousarray(shown), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tall, wide = small.shape[:2]
    left, top = round(middle_x - wide / 2), round(middle_y - tall / 2)
    part = image[max(0, top) : top + tall, max(0, left) : left + wide]
    small = small[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
    under = part * ((255 - small[..., 3:]) / 255)
    part[:] = np.clip(under + small[..., :3], 0, 255).astype(np.uint8)


def write_crowd(path: Path, count: int, width: int, height: int, length: int) -> None:
    """Write such a clip as MPEG-4, 30 pictures a second; see `face_grid_pictures` for the arguments.

    Raises:
        SmiledetError: OpenCV cannot write it.
    """
    writer = cv2.VideoWriter(
        file_name(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), float(FPS), (width, height)
    )
    if not writer.isOpened():
        raise SmiledetError(f"OpenCV cannot write {path}")
    for image in face_grid_pictures(count, width, height, length):
        writer.write(image)
    writer.release()
