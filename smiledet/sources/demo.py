"""The built-in demo: two portraits that move, turn and dim. Needs no camera, no network and no file of ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, radians, sin
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import NamedSource, Picture, SourceSettings
from smiledet.sources.decoding import read_image

WIDTH, HEIGHT, FPS = 640, 480, 30
PERIOD = 300
"""Pictures after which everything is back where it began, so that a longer demo goes round without a jump."""

FACE = 160
"""Width in pixels of the face in a prepared cut-out; drawn at 0.7 to 1.1 of it."""

HALF_WIDTH, HALF_HEIGHT, DROP = 0.98, 1.2, 0.12
"""The cut-out's half axes and how far its middle lies below the face's, in widths of the face."""

TURN = 13.0
"""Degrees to either side; Viola-Jones' frontal cascade loses faces from about 17 on."""


_FOLDER = Path(__file__).with_name("portraits")


@dataclass(frozen=True, slots=True)
class Portrait:
    """A public-domain photograph that the package carries (credits: `portraits/CREDITS.txt`), and the face in it.

    Attributes:
        name: The person's surname, in small letters.
        path: The picture's file.
        centre: Middle of the face, (x, y) in pixels of the photograph.
        face: Width of the face as Viola-Jones frames it, in pixels of the photograph.
    """

    name: str
    path: Path
    centre: tuple[float, float]
    face: float


PORTRAITS = (
    Portrait("collins", _FOLDER / "collins.png", (164.5, 113.5), 95),
    Portrait("hopper", _FOLDER / "hopper.jpg", (266, 216), 222),
)
"""Eileen Collins, who smiles, and Grace Hopper, who does not."""


def portrait_path(name: str = "collins") -> Path:
    """The file of one of the demo's two photographs, each of one face: something to try things on.

    Args:
        name: "collins" (320x300 pixels, smiling) or "hopper" (512x600, not smiling).

    Raises:
        SourceError: There is no such portrait.

    Example:
        >>> portrait_path("hopper").name
        'hopper.jpg'
    """
    for portrait in PORTRAITS:
        if portrait.name == name:
            return portrait.path
    raise SourceError(f"no portrait is named {name!r}, expected one of {', '.join(each.name for each in PORTRAITS)}")


def cut_out(portrait: Portrait) -> npt.NDArray[np.uint8]:
    """Head and shoulders, the face `FACE` pixels wide, fading out in a soft rounded frame.

    Returns:
        uint8 (height, width, 4): BGR already multiplied by the alpha that follows it.

    Raises:
        SourceError: The file is missing or damaged.
    """
    try:
        photograph = read_image(portrait.path)
    except ValueError as problem:
        raise SourceError(
            f"the demo cannot read {portrait.path}, which comes with smiledet: {problem}; install smiledet anew"
        ) from problem
    half = np.array([HALF_WIDTH, HALF_HEIGHT]) * FACE
    scale = FACE / portrait.face
    if scale < 1:  # a linear warp alone would alias
        photograph = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    zoom = max(1.0, scale)
    middle = np.array(portrait.centre) * scale + (0, DROP * FACE)
    to_patch = np.array([[zoom, 0, half[0] - middle[0]], [0, zoom, half[1] - middle[1]]])
    width, height = (int(side) for side in 2 * half)
    patch = cv2.warpAffine(
        photograph, to_patch, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
    down = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None]
    radius = (across**3 + down**3) ** (1 / 3)
    alpha = np.clip((1 - radius) / 0.14, 0, 1)
    alpha = (alpha * alpha * (3 - 2 * alpha))[..., None]
    faded: npt.NDArray[np.uint8] = np.concatenate([patch * alpha, 255 * alpha], axis=2).round().astype(np.uint8)
    return faded


def backdrop() -> Image:
    """A soft gradient, wide enough to drift: a frame shows `WIDTH` columns of it."""
    across = np.linspace(0, 4 * pi, 2 * WIDTH, dtype=np.float32)[None, :, None]
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    top, bottom = np.array([150, 118, 92], np.float32), np.array([74, 52, 46], np.float32)
    shade = 1 + 0.16 * np.sin(across + 1.4 * down)
    gradient: Image = np.clip((top + (bottom - top) * down) * shade, 0, 255).astype(np.uint8)
    return gradient


