"""Draws one face: its box, its card and its strip."""

from __future__ import annotations

from collections.abc import Hashable

from smiledet.drawing.card import Card
from smiledet.drawing.geometry import Rect
from smiledet.drawing.layout import FaceLayout
from smiledet.drawing.shapes import bar_radius, draw_corners, draw_track, fill_plate, fill_rounded, fill_track
from smiledet.drawing.sprite_cache import Draw, SpriteCache
from smiledet.drawing.strip import Strip
from smiledet.drawing.style import FAINT_INK, INK, SLOT, Style, ink_on, muted
from smiledet.drawing.text import draw_text
from smiledet.frame import Image
from smiledet.tasks.base import Colour


def draw_box(image: Image, layout: FaceLayout) -> None:
    """Draw a face's box as laid out."""
    draw_corners(image, layout.box, layout.style.line, layout.colour)


def draw_plates(image: Image, layout: FaceLayout, cache: SpriteCache | None = None) -> None:
    """Draw a face's card and strip as laid out.

    Args:
        image: BGR (height, width, 3), C-contiguous, written to.
        layout: Where everything stands.
        cache: What was drawn on the picture before; None for a picture of its own.
    """
    style, colour, card, strip = layout.style, layout.colour, layout.card, layout.strip
    key: Hashable
    if strip is not None:
        key = strip.classes, strip.plate.width, strip.plate.height, style
        _draw_cached(
            cache, image, (layout.track, "strip"), key, strip.plate, lambda on: _draw_strip_base(on, strip, style)
        )
        _draw_bars(image, strip)
    texts = card.number.text, *(row.label.text for row in card.rows)
    key = texts, card.area.width, card.area.height, card.badge.width, colour, style, bool(card.plate)
    _draw_cached(
        cache, image, (layout.track, "card"), key, card.area, lambda on: _draw_card_base(on, card, colour, style)
    )
    _draw_figures(image, card, style)


def _draw_cached(
    cache: SpriteCache | None, image: Image, part: tuple[int, str], key: Hashable, area: Rect, draw: Draw
) -> None:
    if cache is None:
        draw(image)
    else:
        cache.draw(image, part, key, area, draw)


def _draw_card_base(image: Image, card: Card, colour: Colour, style: Style) -> None:
    """What of a card stays as it is while scores change."""
    fill_rounded(image, card.badge, style.radius, colour)
    draw_text(image, card.number.text, card.number.x, card.number.baseline, style.cap, ink_on(colour))
    if card.plate is None:
        return
    fill_plate(image, card.plate, style.radius)
    for row in card.rows:
        draw_text(image, row.label.text, row.label.x, row.label.baseline, style.cap, FAINT_INK if row.faint else INK)
        draw_track(image, row.bar)


def _draw_figures(image: Image, card: Card, style: Style) -> None:
    for row in card.rows:
        if row.score is not None:
            draw_text(image, row.score.text, row.score.x, row.score.baseline, style.cap, FAINT_INK)
        fill_track(image, row.bar, row.share, row.colour)


def _draw_strip_base(image: Image, strip: Strip, style: Style) -> None:
    """What of a strip stays as it is while no other class is chosen."""
    fill_plate(image, strip.plate, style.radius)
    for column in strip.columns:
        fill_rounded(image, column.track, bar_radius(column.track.width // 2), SLOT)
        ink = INK if column.chosen else FAINT_INK
        draw_text(image, column.name, column.name_x, column.baseline, style.small_cap, ink)


def _draw_bars(image: Image, strip: Strip) -> None:
    for column in strip.columns:
        colour = column.colour if column.chosen else muted(column.colour)
        fill_rounded(image, column.bar, bar_radius(column.bar.width // 2), colour)
