"""Pictures of faces made hard to read, one difficulty at a time, to measure what each costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from smiledet.frame import Box, Image, Matrix
from smiledet.lab.training.faces.occlusions import OCCLUSIONS, FivePoints

FACE = 100
"""Side in pixels of the face at which a blur's deviation is given: it is wider in larger faces."""

SMALL_FACE = 24
"""Side in pixels of a face that is far away."""

Difficulty = Callable[..., tuple[Image, Matrix]]
"""From what `make_hard` gives by name to the hard picture and the map, (2, 3), of points into it."""

HERE: Matrix = np.eye(2, 3)


def lit(image: Image, gain: float, offset: float, **_: object) -> tuple[Image, Matrix]:
    """In another light, clipped to eight bits as a sensor would."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain, beta=offset), np.uint8), HERE


def blurred(image: Image, box: Box, sigma: float, **_: object) -> tuple[Image, Matrix]:
    """Out of focus, by a deviation in pixels of a face that is FACE wide."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma * box.width / FACE), np.uint8), HERE


def noisy(image: Image, generator: np.random.Generator, sigma: float, **_: object) -> tuple[Image, Matrix]:
    """With noise of a deviation in grey levels, in each channel its own."""
    grains = generator.normal(0, sigma, image.shape)
    return np.asarray(np.clip(image + grains, 0, 255), np.uint8), HERE


def rolled(image: Image, box: Box, generator: np.random.Generator, degrees: float, **_: object) -> tuple[Image, Matrix]:
    """Turned about the face's middle, to either side."""
    matrix = cv2.getRotationMatrix2D(box.centre, float(generator.choice([-degrees, degrees])), 1.0)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8), matrix


def far_away(image: Image, box: Box, **_: object) -> tuple[Image, Matrix]:
    """Shrunk until the face is SMALL_FACE wide."""
    scale = min(1.0, SMALL_FACE / box.width)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    across, down = size[0] / image.shape[1], size[1] / image.shape[0]
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])


def compressed(image: Image, quality: int, **_: object) -> tuple[Image, Matrix]:
    """As a JPEG of that quality."""
    packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8), HERE


def hidden(
    image: Image, points: FivePoints, generator: np.random.Generator, what: str, **_: object
) -> tuple[Image, Matrix]:
    """With glasses, a mask or a hand drawn over the face."""
    drawn = image.copy()
    OCCLUSIONS[what](drawn, points, generator)
    return drawn, HERE


DIFFICULTIES: dict[str, Difficulty] = {
    "light x 0.12": partial(lit, gain=0.12, offset=0),
    "light x 2.5 + 60": partial(lit, gain=2.5, offset=60),
    "blur, sigma 3": partial(blurred, sigma=3),
    "noise, sigma 35": partial(noisy, sigma=35),
    "roll, 30 degrees": partial(rolled, degrees=30),
    "roll, 45 degrees": partial(rolled, degrees=45),
    "face of 24 pixels": far_away,
    "JPEG, quality 20": partial(compressed, quality=20),
    "glasses": partial(hidden, what="glasses"),
    "mask": partial(hidden, what="mask"),
    "hand": partial(hidden, what="hand"),
}
"""By name, each alone."""


def make_hard(
    difficulty: str, image: Image, box: Box, points: FivePoints, generator: np.random.Generator
) -> tuple[Image, Matrix]:
    """A picture made hard.

    Args:
        difficulty: One of `DIFFICULTIES`.
        image: BGR uint8 (height, width, 3); it stays as it is.
        box: Its face, as Viola-Jones frames it.
        points: The face's five points, see `occlusions`.
        generator: Of every random draw.

    Returns:
        The hard picture, BGR, and the map, (2, 3), of points into it.
    """
    return DIFFICULTIES[difficulty](image=image, box=box, points=points, generator=generator)


def moved(box: Box, matrix: Matrix) -> Box:
    """A square box under a map that turns and resizes: it stays upright about its middle."""
    x, y = matrix[:, :2] @ box.centre + matrix[:, 2]
    side = box.width * float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    return Box(float(x) - side / 2, float(y) - side / 2, side, side)
