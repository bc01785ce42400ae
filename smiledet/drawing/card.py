"""The card: a face's number and, for each task, label, score and a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from smiledet.drawing.geometry import Rect, Size
from smiledet.drawing.style import Style, colour_of
from smiledet.drawing.text import shorten, text_width
from smiledet.frame import Prediction
from smiledet.tasks.base import UNSURE, Colour, Task

Shown = tuple[Task, Prediction]
"""A task with what was read for it."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text and where it starts: left edge and baseline, in pixels."""

    text: str
    x: int
    baseline: int


@dataclass(frozen=True, slots=True)
class Row:
    """One task on a card; `score` is None where there is no room for it, and an answer that is unsure is `faint`."""

    label: TextLine
    score: TextLine | None
    bar: Rect
    share: float
    colour: Colour
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """What is said about a face: a badge with the track's number and, beside it, a plate of rows.

    Attributes:
        area: All of it.
        badge: The coloured part, with the track's number.
        number: What stands on the badge.
        plate: Under the rows; None where nothing was read yet, or there is no room for it.
        rows: One a task.
    """

    area: Rect
    badge: Rect
    number: TextLine
    plate: Rect | None
    rows: tuple[Row, ...]


class Detail(IntEnum):
    """How much a card says."""

    FULL = 0
    NO_SCORES = 1
    FIRST_LABEL = 2


def rows_of(shown: Sequence[Shown], detail: Detail, size: Size, style: Style) -> Sequence[Shown]:
    """What a card of that detail shows, as far as the picture is high enough for it."""
    fitting = (size[1] - 2 * style.margin - 2 * style.pad + style.row_gap) // (_row_height(style) + style.row_gap)
    return shown[: max(0, min(fitting, 1 if detail is Detail.FIRST_LABEL else len(shown)))]


def card_size(number: str, rows: Sequence[Shown], detail: Detail, box: Rect, size: Size, style: Style) -> Size:
    """Size of a card, at least as wide as its box unless that is very wide, at most as wide as the picture."""
    badge = _badge_width(number, style)
    if not rows:
        return min(badge, size[0]), min(style.cap + 2 * style.pad, size[1])
    score = 0 if detail else text_width(_score(1.0), style.cap) + style.cap
    content = max(text_width(task.text(prediction.label), style.cap) for task, prediction in rows) + score
    plate = max(content + 2 * style.pad, min(box.width, style.widest) - badge - _seam(style))
    height = 2 * style.pad + len(rows) * _row_height(style) + (len(rows) - 1) * style.row_gap
    return max(1, min(badge + _seam(style) + plate, size[0] - 2 * style.margin)), height


def fill_card(area: Rect, number: str, rows: Sequence[Shown], detail: Detail, style: Style) -> Card:
    """Place what is on a card."""
    badge = Rect(area.x, area.y, min(_badge_width(number, style), area.width), area.height)
    number = shorten(number, style.cap, badge.width - 2) if badge.height >= style.cap else ""
    middle = badge.x + (badge.width - text_width(number, style.cap)) // 2
    at = TextLine(number, middle, badge.y + (badge.height + style.cap) // 2)
    start = badge.right + _seam(style)
    if not rows or area.right - start < 2 * style.pad + style.cap:
        return Card(area, badge, at, None, ())
    plate = Rect(start, area.y, area.right - start, area.height)
    room = plate.width - 2 * style.pad
    line = area.y + style.pad + style.cap
    filled = []
    for task, prediction in rows:
        score = _score(prediction.score)
        score_width = text_width(score, style.cap)
        if detail or 2 * score_width > room:
            score, score_width = "", 0
        label = shorten(task.text(prediction.label), style.cap, room - score_width - (style.cap // 2 if score else 0))
        x = plate.x + style.pad
        filled.append(
            Row(
                label=TextLine(label, x, line),
                score=TextLine(score, x + room - score_width, line) if score else None,
                bar=Rect(x, line + style.descent, room, style.bar),
                share=prediction.score,
                colour=colour_of(task, prediction.label),
                faint=prediction.label == UNSURE,
            )
        )
        line += _row_height(style) + style.row_gap
    return Card(area, badge, at, plate, tuple(filled))


def _score(score: float) -> str:
    return f"{score:.2f}"


def _badge_width(number: str, style: Style) -> int:
    return text_width(number, style.cap) + round(1.6 * style.pad)


def _seam(style: Style) -> int:
    """Between the badge and the rows."""
    return max(1, style.cap // 8)


def _row_height(style: Style) -> int:
    return style.cap + style.descent + style.bar
