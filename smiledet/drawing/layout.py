"""Where everything about a face goes: pure arithmetic on rectangles, so that it can be tested without a picture.

A face has a box, a card (its track's number and a row of label, score and bar a task) and, for tasks of more than two
classes, a strip of small bars. The card likes to stand above the box and the strip below; where the picture ends, or
another face is in the way, they go elsewhere, and in a crowd they say less. In a video they stay where they stood on
the last picture unless another place has become clearly better: on the border between two they would flash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from smiledet.drawing.card import Card, Detail, Shown, card_size, fill_card, rows_of
from smiledet.drawing.geometry import Rect, Size
from smiledet.drawing.strip import Strip, fill_strip, strip_size
from smiledet.drawing.style import UNKNOWN, Style, colour_of
from smiledet.frame import Box, FaceReading
from smiledet.tasks.base import Colour, Task

STAY = 6.0
"""What leaving the last picture's place costs, in squares of a capital's height: about half of what a strip across a
face's eyes and mouth costs. On four clips it takes the places' changes from 92 to 3."""


class Seat(NamedTuple):
    """Which of the possible places the plates of a face have.

    Attributes:
        detail: How much the card says.
        card: Its place, counted in the order of `_around`.
        strip: The strip's, counted in that of `_place_strip`; None for no strip.
    """

    detail: Detail
    card: int
    strip: int | None


@dataclass(frozen=True, slots=True)
class FaceLayout:
    """Everything that is drawn for one face; `box` is the part of the face's box inside the picture."""

    track: int
    style: Style
    box: Rect
    colour: Colour
    card: Card
    strip: Strip | None
    seat: Seat

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
    seats: Mapping[int, Seat] | None = None,
) -> list[FaceLayout]:
    """Lay out all faces of a picture so that they disturb each other as little as may be.

    Args:
        readings: The faces, in a steady order: earlier ones get the better places.
        tasks: What to show of each, the most important first.
        size: The picture's.
        style: Sizes.
        reserved: Plates that are there already.
        seats: Where each track's plates stood on the picture before; None where there was none.
    """
    zones = [expression_zone(reading.face.box, size) for reading in readings]
    taken = list(reserved)
    layouts = []
    for index, reading in enumerate(readings):
        others = zones[:index] + zones[index + 1 :]
        seat = seats.get(reading.face.track) if seats else None
        layout = lay_out_face(reading, tasks, size, style, others, taken, seat)
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
    seat: Seat | None = None,
) -> FaceLayout | None:
    """Lay out one face; None where its box lies outside the picture.

    Args:
        reading: The face.
        tasks: What to show, the most important first; what was not read yet is left out.
        size: The picture's.
        style: Sizes.
        faces: Parts of other faces that had better stay visible.
        taken: Plates that are there already.
        seat: Where the plates stood on the picture before.
    """
    left, top, right, bottom = reading.face.box.clipped(*size)
    if left >= right or top >= bottom:
        return None
    box = Rect(left, top, right - left, bottom - top)
    own = expression_zone(reading.face.box, size)
    style = style.beside(reading.face.box.width)
    shown = [(task, reading.predictions[task.name]) for task in tasks if task.name in reading.predictions]
    colour = colour_of(shown[0][0], shown[0][1].label) if shown else UNKNOWN
    hindrances = [
        # A part of the face, however large that is: a face that fills the picture must bear some plates.
        (box, 20 * style.cap**2 / box.area),
        (own, 60 * style.cap**2 / max(1, own.area)),
        *((face, 1.5) for face in faces),
        *((plate, 4.0) for plate in taken),
    ]
    detail, rank, card = _place_card(reading.face.track, shown, box, size, style, hindrances, seat)
    strip = _place_strip(shown, box, card.area, size, style, [*hindrances, (card.area, 4.0)], seat)
    place, bars = strip if strip is not None else (None, None)
    return FaceLayout(reading.face.track, style, box, colour, card, bars, Seat(detail, rank, place))


def expression_zone(box: Box, size: Size) -> Rect:
    """The part of a face's box with eyes and mouth, inside the picture: what plates should not cover."""
    zone = Box(box.x + 0.08 * box.width, box.y + 0.2 * box.height, 0.84 * box.width, 0.74 * box.height)
    left, top, right, bottom = zone.clipped(*size)
    return Rect(left, top, max(0, right - left), max(0, bottom - top))


