"""Rounded plates, bars and the corners of a face's box."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.drawing.geometry import Rect
from smiledet.drawing.sprites import Corners, blit_corners, corner_sprites, layered
from smiledet.drawing.style import DARK_INK, PLATE, PLATE_OPACITY, TRACK
from smiledet.frame import Image
from smiledet.tasks.base import Colour

SMALLEST_ROUND = 3
"""Radius in pixels below which the corners of a bar are left square: nobody sees them, and they cost."""


def fill_plate(image: Image, rect: Rect, radius: int) -> None:
    """Lay the dark, translucent plate that text stands on over a part of a picture.

    Args:
        image: BGR, written to.
        rect: Where; cut off at the picture's edge.
        radius: Of the corners, in pixels; made smaller where the plate is too small for it.
    """
    rect = _inside(image, rect)
    if not rect.area:
        return
    radius = min(radius, rect.width // 2, rect.height // 2)
    # The corners first, over the untouched picture; then all but them.
    if radius:
        blit_corners(image, rect, _round_corners(radius, PLATE, PLATE_OPACITY))
    x, y, right, bottom = rect.x, rect.y, rect.right, rect.bottom
    for ground in (
        image[y : y + radius, x + radius : right - radius],
        image[y + radius : bottom - radius, x:right],
        image[bottom - radius : bottom, x + radius : right - radius],
    ):
        if ground.size:
            cv2.convertScaleAbs(ground, dst=ground, alpha=1 - PLATE_OPACITY, beta=PLATE[0] * PLATE_OPACITY)


def fill_rounded(image: Image, rect: Rect, radius: int, colour: Colour) -> None:
    """Fill a rectangle with rounded corners.

    Args:
        image: BGR, written to.
        rect: Where; cut off at the picture's edge.
        radius: Of the corners, in pixels; made smaller where the rectangle is too small for it.
        colour: BGR.
    """
    x, y, width, height = rect
    if width < 1 or height < 1:
        return
    rect = x, y, width, height = _inside(image, rect)
    radius = min(radius, width // 2, height // 2)
    if radius:
        blit_corners(image, rect, _round_corners(radius, colour, 1.0))
    # Not by OpenCV: each of its calls lets go of Python's lock, and on a few pixels that costs more than they do.
    if width > 2 * radius:
        image[y : y + height, x + radius : x + width - radius] = _pixel(colour)
    if radius and height > 2 * radius:
        image[y + radius : y + height - radius, x : x + width] = _pixel(colour)


def draw_track(image: Image, rect: Rect) -> None:
    """Draw an empty horizontal bar."""
    fill_rounded(image, rect, bar_radius(rect.height), TRACK)


def fill_track(image: Image, rect: Rect, share: float, colour: Colour) -> None:
    """Fill a bar that `draw_track` has drawn, from the left.

    Args:
        image: BGR, written to.
        rect: The whole bar.
        share: How much of it is filled, 0 to 1; taken as 0 or 1 where it is beyond.
        colour: Of the filled part.
    """
    filled = round(rect.width * min(1.0, max(0.0, share)))
    if filled > 0:
        width = min(rect.width, max(filled, rect.height))
        fill_rounded(image, Rect(rect.x, rect.y, width, rect.height), bar_radius(rect.height), colour)


def bar_radius(thickness: int) -> int:
    """Radius of the ends of a bar, in pixels; none on a thin one."""
    return thickness // 2 if thickness // 2 >= SMALLEST_ROUND else 0


def draw_corners(image: Image, box: Rect, thickness: int, colour: Colour) -> None:
    """Draw a face's box: four rounded corners, with a dark rim that sets them off from a bright picture.

    Args:
        image: BGR, written to.
        box: Outer edge of the box; cut off at the picture's.
        thickness: Of the line, in pixels; thinner in a box too small for it.
        colour: Of the line.
    """
    box = _inside(image, box)
    shorter = min(box.width, box.height)
    if shorter < 8:
        fill_rounded(image, box, 0, colour)
        return
    thickness = max(1, min(thickness, shorter // 10))
    arm = min(max(round(0.24 * shorter), 3 * thickness), 14 * thickness, shorter // 2)
    arm -= arm % thickness  # few lengths, so that the cache serves a face that moves
    blit_corners(image, box, _brackets(arm, thickness, colour))


@lru_cache(maxsize=64)
def _brackets(arm: int, thickness: int, colour: Colour) -> Corners:
    """The corners of a box, in tiles as large as an arm is long: the dark rim, and the line on it."""
    rim = max(1, thickness // 2)
    radius = min(arm - 1, 5 * thickness)
    wide = _bracket(arm, radius, 0.0, thickness + 2 * rim)
    narrow = _bracket(arm, radius, float(rim), thickness)
    narrow[arm - rim :], narrow[:, arm - rim :] = 0, 0
    return layered(corner_sprites(wide, DARK_INK, 0.7), corner_sprites(narrow, colour))


def _bracket(arm: int, radius: int, inset: float, thickness: int) -> npt.NDArray[np.float64]:
    """How much an upper left bracket covers of each pixel of its tile, 0 to 1, (arm, arm)."""
    outer = _round_cover(arm, radius, inset)
    return outer - _round_cover(arm, radius, inset + thickness)


def _round_cover(side: int, radius: int, inset: float) -> npt.NDArray[np.float64]:
    """How much the upper left corner of a rounded rectangle covers of each pixel of its tile, 0 to 1, (side, side).

    Args:
        side: Of the tile, pixels.
        radius: Of the corner with no inset; the corners of smaller rectangles lie on the same centre.
        inset: How far the rectangle lies inside the tile's left and upper edge.
    """
    away = np.maximum(radius - (np.arange(side) + 0.5), 0)
    from_centre = np.hypot(away[:, None], away[None, :])
    edge = np.arange(side) + 0.5 - inset
    straight = np.minimum(edge[:, None], edge[None, :]) + 0.5
    bent = np.minimum(straight, radius - inset - from_centre + 0.5)
    cover: npt.NDArray[np.float64] = np.clip(np.where(from_centre > 0, bent, straight), 0, 1)
    return cover


@lru_cache(maxsize=256)
def _round_corners(radius: int, colour: Colour, opacity: float) -> Corners:
    """The corners of a filled rectangle."""
    return corner_sprites(_round_cover(radius, radius, 0.0), colour, opacity)


@lru_cache(maxsize=256)
def _pixel(colour: Colour) -> npt.NDArray[np.uint8]:
    """A colour as an array."""
    return np.array(colour, np.uint8)


def _inside(image: Image, rect: Rect) -> Rect:
    """The part of a rectangle inside a picture."""
    if rect.x >= 0 and rect.y >= 0 and rect.right <= image.shape[1] and rect.bottom <= image.shape[0]:
        return rect
    left, top = max(0, rect.x), max(0, rect.y)
    right, bottom = min(image.shape[1], rect.right), min(image.shape[0], rect.bottom)
    return Rect(left, top, max(0, right - left), max(0, bottom - top))
