"""Sprites: small shapes in one colour with smooth edges, blended into a picture.

A sprite is `ink`, its colour times its opacity, and `keep`, how much of the picture shows through. What OpenCV and
numpy do to a few hundred pixels costs mostly the call, so the four corners of a rectangle are blended as one array.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.drawing.geometry import Rect
from smiledet.frame import Image
from smiledet.tasks.base import Colour

Corners = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]
"""Ink times 256, and 256 for 'keep all', of four corners: uint16 (2, rows, 2, columns, 3)."""


def sprite(cover: Image, colour: Colour) -> tuple[Image, Image]:
    """Ink and keep, as `blit` takes them, of a shape in one colour.

    Args:
        cover: How much of each pixel the shape covers, uint8 (height, width), 255 for all of it.
        colour: The shape's.

    Returns:
        Both uint8 (height, width, 3); keep is 255 where the picture stays as it is.
    """
    ink = (cover[..., None] * (np.array(colour, np.float32) / 255) + 0.5).astype(np.uint8)
    return ink, np.repeat((255 - cover)[..., None], 3, axis=2)


def blit(image: Image, ink: Image, keep: Image, x: int, y: int) -> None:
    """Blend a sprite into a picture; what lies outside is cut off.

    Args:
        image: BGR, written to.
        ink: See `sprite`.
        keep: See `sprite`.
        x: Column of the sprite's left edge in the picture.
        y: Row of its upper edge.
    """
    height, width = image.shape[:2]
    tall, wide = ink.shape[:2]
    if x < 0 or y < 0 or x + wide > width or y + tall > height:
        left, top, right, bottom = max(0, -x), max(0, -y), min(wide, width - x), min(tall, height - y)
        if left >= right or top >= bottom:
            return
        ink, keep = ink[top:bottom, left:right], keep[top:bottom, left:right]
        x, y, wide, tall = x + left, y + top, right - left, bottom - top
    ground = image[y : y + tall, x : x + wide]
    cv2.multiply(ground, keep, dst=ground, scale=1 / 255)
    cv2.add(ground, ink, dst=ground)


def corner_sprites(cover: npt.NDArray[np.float64], colour: Colour, opacity: float = 1.0) -> Corners:
    """Four mirrored corners, as `blit_corners` takes them, of one.

    Args:
        cover: How much of each pixel of the upper left corner is covered, 0 to 1, (rows, columns).
        colour: The shape's.
        opacity: 0 to 1.
    """
    both = np.concatenate([cover, cover[:, ::-1]], axis=1)
    share = np.concatenate([both, both[::-1]]).reshape(2, cover.shape[0], 2, cover.shape[1], 1) * opacity
    ink = np.rint(share * np.array(colour) * 256).astype(np.uint16)
    return ink, np.repeat(256 - np.rint(share * 256).astype(np.uint16), 3, axis=4)


def layered(lower: Corners, upper: Corners) -> Corners:
    """One sprite that does what blitting two, one after the other, does."""
    ink = (lower[0].astype(np.uint32) * upper[1] >> 8) + upper[0]
    return ink.astype(np.uint16), (lower[1].astype(np.uint32) * upper[1] >> 8).astype(np.uint16)


def blit_corners(image: Image, rect: Rect, corners: Corners) -> None:
    """Blend sprites into the four corners of a rectangle.

    Args:
        image: BGR, C-contiguous, written to.
        rect: Inside the picture, and at least as large as the corners are together.
        corners: See `corner_sprites`.
    """
    ink, keep = corners
    _, rows, _, columns, _ = ink.shape
    x, y, width, height = rect
    down = 3 * image.shape[1]
    # One view of all four: the corners of a rectangle lie at even distances in memory.
    ground: Image = np.ndarray(
        ink.shape, np.uint8, image, y * down + 3 * x, ((height - rows) * down, down, 3 * (width - columns), 3, 1)
    )
    blended = ground * keep
    blended += ink
    blended >>= 8
    ground[...] = blended