Hindrance = tuple[Rect, float]
"""A rectangle that had better not be covered, and what covering a pixel of it costs."""


def _place_card(
    track: int,
    shown: Sequence[Shown],
    box: Rect,
    size: Size,
    style: Style,
    hindrances: Sequence[Hindrance],
    seat: Seat | None,
) -> tuple[Detail, int, Card]:
    """The card where it hinders least, how much it says and which place that is; a worse place before less text."""
    number = f"#{track}"
    best, best_cost, found = Rect(0, 0, 0, 0), float("inf"), (Detail.FULL, 0)
    choices = CARDS if shown else CARDS[:AROUND]
    stay = (seat.detail, seat.card) if seat is not None else None
    places: dict[Detail, tuple[Size, tuple[tuple[int, int], ...]]] = {}
    for detail, rank in _first(stay, choices):
        cost = (0.4 * rank + 2.5 * detail + (STAY if stay not in (None, (detail, rank)) else 0.0)) * style.cap**2
        if cost >= best_cost:
            break  # whatever it covers, and so do all that come after
        if detail not in places:
            needed = card_size(number, rows_of(shown, detail, size, style), detail, box, size, style)
            places[detail] = needed, _around(box, *needed, style.gap)
        (width, height), around = places[detail]
        area = Rect(*around[rank], width, height).kept_in(size, style.margin)
        cost += _covered(area, hindrances)
        if cost < best_cost:
            best, best_cost, found = area, cost, (detail, rank)
    detail, rank = found
    return detail, rank, fill_card(best, number, rows_of(shown, detail, size, style), detail, style)


Choice = TypeVar("Choice")


def _first(one: Choice | None, choices: Sequence[Choice]) -> Iterator[Choice]:
    """Choices in their order, but for one of them, which comes first.

    That is what was chosen on the picture before. It is seldom left, and what it costs tells at once that others, the
    cheapest of which comes next, cost more.
    """
    if one is not None and one in choices:
        yield one
    yield from (choice for choice in choices if choice != one)


AROUND = 5
"""Places for a card."""

CARDS = tuple((detail, rank) for detail in Detail for rank in range(AROUND))
"""What a card may say and where, in the order of what each costs bare."""


def _around(box: Rect, width: int, height: int, gap: int) -> tuple[tuple[int, int], ...]:
    """Places for a card, the best first: above, at the sides, below."""
    return (
        (box.x, box.y - gap - height),
        (box.right - width, box.y - gap - height),
        (box.right + gap, box.y),
        (box.x - gap - width, box.y),
        (box.x, box.bottom + gap),
    )


def _place_strip(
    shown: Sequence[Shown],
    box: Rect,
    card: Rect,
    size: Size,
    style: Style,
    hindrances: Sequence[Hindrance],
    seat: Seat | None,
) -> tuple[int, Strip] | None:
    """Where the strip hinders least: which place, and the strip; None without one to show or a place that would do."""
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
    best: tuple[int, Rect] | None = None
    best_cost = 0.4 * width * height  # of having none
    last = seat.strip if seat is not None else None
    if last is not None:
        best_cost += STAY * style.cap**2
    for rank in _first(last, range(len(places))):
        cost = (0.4 * rank + (STAY if last not in (None, rank) else 0.0)) * style.cap**2
        if cost >= best_cost:
            break  # whatever it covers, and so do all that come after
        area = Rect(*places[rank], width, height).kept_in(size, style.margin)
        cost += _covered(area, hindrances)
        if cost < best_cost:
            best, best_cost = (rank, area), cost
    return None if best is None else (best[0], fill_strip(many, best[1], style))


def _covered(area: Rect, hindrances: Sequence[Hindrance]) -> float:
    """What putting a plate there costs, in pixels."""
    left, top, right, bottom = area.x, area.y, area.right, area.bottom
    total = 0.0
    # Most do not meet at all: tested before anything is computed, for this is the inner loop of the layout.
    for (x, y, width, height), cost in hindrances:
        if x < right and y < bottom and left < x + width and top < y + height:
            total += cost * (min(right, x + width) - max(left, x)) * (min(bottom, y + height) - max(top, y))
    return total
