"""The pictures of several sources side by side, each drawn anew when it changes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from smiledet.drawing.style import INK, Style
from smiledet.drawing.text import draw_text, shorten
from smiledet.frame import Image

WIDTH = 1280
"""Pixels of the whole at most, unless the sources are narrower."""


class Mosaic:
    """One picture of the newest ones of some sources.

    Args:
        names: Of the sources, row by row. Of a single one the picture is shown as it is.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._columns = math.ceil(math.sqrt(len(names)))
        self._rows = math.ceil(len(names) / self._columns)
        self._whole: Image | None = None
        self._cell = (0, 0)
        self._shown: dict[str, tuple[float, float, float]] = {}

    def put(self, name: str, image: Image) -> Image:
        """The whole with a new picture of a source.

        Args:
            name: Of the source.
            image: BGR uint8 (height, width, 3); the first decides how large a cell is, others are fitted in whole.

        Returns:
            BGR uint8; written to at the next call, where there is more than one source.
        """
        if len(self._places) == 1:
            return image
        if self._whole is None:
            scale = min(1.0, WIDTH / (self._columns * image.shape[1]))
            self._cell = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
            self._whole = np.zeros((self._rows * self._cell[1], self._columns * self._cell[0], 3), np.uint8)
        width, height = self._cell
        row, column = divmod(self._places[name], self._columns)
        cell = self._whole[row * height : (row + 1) * height, column * width : (column + 1) * width]
        scale = min(width / image.shape[1], height / image.shape[0])
        size = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
        shown = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        if size != self._cell:
            cell[:] = 0
        cell[top : top + size[1], left : left + size[0]] = shown
        self._shown[name] = (scale, column * width + left, row * height + top)
        style = Style.of(width, height)
        draw_text(cell, shorten(name, style.cap, width), style.gap, height - style.gap - style.descent, style.cap, INK)
        return self._whole

    def place_of(self, x: float, y: float) -> tuple[str, float, float]:
        """The source whose picture is shown at a place of the whole, and the place in that picture, in its pixels.

        Args:
            x: In pixels of the whole, to the right.
            y: Down.
        """
        if len(self._places) == 1:
            return next(iter(self._places)), x, y
        width, height = self._cell
        place = int(y // max(1, height)) * self._columns + int(x // max(1, width))
        name = next((name for name, where in self._places.items() if where == place), next(iter(self._places)))
        scale, left, top = self._shown.get(name, (1.0, 0.0, 0.0))
        return name, (x - left) / scale, (y - top) / scale
