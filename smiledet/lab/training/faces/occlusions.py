"""Glasses, masks and hands drawn over faces of photographs, by five points of each face.

No data set here has enough of them; a drawn one is no real one, but hides as much. `glasses` draws on aligned chips.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""Grey (height, width) or BGR (height, width, 3)."""

FivePoints = npt.NDArray[np.float32]
"""The eyes, the nose's tip and the mouth's corners, (5, 2), left in the picture first."""

SUBPIXEL = 4
"""Bits behind the point in the coordinates that OpenCV draws at."""


def _axes(points: FivePoints) -> tuple[FivePoints, FivePoints, FivePoints]:
    """The middle between the eyes, and from there to the right eye and to the middle of the mouth."""
    middle = points[:2].mean(axis=0)
    down = points[3:].mean(axis=0) - middle
    across = (points[1] - points[0]) / 2
    if np.linalg.norm(across) < 0.45 * np.linalg.norm(down):  # of a profile the eyes tell little
        across = np.array([down[1], -down[0]], np.float32) * 0.45
    return middle, across, down


def _fixed(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int32]:
    return np.asarray(np.rint(np.asarray(values) * (1 << SUBPIXEL)), np.int32)


def draw_glasses(grey: Picture, points: FivePoints, generator: np.random.Generator) -> None:
    """Draw a pair, dark or light, clear or tinted, onto a picture."""
    _, across, down = _axes(points)
    shade = int(generator.choice([generator.integers(0, 90), generator.integers(90, 256)], p=[0.8, 0.2]))
    reach = float(np.linalg.norm(across))
    half = np.array([generator.uniform(0.55, 0.85), generator.uniform(0.4, 0.7)]) * reach
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    drop = down * generator.uniform(-0.03, 0.1)
    thickness = max(1, round(float(generator.uniform(0.06, 0.2)) * reach))
    tinted = generator.random() < 0.35
    for eye in points[:2]:
        centre, size = tuple(map(int, _fixed(eye + drop))), tuple(map(int, _fixed(half)))
        if tinted:
            cv2.ellipse(grey, centre, size, angle, 0, 360, (shade // 2,) * 3, -1, cv2.LINE_AA, SUBPIXEL)
        cv2.ellipse(grey, centre, size, angle, 0, 360, (shade,) * 3, thickness, cv2.LINE_AA, SUBPIXEL)
    unit = across / max(reach, 1e-6)
    ends = (points[0] + drop + unit * half[0], points[1] + drop - unit * half[0])
    cv2.line(
        grey, tuple(map(int, _fixed(ends[0]))), tuple(map(int, _fixed(ends[1]))), (shade,) * 3, thickness, 16, SUBPIXEL
    )


def draw_mask(grey: Picture, points: FivePoints, generator: np.random.Generator) -> None:
    """Draw a mask from the nose to below the chin."""
    middle, across, down = _axes(points)
    top = generator.uniform(0.3, 0.55)
    outline = [(-1.45, top), (0, top - generator.uniform(0, 0.15)), (1.45, top), (1.3, 1.2), (0.6, 1.75), (0, 1.85)]
    outline += [(-0.6, 1.75), (-1.3, 1.2)]
    corners = np.array([middle + x * across + y * down for x, y in outline])
    shade = int(generator.integers(20, 250))
    cv2.fillPoly(grey, [_fixed(corners)], (shade,) * 3, cv2.LINE_AA, SUBPIXEL)
    for fold in generator.uniform(0.6, 1.6, int(generator.integers(0, 4))):
        ends = [_fixed(middle + x * across + fold * down) for x in (-1.2, 1.2)]
        cv2.line(grey, tuple(map(int, ends[0])), tuple(map(int, ends[1])), (max(0, shade - 25),) * 3, 1, 16, SUBPIXEL)


def draw_hand(grey: Picture, points: FivePoints, generator: np.random.Generator) -> None:
    """Draw three to five fingers of the skin's shade that come from one side over a part of the face."""
    middle, across, down = _axes(points)
    height, width = grey.shape[:2]
    column, row = (int(value) for value in np.rint(points[2]))
    skin = np.broadcast_to(grey[min(max(row, 0), height - 1), min(max(column, 0), width - 1)], 3).astype(float)
    side, first = float(generator.choice([-1.0, 1.0])), float(generator.uniform(-0.3, 1.0))
    slope = float(generator.uniform(-0.6, 0.6))
    thick = float(generator.uniform(0.28, 0.42)) * float(np.linalg.norm(across))
    for finger in range(int(generator.integers(3, 6))):
        below = first + 0.32 * finger
        start = middle + side * 2.2 * across + (below + slope) * down
        tip = middle + side * float(generator.uniform(-0.3, 0.5)) * across + below * down
        ends = [tuple(map(int, _fixed(end))) for end in (start, tip)]
        shade = np.clip(skin + generator.normal(0, 10), 0, 255)
        edge, inside = tuple(np.maximum(0, shade - 35).tolist()), tuple(shade.tolist())
        cv2.line(grey, ends[0], ends[1], edge, max(1, round(1.25 * thick)), cv2.LINE_AA, SUBPIXEL)
        cv2.line(grey, ends[0], ends[1], inside, max(1, round(thick)), cv2.LINE_AA, SUBPIXEL)


OCCLUSIONS: dict[str, Callable[[Picture, FivePoints, np.random.Generator], None]] = {
    "glasses": draw_glasses,
    "mask": draw_mask,
    "hand": draw_hand,
}
"""What can be drawn, each changes a picture in place."""
