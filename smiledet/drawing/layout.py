"""Where everything about a face goes: pure arithmetic on rectangles, so that it can be tested without a picture.

A face has a box, a card (its track's number and a row of label, score and bar a task) and, for tasks of more than two
classes, a strip of small bars. The card likes to stand above the box and the strip below; where the picture ends, or
another face is in the way, they go elsewhere, and in a crowd they say less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smiledet.drawing.card import Card, Detail, Shown, card_size, fill_card, rows_of
from smiledet.drawing.geometry import Rect, Size
from smiledet.drawing.strip import Strip, fill_strip, strip_size
from smiledet.drawing.style import UNKNOWN, Style
from smiledet.frame import Box, FaceReading
from smiledet.tasks.base import Colour, Task


@dataclass(frozen=True, slots=True)
class FaceLayout:
    """Everything that is drawn for one face; `box` is the part of the face's box inside the picture."""

    style: Style
    box: Rect
    colour: Colour
    card: Card
    strip: Strip | None

    @property
    def plates(self) -> tuple[Rect, ...]:
        """What later faces should keep clear of."""
        return (self.card.area,) if self.strip is None else (self.card.area, self.strip.plate)


def arrange(
    readings: Sequence[FaceReading],
    tasks: Sequence[Task],
    size: Size,
    style: Style,
    reserved: Sequence[Rect] = (),
) -> list[FaceLayout]:
    """Lay out all faces of a picture so that they disturb each other as little as may be.

    Args:
        readings: The faces, in a steady order: earlier ones get the better places.
        tasks: What to show of each, the most important first.
        size: The picture's.
        style: Sizes.
        reserved: Plates that are there already.
    """
    zones = [expression_zone(reading.face.box, size) for reading in readings]
    taken = list(reserved)
    layouts = []
    for index, reading in enumerate(readings):
        layout = lay_out_face(reading, tasks, size, style, zones[:index] + zones[index + 1 :], taken)
        if layout is not None:
            taken.extend(layout.plates)
            layouts.append(layout)
    return layouts


def lay_out_face(
    reading: FaceReading,
    tasks: Sequence[Task],
    size: Size,
    style: Style,
    faces: Sequence[Rect] = (),
    taken: Sequence[Rect] = (),
) -> FaceLayout | None:
    """Lay out one face; None where its box lies outside the picture.

    Args:
        reading: The face.
        tasks: What to show, the most important first; what was not read yet is left out.
        size: The picture's.
        style: Sizes.
        faces: Parts of other faces that had better stay visible.
        taken: Plates that are there already.
    """
    left, top, right, bottom = reading.face.box.clipped(*size)
    if left >= right or top >= bottom:
        return None
    box = Rect(left, top, right - left, bottom - top)
    own = expression_zone(reading.face.box, size)
    style = style.beside(reading.face.box.width)
    shown = [(task, reading.predictions[task.name]) for task in tasks if task.name in reading.predictions]
    colour = shown[0][0].colours.get(shown[0][1].label, UNKNOWN) if shown else UNKNOWN
    hindrances = [
        # A part of the face, however large that is: a face that fills the picture must bear some plates.
        (box, 20 * style.cap**2 / box.area),
        (own, 60 * style.cap**2 / max(1, own.area)),
        *((face, 1.5) for face in faces),
        *((plate, 4.0) for plate in taken),
    ]
    card = _place_card(reading.face.track, shown, box, size, style, hindrances)
    strip = _place_strip(shown, box, card.area, size, style, [*hindrances, (card.area, 4.0)])
    return FaceLayout(style, box, colour, card, strip)


def expression_zone(box: Box, size: Size) -> Rect:
    """The part of a face's box with eyes and mouth, inside the picture: what plates should not cover."""
    zone = Box(box.x + 0.08 * box.width, box.y + 0.2 * box.height, 0.84 * box.width, 0.74 * box.height)
    left, top, right, bottom = zone.clipped(*size)
    return Rect(left, top, max(0, right - left), max(0, bottom - top))


Hindrance = tuple[Rect, float]
"""A rectangle that had better not be covered, and what covering a pixel of it costs."""


def _place_card(
    track: int, shown: Sequence[Shown], box: Rect, size: Size, style: Style, hindrances: Sequence[Hindrance]
) -> Card:
    """The card where it hinders least; a worse place is preferred to saying less."""
    number = f"#{track}"
    best, best_cost, best_detail = Rect(0, 0, 0, 0), float("inf"), Detail.FULL
    for detail in Detail if shown else (Detail.FULL,):
        rows = rows_of(shown, detail, size, style)
        width, height = card_size(number, rows, detail, box, size, style)
        for rank, (x, y) in enumerate(_around(box, width, height, style.gap)):
            area = Rect(x, y, width, height).kept_in(size, style.margin)
            covered = _covered(area, hindrances)
            cost = covered + (0.4 * rank + 2.5 * detail) * style.cap**2
            if cost < best_cost:
                best, best_cost, best_detail = area, cost, detail
            if covered == 0:
                return fill_card(best, number, rows_of(shown, best_detail, size, style), best_detail, style)
    return fill_card(best, number, rows_of(shown, best_detail, size, style), best_detail, style)


def _around(box: Rect, width: int, height: int, gap: int) -> Iterator[tuple[int, int]]:
    """Places for a card, the best first: above, at the sides, below."""
    yield box.x, box.y - gap - height
    yield box.right - width, box.y - gap - height
    yield box.right + gap, box.y
    yield box.x - gap - width, box.y
    yield box.x, box.bottom + gap


def _place_strip(
    shown: Sequence[Shown], box: Rect, card: Rect, size: Size, style: Style, hindrances: Sequence[Hindrance]
) -> Strip | None:
    """The strip where it hinders least; None where there is none to show, or no place that would do."""
    many = [(task, prediction) for task, prediction in shown if len(task.labels) > 2 and task.numbers is None]
    if not many or (needed := strip_size(many, box.width, size, style)) is None:
        return None
    width, height = needed
    below = max(box.bottom, card.bottom) if card.y >= box.bottom else box.bottom
    above = min(box.y, card.y) if card.bottom <= box.y else box.y
    x = box.x if width <= box.width else box.x + (box.width - width) // 2
    places = (
        (x, below + style.gap),
        (box.right + style.gap, box.bottom - height),
        (box.x - style.gap - width, box.bottom - height),
        (x, above - style.gap - height),
    )
    best, best_cost = None, 0.4 * width * height
    for rank, (left, top) in enumerate(places):
        area = Rect(left, top, width, height).kept_in(size, style.margin)
        covered = _covered(area, hindrances)
        cost = covered + 0.4 * rank * style.cap**2
        if cost < best_cost:
            best, best_cost = area, cost
        if covered == 0:
            break
    return None if best is None else fill_strip(many, best, style)


def _covered(area: Rect, hindrances: Sequence[Hindrance]) -> float:
    """What putting a plate there costs, in pixels."""
    left, top, right, bottom = area.x, area.y, area.right, area.bottom
    total = 0.0
    # Most do not meet at all: tested before anything is computed, for this is the inner loop of the layout.
    for (x, y, width, height), cost in hindrances:
        if x < right and y < bottom and left < x + width and top < y + height:
            total += cost * (min(right, x + width) - max(left, x)) * (min(bottom, y + height) - max(top, y))
    return total
