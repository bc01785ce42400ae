"""What a film's search does from picture to picture, against a stored course.

The film shows bright squares, and the detectors see nothing else: upright squares of the sizes that are sought. So
every call of a detector, every box and every number is known beforehand. Faces come, move, grow, tilt, turn dark (the
detector misses them, their templates do not), leave and come back; a poster is proposed that is no face; a square is
seen once; there are a crowd, a cut, a picture of its own, another size of the picture, a pause.

Where another course is meant, look at what has changed and store it:
SMILEDET_STORE_REFERENCE=1 python -m pytest tests/detection/test_course.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import FaceLocator, LocatorSettings
from smiledet.detection.scheduling.places import Proposer
from smiledet.detection.scheduling.proposal_network import CELL, Scores
from smiledet.frame import Box, Detection, GreyImage

FOLDER = Path(__file__).parents[1] / "reference" / "courses"

NEAR = 1.0
"""Pixels by which versions of OpenCV may place a box elsewhere."""

BRIGHT, DIM = 1.0, 0.6
"""Of a square that the detectors see, and of one that they miss."""


@dataclass(frozen=True)
class Square:
    """A face of the film: where its middle is, its side, in pixels, its tilt in degrees, and its brightness."""

    x: float
    y: float
    side: float
    roll: float = 0.0
    light: float = BRIGHT
    pattern: int = 0


@dataclass(frozen=True)
class Scene:
    """A picture of the film."""

    time: float
    squares: Sequence[Square]
    size: tuple[int, int] = (640, 480)
    background: int = 0
    independent: bool = False


def patterns() -> list[np.ndarray]:
    """Textures from 212 to 255, each its own."""
    coarse = np.random.default_rng(5).random((4, 8, 8)).astype(np.float32)
    return [212 + 43 * cv2.resize(each, (64, 64), interpolation=cv2.INTER_LINEAR) for each in coarse]


PATTERNS = patterns()


def backdrop(size: tuple[int, int], number: int) -> np.ndarray:
    width, height = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    if number:
        return 70 + 50 * np.sin(rows / 31) * np.cos(columns / 90)
    return 70 + 30 * np.sin(columns / 45) + 20 * np.cos(rows / 60)


BACKDROPS = {(size, number): backdrop(size, number) for size in ((640, 480), (400, 300)) for number in (0, 1)}


def picture(scene: Scene) -> GreyImage:
    image = BACKDROPS[scene.size, scene.background].copy()
    for square in scene.squares:
        matrix = cv2.getRotationMatrix2D((31.5, 31.5), -square.roll, square.side / 64)
        matrix[:, 2] += square.x - 31.5, square.y - 31.5
        drawn = cv2.warpAffine(PATTERNS[square.pattern], matrix, scene.size, flags=cv2.INTER_NEAREST)
        np.copyto(image, drawn * square.light, where=drawn > 0)
    return image.astype(np.uint8)


def film() -> Iterator[Scene]:
    """See above; of 5.6 seconds, and a pause of four."""
    time = 0.0
    for number in range(140):
        time += (0.031, 0.037, 0.034, 0.063)[number % 4]
        if number == 84:
            time += 4.0
        squares = []
        if number < 100:
            missed = 20 <= number < 26 or 46 <= number < 68
            walker = Square(90 + 1.5 * number, 110 + 0.5 * number, 60 + 0.2 * number, light=DIM if missed else BRIGHT)
            if not 62 <= number < 66:
                squares.append(walker)
            squares.append(Square(560, 60, 64, roll=45, pattern=1))  # the poster
        if 8 <= number < 46 or 70 <= number < 84:
            squares.append(Square(430 + number % 3, 330, 236 + number % 2, pattern=2))
        if 30 <= number < 70:
            roll = 20 if number < 50 else -20 if number < 58 else 0
            squares.append(Square(180, 350 + number / 3, 72, roll=roll, pattern=3))
        if number == 15:
            squares.append(Square(320, 60, 60, pattern=3))
        if 86 <= number < 100:
            squares += [Square(80 + 90 * place, 400, 54 + place, pattern=place % 4) for place in range(6)]
        if 100 <= number < 126:
            light = DIM if number % 5 == 3 else BRIGHT
            squares.append(Square(470 - 3 * number % 7, 250 - number, 90, light=light, pattern=2))
            squares.append(Square(250, 400 - 2 * (number - 100), 100 - 0.5 * (number - 100), pattern=1))
        if number >= 126:
            squares = [Square(200 + 2 * (number - 126), 150, 80, pattern=1)]
        size = (640, 480) if number < 126 else (400, 300)
        yield Scene(time, squares, size, int(number >= 100), independent=number == 112)


class Seeing(FaceDetector):
    """Sees upright bright squares, and notes what it is asked."""

    def __init__(self, name: str, calls: list[str], needs: Needs | None = None, bright: int = 195) -> None:
        self.needs = needs or Needs()  # type: ignore[misc]
        self._name, self._calls, self._bright = name, calls, bright

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        height, width = image.shape
        self._calls.append(f"{self._name}{width}x{height}:{min_size}-{max_size or ''}")
        lit = (image > self._bright).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
        found = []
        for x, y, across, down, pixels in boxes[1:].tolist():
            upright = pixels >= 0.86 * across * down and 0.75 <= across / down <= 1.34
            whole = x > 0 and y > 0 and x + across < width and y + down < height
            if upright and whole and min_size <= across + 1 and across <= (max_size or width):
                found.append(Detection(Box(x, y, across, across), 4 + pixels % 4))
        return sorted(found, key=lambda each: -each.score)


class Bright:
    """A network that proposes what is bright."""

    threshold = 0.7

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def scores(self, canvas: GreyImage) -> Scores:
        self._calls.append(f"p{canvas.shape[1]}x{canvas.shape[0]}")
        cells = cv2.resize(canvas, (canvas.shape[1] // CELL, canvas.shape[0] // CELL), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.float32) / 255


def plain(calls: list[str]) -> FaceLocator:
    return FaceLocator(Seeing("s", calls), Seeing("f", calls), FaceTracker())


def proposed(calls: list[str]) -> FaceLocator:
    proposer = Proposer(Bright(calls), Seeing("a", calls), 0.11, 0.1)
    return FaceLocator(
        *(Seeing("s", calls, Needs(patience=1.7)), Seeing("f", calls), FaceTracker(), LocatorSettings()),
        *(Seeing("v", calls, bright=200), proposer),
        spread=True,
    )


def patient(calls: list[str]) -> FaceLocator:
    """A detector of the kind of HOG: slow, of large faces, which sees tilted ones itself."""
    needs = Needs(window=40, enlarge=2.0, min_face=1.5, slice_pixels=None, patience=3.0, follow=1.4, rolls=())
    return FaceLocator(Seeing("s", calls, needs), Seeing("f", calls, needs), FaceTracker(), LocatorSettings(0.15, 0.0))


MAKERS = {"plain": plain, "proposed": proposed, "patient": patient}


@pytest.fixture(scope="module")
def pictures() -> list[tuple[Scene, GreyImage]]:
    return [(scene, picture(scene)) for scene in film()]


def course(name: str, pictures: Sequence[tuple[Scene, GreyImage]]) -> list[str]:
    """A line a picture: calls, faces (left, top and side, shown and sought; score), and places that may be faces."""
    calls: list[str] = []
    locator = MAKERS[name](calls)
    lines = []
    for scene, grey in pictures:
        calls.clear()
        faces = locator.locate(grey, scene.time, scene.independent)
        shown = [f"{face.track}:{told(face.box)};{told(face.search_box)};{face.score:.1f}" for face in faces] + [
            f"?:{told(box)}" for box in locator.possible
        ]
        lines.append(" | ".join((" ".join(calls), " ".join(shown))))
    return lines


def told(box: Box) -> str:
    return ",".join(f"{value:.1f}" for value in (box.x, box.y, box.width))


PLACE = re.compile(r"-?\d+\.\d")


@pytest.mark.parametrize("name", MAKERS)
def test_the_course_of_a_search(name: str, pictures: list[tuple[Scene, GreyImage]]) -> None:
    stored = FOLDER / f"{name}.txt"
    now = course(name, pictures)
    if os.environ.get("SMILEDET_STORE_REFERENCE"):
        FOLDER.mkdir(exist_ok=True)
        stored.write_text("\n".join(now) + "\n")
    before = stored.read_text().splitlines()
    assert len(now) == len(before)
    for number, (line, expected) in enumerate(zip(now, before, strict=True)):
        assert PLACE.sub("", line) == PLACE.sub("", expected), f"picture {number}"
        places = zip(PLACE.findall(line), PLACE.findall(expected), strict=True)
        assert all(abs(float(one) - float(other)) <= NEAR for one, other in places), f"picture {number}"