@lru_cache(maxsize=1)
def _materials() -> tuple[Image, tuple[npt.NDArray[np.uint8], ...]]:
    return backdrop(), tuple(cut_out(portrait) for portrait in PORTRAITS)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where and how a portrait is drawn: middle of the cut-out in pixels, width of the face, degrees, brightness."""

    x: float
    y: float
    face: float
    angle: float
    brightness: float


def poses(index: int) -> tuple[Pose, Pose]:
    """How the two portraits stand in a frame; one grows while the other shrinks, so that they never meet."""
    turn = 2 * pi * (index % PERIOD) / PERIOD
    left, right = 145 + 27 * cos(turn), 145 - 27 * cos(turn)
    spare = WIDTH - 2 * HALF_WIDTH * (left + right)
    return (
        Pose(
            x=HALF_WIDTH * left + spare * (0.25 + 0.25 * sin(3 * turn)),
            y=HEIGHT / 2 + (HEIGHT / 2 - HALF_HEIGHT * left) * sin(2 * turn),
            face=left,
            angle=TURN * sin(2 * turn + 0.6),
            brightness=0.8 + 0.2 * cos(3 * turn),
        ),
        Pose(
            x=WIDTH - HALF_WIDTH * right - spare * (0.25 + 0.25 * sin(2 * turn + 2)),
            y=HEIGHT / 2 + (HEIGHT / 2 - HALF_HEIGHT * right) * sin(3 * turn + 1),
            face=right,
            angle=TURN * sin(3 * turn + 2.5),
            brightness=0.8 + 0.2 * sin(2 * turn),
        ),
    )


def scene(index: int) -> Image:
    """The demo's picture number `index`: a pure function, BGR uint8 (480, 640, 3), the caller's to keep.

    Raises:
        SourceError: A portrait's file is missing or damaged.
    """
    background, patches = _materials()
    # The gradient repeats after half its width, so the drift has no seam.
    offset = (index % PERIOD) * WIDTH // PERIOD
    image: Image = background[:, offset : offset + WIDTH].copy()
    for patch, pose in zip(patches, poses(index), strict=True):
        _paste(image, patch, pose)
    return image


def _paste(image: Image, patch: npt.NDArray[np.uint8], pose: Pose) -> None:
    """Draw a cut-out over the picture, touching only the part that it covers."""
    scale = pose.face / FACE
    height, width = patch.shape[:2]
    cosine, sine = cos(radians(pose.angle)) * scale / 2, abs(sin(radians(pose.angle))) * scale / 2
    across, down = width * cosine + height * sine, height * cosine + width * sine
    left, top = max(0, int(pose.x - across)), max(0, int(pose.y - down))
    right, bottom = min(WIDTH, int(pose.x + across) + 1), min(HEIGHT, int(pose.y + down) + 1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), pose.angle, scale)
    matrix[:, 2] += (pose.x - width / 2 - left, pose.y - height / 2 - top)
    drawn = cv2.warpAffine(patch, matrix, (right - left, bottom - top))
    under = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(drawn, 3)), cv2.COLOR_GRAY2BGR)
    over = cv2.convertScaleAbs(cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR), alpha=pose.brightness)
    part = image[top:bottom, left:right]
    cv2.add(cv2.multiply(part, under, scale=1 / 255), over, dst=part)


class DemoSource(NamedSource):
    """Two faces, one smiling, in 640x480 at 30 FPS; the same from run to run.

    Args:
        seconds: How long it lasts; None never ends.
    """

    forms = "demo"
    live = False

    def __init__(self, seconds: float | None = PERIOD / FPS) -> None:
        self.description = "the built-in demo"
        self.fps = float(FPS)
        self.size = (WIDTH, HEIGHT)
        self.length = None if seconds is None else round(seconds * FPS)
        self._next = 0
        self._open = False

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        return spec == "demo"

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls()

    @override
    def open(self) -> None:
        _materials()
        self._next = 0
        self._open = True
        self.description = f"the built-in demo, {WIDTH}x{HEIGHT} at {FPS} FPS"

    @override
    def read(self) -> Picture | None:
        index = self._next
        if not self._open or (self.length is not None and index >= self.length):
            return None
        self._next += 1
        return Picture(scene(index), index / FPS)

    @override
    def close(self) -> None:
        self._open = False


SOURCE = DemoSource
