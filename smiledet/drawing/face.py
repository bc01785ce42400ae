"""Draws one face: its box, its card and its strip."""

from __future__ import annotations

from collections.abc import Sequence

from smiledet.drawing.card import Card
from smiledet.drawing.geometry import Rect
from smiledet.drawing.layout import FaceLayout, lay_out_face
from smiledet.drawing.shapes import bar_radius, draw_bar, draw_corners, fill_plate, fill_rounded
from smiledet.drawing.strip import Strip
from smiledet.drawing.style import FAINT_INK, INK, SLOT, Style, ink_on, muted
from smiledet.drawing.text import draw_text
from smiledet.frame import FaceReading, Image
from smiledet.tasks.base import Colour, Task


def draw_face(
    image: Image, reading: FaceReading, tasks: Sequence[Task], style: Style | None = None, taken: Sequence[Rect] = ()
) -> None:
    """Draw one face into a picture.

    Args:
        image: BGR (height, width, 3), C-contiguous, written to.
        reading: The face with its labels; one without any gets its box and number.
        tasks: What to show, the most important first: the box takes its colour from the first that was read.
        style: Sizes; those that suit the picture by default.
        taken: Plates to keep clear of.
    """
    height, width = image.shape[:2]
    style = style or Style.of(width, height)
    layout = lay_out_face(reading, tasks, (width, height), style, taken=taken)
    if layout is not None:
        draw_box(image, layout)
        draw_plates(image, layout)


def draw_box(image: Image, layout: FaceLayout) -> None:
    """Draw a face's box as laid out."""
    draw_corners(image, layout.box, layout.style.line, layout.colour)


def draw_plates(image: Image, layout: FaceLayout) -> None:
    """Draw a face's card and strip as laid out."""
    if layout.strip is not None:
        _draw_strip(image, layout.strip, layout.style)
    _draw_card(image, layout.card, layout.colour, layout.style)


def _draw_card(image: Image, card: Card, colour: Colour, style: Style) -> None:
    fill_rounded(image, card.badge, style.radius, colour)
    draw_text(image, card.number.text, card.number.x, card.number.baseline, style.cap, ink_on(colour))
    if card.plate is None:
        return
    fill_plate(image, card.plate, style.radius)
    for row in card.rows:
        draw_text(image, row.label.text, row.label.x, row.label.baseline, style.cap, INK)
        if row.score is not None:
            draw_text(image, row.score.text, row.score.x, row.score.baseline, style.cap, FAINT_INK)
        draw_bar(image, row.bar, row.share, row.colour)


def _draw_strip(image: Image, strip: Strip, style: Style) -> None:
    fill_plate(image, strip.plate, style.radius)
    for column in strip.columns:
        colour = column.colour if column.chosen else muted(column.colour)
        radius = bar_radius(column.track.width // 2)
        fill_rounded(image, column.track, radius, SLOT)
        fill_rounded(image, column.bar, radius, colour)
        ink = INK if column.chosen else FAINT_INK
        draw_text(image, column.name, column.name_x, column.baseline, style.small_cap, ink)
