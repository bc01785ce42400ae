"""Annotates a frame: the one call that the drawer makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smiledet.drawing.face import draw_box, draw_plates
from smiledet.drawing.layout import Seat, arrange
from smiledet.drawing.sprite_cache import SpriteCache
from smiledet.drawing.stats import StatsLine, draw_stats, lay_out_stats
from smiledet.drawing.style import Style
from smiledet.frame import FaceReading, Image
from smiledet.tasks.base import Task


def annotate(
    image: Image,
    readings: Sequence[FaceReading],
    tasks: Sequence[Task],
    stats: StatsLine | None = None,
    seats: dict[int, Seat] | None = None,
    cache: SpriteCache | None = None,
) -> Image:
    """Draw faces, labels and figures on a copy of a picture.

    Args:
        image: BGR uint8 (height, width, 3), of any size; never written to.
        readings: The faces with their latest labels, in a steady order (by track), so that plates do not jump about.
        tasks: What to show of each face, the most important first.
        stats: The line of figures; none by default.
        seats: Where each track's plates stood on the picture before, which is where they stay if that will do. Taken
            over by where they stand now. None for a picture of its own.
        cache: Their sprites of then; updated in the same way.

    Returns:
        The annotated copy, contiguous, of the same shape.
    """
    annotated: Image = np.array(image, dtype=np.uint8, order="C")
    height, width = annotated.shape[:2]
    size, style = (width, height), Style.of(width, height)
    figures = lay_out_stats(stats, size, style) if stats is not None else None
    layouts = arrange(readings, tasks, size, style, [figures.plate] if figures is not None else [], seats)
    if seats is not None:
        seats.clear()
        seats.update((layout.track, layout.seat) for layout in layouts)
    for layout in layouts:
        draw_box(annotated, layout)
    # Plates after all boxes: no box runs through another face's text.
    for layout in layouts:
        draw_plates(annotated, layout, cache)
    if cache is not None:
        cache.keep_only({layout.track for layout in layouts})
    if figures is not None:
        draw_stats(annotated, figures, style)
    return annotated
