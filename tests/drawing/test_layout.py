"""Where things go: nothing leaves the picture, nothing covers what it need not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from math import sin

import pytest

from smiledet.drawing.card import TextLine
from smiledet.drawing.geometry import Rect
from smiledet.drawing.layout import FaceLayout, Seat, arrange, expression_zone, lay_out_face
from smiledet.drawing.style import Style
from smiledet.drawing.text import text_width
from smiledet.frame import Box, Face, FaceReading, Prediction
from smiledet.tasks.base import Task, get_task

SIZES = [(320, 240), (640, 480), (1280, 720), (1080, 1920), (3840, 2160)]
PLACES = {
    "middle": (0.4, 0.4, 0.25),
    "left edge": (0.0, 0.4, 0.25),
    "right edge": (0.8, 0.4, 0.25),
    "top": (0.4, 0.0, 0.25),
    "bottom": (0.4, 0.75, 0.25),
    "top left, partly outside": (-0.1, -0.1, 0.25),
    "bottom right, partly outside": (0.9, 0.9, 0.25),
    "huge": (0.05, 0.02, 0.95),
    "larger than the picture": (-0.5, -0.5, 2.5),
}


def box_in(size: tuple[int, int], place: str) -> tuple[float, float, float, float]:
    """A square box by its corner and side in shares of the picture."""
    x, y, side = PLACES[place]
    return x * size[0], y * size[1], side * size[1], side * size[1]


def inside(rect: Rect, outer: Rect) -> bool:
    return outer.x <= rect.x and outer.y <= rect.y and rect.right <= outer.right and rect.bottom <= outer.bottom


def word_area(word: TextLine, cap: int) -> Rect:
    return Rect(word.x, word.baseline - cap, text_width(word.text, cap), cap)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_everything_lies_inside_the_picture(size, place, reading, tasks) -> None:
    layout = lay_out_face(reading(box_in(size, place), track=12), tasks, size, Style.of(*size))
    assert layout is not None
    picture, cap = Rect(0, 0, *size), layout.style.cap
    card = layout.card
    assert inside(card.area, picture) and inside(layout.box, picture)
    assert card.plate is not None and inside(card.plate, card.area) and inside(card.badge, card.area)
    assert inside(word_area(card.number, cap), card.badge)
    assert card.rows[0].label.text == "smiling"
    for row in card.rows:
        assert inside(word_area(row.label, cap), card.plate) and inside(row.bar, card.plate)
        assert row.score is None or inside(word_area(row.score, cap), card.plate)
        assert row.score is None or row.score.x >= row.label.x + text_width(row.label.text, cap)
    if layout.strip is not None:
        assert inside(layout.strip.plate, picture)
        for column in layout.strip.columns:
            assert inside(column.bar, column.track) and inside(column.track, layout.strip.plate)
            name = TextLine(column.name, column.name_x, column.baseline)
            assert not name.text or inside(word_area(name, layout.style.small_cap), layout.strip.plate)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_card_stands_above_and_strip_below_a_face_with_room(size, reading, tasks) -> None:
    layout = lay_out_face(reading(box_in(size, "middle")), tasks, size, Style.of(*size))
    assert layout is not None and layout.strip is not None
    assert layout.card.area.bottom <= layout.box.y
    assert layout.strip.plate.y >= layout.box.bottom
    assert [row.score.text for row in layout.card.rows if row.score] == ["0.90", "0.90"]
    assert len(layout.strip.columns) == 7


def test_strip_is_as_wide_as_the_box(reading, tasks) -> None:
    layout = lay_out_face(reading((200, 150, 160, 160)), tasks, (640, 480), Style.of(640, 480))
    assert layout is not None and layout.strip is not None
    assert (layout.strip.plate.x, layout.strip.plate.width) == (200, 160)


@pytest.mark.parametrize("place", ["middle", "left edge", "right edge", "top", "bottom"])
def test_eyes_and_mouth_stay_visible(place, reading, tasks) -> None:
    size = (1280, 720)
    face = reading(box_in(size, place))
    layout = lay_out_face(face, tasks, size, Style.of(*size))
    assert layout is not None
    assert [plate.overlap(expression_zone(face.face.box, size)) for plate in layout.plates] == [0] * len(layout.plates)


def test_chosen_class_has_the_highest_bar(reading, tasks) -> None:
    layout = lay_out_face(reading((200, 150, 160, 160), emotion="sad"), tasks, (640, 480), Style.of(640, 480))
    assert layout is not None and layout.strip is not None
    highest = max(layout.strip.columns, key=lambda column: column.bar.height)
    assert highest.chosen and highest.name.startswith("s") and highest.colour == tasks[1].colours["sad"]
    assert sum(column.chosen for column in layout.strip.columns) == 1


def test_a_tiny_face_has_a_card_and_no_strip(reading, tasks) -> None:
    layout = lay_out_face(reading((150, 120, 20, 20)), tasks, (320, 240), Style.of(320, 240))
    assert layout is not None
    assert layout.strip is None and len(layout.card.rows) == 2


def test_a_face_outside_the_picture_is_left_out(reading, tasks) -> None:
    assert arrange([reading((-90, 10, 80, 80))], tasks, (640, 480), Style.of(640, 480)) == []


def test_a_face_without_labels_has_its_number_alone(unread, tasks) -> None:
    layout = lay_out_face(unread((200, 150, 160, 160), track=3), tasks, (640, 480), Style.of(640, 480))
    assert layout is not None
    assert layout.card.number.text == "#3"
    assert layout.card.plate is None and layout.card.rows == () and layout.strip is None


def test_plates_of_neighbours_do_not_cover_each_other(reading, tasks) -> None:
    size = (1280, 720)
    faces = [reading((100 + 130 * index, 300, 110, 110), track=index + 1) for index in range(6)]
    layouts = arrange(faces, tasks, size, Style.of(*size))
    plates = [plate for layout in layouts for plate in layout.plates]
    assert len(layouts) == 6
    assert [pair for pair in combinations(plates, 2) if pair[0].overlap(pair[1])] == []
    zones = [expression_zone(face.face.box, size) for face in faces]
    assert [(plate, zone) for plate in plates for zone in zones if plate.overlap(zone)] == []


def test_reserved_plates_are_kept_clear(reading, tasks) -> None:
    size, reserved = (640, 480), Rect(0, 0, 640, 200)
    (layout,) = arrange([reading((250, 205, 120, 120))], tasks, size, Style.of(*size), [reserved])
    assert [plate.overlap(reserved) for plate in layout.plates] == [0, 0]


def test_any_number_of_tasks(reading, tasks) -> None:
    ages = Task("age", ("child", "adult", "elder"), {})
    sex = Task("gender", ("woman", "man"), {"woman": (1, 2, 3), "man": (3, 2, 1)})
    face = reading((500, 250, 200, 200))
    more = {
        "age": Prediction.of(ages.labels, [0.1, 0.7, 0.2]),
        "gender": Prediction.of(sex.labels, [0.8, 0.2]),
    }
    face = FaceReading(face.face, {**face.predictions, **more})
    layout = lay_out_face(face, [sex, *tasks, ages], (1280, 720), Style.of(1280, 720))
    assert layout is not None and layout.strip is not None
    assert [row.label.text for row in layout.card.rows] == ["woman", "smiling", "happy", "adult"]
    assert layout.colour == (1, 2, 3)
    assert len(layout.strip.columns) == 7 + 3


def test_a_number_has_its_unit_and_no_strip(reading) -> None:
    age = get_task("age")
    scores = [float(label == "34") for label in age.labels]
    face = FaceReading(reading((500, 250, 200, 200)).face, {"age": age.predict(scores)})
    layout = lay_out_face(face, [age], (1280, 720), Style.of(1280, 720))
    assert layout is not None and layout.strip is None
    assert [row.label.text for row in layout.card.rows] == ["34 years"]


def test_a_long_label_is_shortened_to_the_picture() -> None:
    task = Task("novel", ("a label much longer than any picture of this size is wide at all", "b"), {})
    face = FaceReading(
        Face(Box(100, 100, 80, 80), 1.0, 1, Box(100, 100, 80, 80)),
        {"novel": Prediction.of(task.labels, [0.6, 0.4])},
    )
    layout = lay_out_face(face, [task], (320, 240), Style.of(320, 240))
    assert layout is not None and layout.card.plate is not None
    assert layout.card.rows[0].label.text.endswith("...")
    assert inside(word_area(layout.card.rows[0].label, layout.style.cap), layout.card.plate)


def test_letters_grow_with_the_picture_and_stay_readable() -> None:
    caps = [Style.of(*size).cap for size in ((160, 120), (320, 240), (640, 480), (1280, 720), (3840, 2160))]
    assert caps == sorted(caps)
    assert caps[1] >= 8 and caps[-1] >= 28
    assert Style.of(320, 240).beside(20).cap == Style.of(320, 240).cap
    assert Style.of(3840, 2160).beside(60).cap < Style.of(3840, 2160).cap


def rocking(frames: int = 90) -> list[tuple[float, float, float, float]]:
    """The boxes of a large face that nods and comes nearer by a few pixels, as Viola-Jones reports it."""
    return [
        (150 + 6 * sin(number), 28 + 14 * sin(number / 5), 292 + 8 * sin(2 * number), 292 + 8 * sin(2 * number))
        for number in range(frames)
    ]


def moves(layouts: list[FaceLayout]) -> int:
    """How often the card or the strip of a face came to stand elsewhere."""
    return sum(before.seat != after.seat for before, after in pairwise(layouts))


def follow(boxes, reading, tasks, size) -> list[FaceLayout]:
    """Lay out one face picture after picture, each knowing the one before."""
    seats: dict[int, Seat] = {}
    layouts = []
    for box in boxes:
        (layout,) = arrange([reading(box, track=7)], tasks, size, Style.of(*size), seats=seats)
        layouts.append(layout)
        seats = {layout.track: layout.seat}
    return layouts


def test_plates_do_not_flash_between_two_places(reading, tasks) -> None:
    size = (600, 360)
    alone = [arrange([reading(box, track=7)], tasks, size, Style.of(*size))[0] for box in rocking()]
    assert moves(alone) >= 8, "the boxes are chosen so that each picture for itself puts the plates now here, now there"
    assert moves(follow(rocking(), reading, tasks, size)) <= 1


def test_plates_go_where_there_is_room_when_the_face_moves_far(reading, tasks) -> None:
    size = (640, 480)
    path = [(240.0, 20.0 + 2 * step, 120.0, 120.0) for step in range(170)]
    first, *_, last = follow(path, reading, tasks, size)
    assert first.card.area.y < first.box.bottom < last.card.area.bottom
    for layout in (first, last):
        assert layout.strip is not None
        zone = expression_zone(Box(*layout.box), size)
        assert not layout.card.area.overlap(zone) and not layout.strip.plate.overlap(zone)


def test_a_strip_that_there_was_no_label_for_is_not_held_back(reading, tasks) -> None:
    size, box = (640, 480), (240.0, 160.0, 120.0, 120.0)
    unread = replace(reading(box), predictions={})
    (before,) = arrange([unread], tasks, size, Style.of(*size))
    (after,) = arrange([reading(box)], tasks, size, Style.of(*size), seats={1: before.seat})
    assert before.strip is None and after.strip is not None
