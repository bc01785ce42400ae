"""The plates under a face's figures, drawn once as long as they stay the same.

Most of a card and of a strip is the same from picture to picture: the plate, names, labels, the empty bars. It takes
some forty calls of OpenCV on a few pixels each, and every one of them lets go of Python's lock and wakes a thread that
waits for it. As one sprite it takes two. A sprite is made where a plate is the same as in the picture before:
plates that grow with their face differ in each picture, and are drawn directly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable

import numpy as np

from smiledet.drawing.geometry import Rect
from smiledet.drawing.sprites import blit
from smiledet.frame import Image

Draw = Callable[[Image], None]
"""Draws a plate at its place in a picture."""

Part = tuple[int, str]
"""A face's track, and which of its plates."""


class SpriteCache:
    """What was drawn on the picture before, at most one sprite a plate. It belongs to one thread."""

    def __init__(self) -> None:
        self._known: dict[Part, tuple[Hashable, tuple[Image, Image] | None]] = {}

    def draw(self, image: Image, part: Part, key: Hashable, area: Rect, draw: Draw) -> None:
        """Draw a plate.

        Args:
            image: BGR (height, width, 3), C-contiguous, written to.
            part: Which one.
            key: All that its pixels depend on but its place.
            area: All that it covers, inside the picture.
            draw: Draws it where it is not known.
        """
        before, sprite = self._known.get(part, (None, None))
        if before != key:
            self._known[part] = key, None
            draw(image)
            return
        if sprite is None:
            sprite = _as_sprite(area, draw)
            self._known[part] = key, sprite
        blit(image, *sprite, area.x, area.y)

    def keep_only(self, tracks: Collection[int]) -> None:
        """Forget the plates of every other face."""
        for part in [part for part in self._known if part[0] not in tracks]:
            del self._known[part]


def _as_sprite(area: Rect, draw: Draw) -> tuple[Image, Image]:
    """Ink and keep (see `smiledet.drawing.sprites`) of what is drawn: what is seen of it on black, and on white."""
    seen = []
    for ground in (0, 255):
        image = np.empty((area.bottom, area.right, 3), np.uint8)
        image[area.y :, area.x :] = ground  # nothing is drawn on the rest
        draw(image)
        seen.append(image[area.y :, area.x :].copy())
    ink, on_white = seen
    # Rounded apart, the one on white may come out a level darker where nothing shows through.
    return ink, on_white - np.minimum(ink, on_white)
