"""A sheet of annotated frames with captions: what `make demo` leaves where there is no display."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from smiledet.drawing.geometry import Rect
from smiledet.drawing.style import INK, Style
from smiledet.drawing.text import draw_text, shorten
from smiledet.frame import Image
from smiledet.tasks.base import Colour

PAPER: Colour = (30, 27, 25)
MAT: Colour = (16, 14, 13)
"""What fills a cell beside a picture of another shape."""


def contact_sheet(images: Sequence[Image], captions: Sequence[str], columns: int = 3, cell_width: int = 480) -> Image:
    """Lay pictures out in a grid, row by row, each with a caption below it.

    Args:
        images: BGR uint8 (height, width, 3). The cells have the median shape; pictures of another are fitted in whole.
        captions: One a picture; shortened where it is too long.
        columns: Cells a row; fewer where there are fewer pictures.
        cell_width: Width of a cell in pixels.

    Returns:
        The sheet, BGR uint8.

    Raises:
        ValueError: No pictures, another number of captions than pictures, no columns, or cells narrower than 32 pixels.
    """
    if not images or len(images) != len(captions):
        raise ValueError(f"a sheet takes one caption a picture, not {len(captions)} for {len(images)} pictures")
    if columns < 1 or cell_width < 32:
        raise ValueError(f"a sheet has at least 1 column of 32 pixels, not {columns} of {cell_width}")
    columns = min(columns, len(images))
    ratios = sorted(image.shape[0] / image.shape[1] for image in images)
    cell_height = max(1, round(cell_width * ratios[len(ratios) // 2]))
    style = Style.of(cell_width, cell_height)
    caption_height = style.cap + style.descent + 2 * style.gap
    gap = 2 * style.pad
    rows = -(-len(images) // columns)
    width = columns * (cell_width + gap) + gap
    height = rows * (cell_height + caption_height + gap) + gap
    sheet: Image = np.full((height, width, 3), PAPER, np.uint8)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        x = gap + column * (cell_width + gap)
        y = gap + row * (cell_height + caption_height + gap)
        _fit_into(sheet, Rect(x, y, cell_width, cell_height), image)
        text = shorten(caption, style.cap, cell_width)
        draw_text(sheet, text, x, y + cell_height + 2 * style.gap + style.cap, style.cap, INK)
    return sheet


def _fit_into(sheet: Image, cell: Rect, image: Image) -> None:
    """Put a picture in the middle of a cell, as large as it goes in whole."""
    height, width = image.shape[:2]
    scale = min(cell.width / width, cell.height / height)
    shown_width, shown_height = max(1, round(scale * width)), max(1, round(scale * height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(image, (shown_width, shown_height), interpolation=method)
    x, y = cell.x + (cell.width - shown_width) // 2, cell.y + (cell.height - shown_height) // 2
    sheet[cell.y : cell.bottom, cell.x : cell.right] = MAT
    sheet[y : y + shown_height, x : x + shown_width] = shown
