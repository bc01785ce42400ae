"""The whole: any picture, any faces, and a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smiledet.drawing import StatsLine, annotate
from smiledet.drawing.layout import arrange, lay_out_face
from smiledet.drawing.style import DOUBT, UNKNOWN, Style
from smiledet.frame import FaceReading, Prediction
from smiledet.tasks.base import UNSURE

SIZES = [(320, 240), (640, 480), (1280, 720), (3840, 2160)]
STATS = StatsLine(fps=29.97, latency_ms=41.3, device="litert, CPU", dropped=12, faces=3, extra="MobileNet 0.25")
# x, y and side in shares of the picture's width, height and height; a side above 1 is in pixels.
FACES = {
    "middle": (0.4, 0.4, 0.3),
    "left": (0.0, 0.4, 0.3),
    "right": (0.85, 0.4, 0.3),
    "top": (0.4, 0.0, 0.3),
    "bottom": (0.4, 0.7, 0.3),
    "partly outside": (-0.1, -0.1, 0.4),
    "all outside": (1.5, 1.5, 0.3),
    "tiny": (0.5, 0.5, 20),
    "a few pixels": (0.5, 0.5, 3),
    "huge": (0.1, 0.0, 1.0),
}


def box_of(size: tuple[int, int], place: str) -> tuple[float, float, float, float]:
    x, y, side = FACES[place]
    side = side if side > 1 else side * size[1]
    return x * size[0], y * size[1], side, side


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("place", FACES)
def test_a_face_anywhere_is_drawn_on_a_copy(size, place, picture, reading, tasks) -> None:
    image = picture(*size)
    before = image.copy()
    annotated = annotate(image, [reading(box_of(size, place))], tasks)
    assert annotated.shape == image.shape and annotated.dtype == np.uint8
    assert not np.shares_memory(annotated, image)
    np.testing.assert_array_equal(image, before)
    assert (annotated != image).any() == (place != "all outside")


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (16, 16), (40, 30), (64, 48)], ids=str)
def test_pictures_of_a_few_pixels_do_no_harm(size, picture, reading, unread, tasks) -> None:
    width, height = size
    for face in (reading((0, 0, width, height)), unread((0, 0, width, height), track=123456)):
        annotated = annotate(picture(width, height), [face], tasks, STATS)
        assert annotated.shape == (height, width, 3)


def test_a_picture_without_faces_or_figures_comes_back_as_it_is(picture, tasks) -> None:
    image = picture(320, 240)
    np.testing.assert_array_equal(annotate(image, [], tasks), image)


def test_a_picture_seen_in_a_mirror_is_drawn_alike(picture, reading, tasks) -> None:
    mirrored = picture(320, 240)[:, ::-1]
    face = reading((100, 80, 90, 90))
    expected = annotate(np.ascontiguousarray(mirrored), [face], tasks, STATS)
    np.testing.assert_array_equal(annotate(mirrored, [face], tasks, STATS), expected)


def test_the_same_input_gives_the_same_picture(picture, reading, tasks) -> None:
    faces = [reading((60, 80, 90, 90)), reading((300, 100, 120, 120), track=2, smile="not smiling")]
    first = annotate(picture(640, 480), faces, tasks, STATS)
    np.testing.assert_array_equal(annotate(picture(640, 480), faces, tasks, STATS), first)


def test_an_answer_that_is_unsure_is_drawn_muted(picture, reading, tasks) -> None:
    face = reading((250, 200, 140, 140), smile="smiling")
    unsure = replace(face.predictions["smile"], label=UNSURE)
    doubtful = replace(face, predictions={**face.predictions, "smile": unsure})
    layout = lay_out_face(doubtful, tasks, (640, 480), Style.of(640, 480))
    assert layout.colour == DOUBT and layout.card.rows[0].faint and not layout.card.rows[1].faint
    assert layout.card.rows[0].label.text == UNSURE
    assert (annotate(picture(640, 480), [doubtful], tasks) != annotate(picture(640, 480), [face], tasks)).any()


@pytest.mark.parametrize("smile", ["smiling", "not smiling"])
def test_box_and_badge_take_the_colour_of_the_first_label(smile, picture, reading, tasks) -> None:
    face = reading((250, 200, 140, 140), smile=smile)
    annotated = annotate(picture(640, 480), [face], tasks)
    badge = lay_out_face(face, tasks, (640, 480), Style.of(640, 480)).card.badge
    assert tuple(annotated[badge.y + 1, badge.x + badge.width // 2]) == tasks[0].colours[smile]
    assert (annotated[200:340, 250:390] == tasks[0].colours[smile]).all(axis=2).sum() > 60


def test_every_emotion_looks_different(picture, reading, tasks) -> None:
    pictures = {
        emotion: annotate(picture(640, 480), [reading((250, 200, 140, 140), emotion=emotion)], tasks).tobytes()
        for emotion in tasks[1].labels
    }
    assert len(set(pictures.values())) == 7


def test_the_score_shows(picture, reading, tasks) -> None:
    sure = reading((250, 200, 140, 140))
    score = {"not smiling": 0.45, "smiling": 0.55}
    unsure = FaceReading(sure.face, {**sure.predictions, "smile": Prediction("smiling", 0.55, score)})
    assert (annotate(picture(640, 480), [sure], tasks) != annotate(picture(640, 480), [unsure], tasks)).any()


def test_a_face_without_labels_gets_a_box_and_a_number(picture, unread, tasks) -> None:
    image = picture(640, 480)
    annotated = annotate(image, [unread((250, 200, 140, 140), track=3)], tasks)
    assert (annotated[200:340, 250:390] == UNKNOWN).all(axis=2).sum() > 60
    other = annotate(image, [unread((250, 200, 140, 140), track=4)], tasks)
    rows, _ = np.nonzero((annotated != other).any(axis=2))
    assert rows.size and rows.max() < 200


def test_a_label_that_the_task_does_not_know(picture, reading, tasks) -> None:
    face = reading((250, 200, 140, 140))
    odd = FaceReading(face.face, {name: Prediction("übermütig", 0.5, {}) for name in ("smile", "emotion", "weather")})
    annotated = annotate(picture(640, 480), [odd], tasks)
    assert (annotated[200:340, 250:390] == UNKNOWN).all(axis=2).sum() > 60


def test_no_box_runs_through_the_text_of_another_face(picture, reading, tasks) -> None:
    size = (640, 480)
    faces = [reading((200, 200, 100, 100)), reading((205, 30, 110, 110), track=2, smile="not smiling")]
    below, above = arrange(faces, tasks, size, Style.of(*size))
    badge = below.card.badge
    assert badge.overlap(above.box)
    part = annotate(picture(*size), faces, tasks)[badge.y : badge.bottom, badge.x : badge.right]
    part = part[:, below.style.radius : -below.style.radius]  # the corners are round: what lies below shows there
    assert not (part == tasks[0].colours["not smiling"]).all(axis=2).any()
