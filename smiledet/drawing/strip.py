"""The strip: all classes of a task as a row of small bars, with names as long as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from smiledet.drawing.geometry import Rect, Size
from smiledet.drawing.style import UNKNOWN, Style
from smiledet.drawing.text import text_width
from smiledet.frame import Prediction
from smiledet.tasks.base import Colour, Task


class Column(NamedTuple):
    """One class: its bar in its track, and its name (empty without room) at a left edge and baseline."""

    track: Rect
    bar: Rect
    colour: Colour
    chosen: bool
    name: str
    name_x: int
    baseline: int


@dataclass(frozen=True, slots=True)
class Strip:
    """A plate with a column a class; tasks one below the other.

    Attributes:
        plate: Under everything.
        columns: From left to right, task by task.
        classes: Each task's names, and the one that was chosen: strips of one size and style that have these in common
            look alike but for how high their bars are.
    """

    plate: Rect
    columns: tuple[Column, ...]
    classes: tuple[tuple[tuple[str, ...], str], ...]


def strip_size(shown: Sequence[tuple[Task, Prediction]], box_width: int, size: Size, style: Style) -> Size | None:
    """How large a strip under a box is: as wide as the box, within limits.

    Args:
        shown: Tasks of many classes, with what was read.
        box_width: The face's, in pixels.
        size: The picture's.
        style: Sizes.

    Returns:
        None where the box is too small for a strip, or the picture for any.
    """
    most = max(len(task.labels) for task, _ in shown)
    least = 2 * style.pad + most * max(3, round(0.45 * style.cap))
    width = min(max(box_width, least), style.widest, size[0] - 2 * style.margin)
    if 3 * box_width < 2 * least or width < least:
        return None
    heights = [_row_height(task, width, style) for task, _ in shown]
    height = 2 * style.pad + sum(heights) + (len(heights) - 1) * style.gap
    return (width, height) if height <= size[1] - 2 * style.margin else None


def fill_strip(shown: Sequence[tuple[Task, Prediction]], plate: Rect, style: Style) -> Strip:
    """Place the bars and names of a strip whose plate has been placed."""
    columns: list[Column] = []
    top = plate.y + style.pad
    for task, prediction in shown:
        columns.extend(_columns(task, prediction, plate, top, style))
        top += _row_height(task, plate.width, style) + style.gap
    return Strip(plate, tuple(columns), tuple((task.labels, prediction.label) for task, prediction in shown))


def _columns(task: Task, prediction: Prediction, plate: Rect, top: int, style: Style) -> list[Column]:
    width, places = _places(task.labels, plate.width, style)
    highest = _bar_height(style)
    foot = top + highest
    stub = max(1, style.bar // 2)
    baseline = foot + style.gap + style.small_cap
    columns = []
    for label, (left, name, name_left) in zip(task.labels, places, strict=True):
        share = min(1.0, max(0.0, prediction.scores.get(label, 0.0)))
        height = max(stub, round(share * highest))
        x = plate.x + left
        columns.append(
            Column(
                track=Rect(x, top, width, highest),
                bar=Rect(x, foot - height, width, height),
                colour=task.colours.get(label, UNKNOWN),
                chosen=label == prediction.label,
                name=name,
                name_x=plate.x + name_left,
                baseline=baseline,
            )
        )
    return columns


@lru_cache(maxsize=64)
def _places(labels: tuple[str, ...], plate_width: int, style: Style) -> tuple[int, tuple[tuple[int, str, int], ...]]:
    """Width of the bars; and of each label the bar's left edge, the name, and its left edge, from the plate's."""
    pitch = _pitch(labels, plate_width, style)
    length = name_length(labels, int(pitch), style.small_cap)
    width = max(2, min(round(0.5 * pitch), round(1.1 * style.cap)))
    places = []
    for index, label in enumerate(labels):
        middle = style.pad + pitch * (index + 0.5)
        name = label[:length]
        name_left = round(middle - text_width(name, style.small_cap) / 2)
        places.append((round(middle - width / 2), name, name_left))
    return width, tuple(places)


@lru_cache(maxsize=256)
def name_length(labels: tuple[str, ...], pitch: int, cap: int) -> int:
    """Letters of each name that fit a column: all, three, as many as tell the names apart, one, or none.

    Args:
        labels: The names.
        pitch: Width of a column in pixels.
        cap: Height of a capital in pixels.

    >>> name_length(("sad", "surprise"), 100, 10), name_length(("sad", "surprise"), 30, 10)
    (8, 3)
    """
    for length in (max(map(len, labels)), 3, _distinct(labels), 1):
        if all(text_width(label[:length], cap) <= pitch - 0.35 * cap for label in labels):
            return length
    return 0


def _distinct(labels: Sequence[str]) -> int:
    """Fewest letters that tell the names apart."""
    longest = max(map(len, labels))
    return next((n for n in range(1, longest) if len({label[:n] for label in labels}) == len(labels)), longest)


def _pitch(labels: Sequence[str], width: int, style: Style) -> float:
    return (width - 2 * style.pad) / len(labels)


def _bar_height(style: Style) -> int:
    return round(1.9 * style.cap)


def _row_height(task: Task, width: int, style: Style) -> int:
    named = name_length(task.labels, int(_pitch(task.labels, width, style)), style.small_cap) > 0
    return _bar_height(style) + (style.gap + style.small_cap if named else 0)
