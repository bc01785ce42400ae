"""Plates that are drawn as they were look as if they were drawn anew, on any picture, and nothing piles up."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.drawing import annotate
from smiledet.drawing.geometry import Rect
from smiledet.drawing.shapes import fill_plate, fill_rounded
from smiledet.drawing.sprite_cache import SpriteCache

AREA = Rect(10, 8, 60, 30)


def plate(image) -> None:
    fill_plate(image, AREA, 5)
    fill_rounded(image, Rect(20, 12, 20, 10), 4, (10, 200, 90))


@pytest.mark.parametrize(
    "box", [(200, 150, 160, 160), (-30, -20, 200, 200), (560, 400, 120, 120), (300, 200, 24, 24), (2, 2, 470, 470)]
)
@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1920, 1080)], ids=str)
def test_a_video_is_drawn_as_its_pictures_are_one_by_one(size, box, picture, reading, tasks) -> None:
    cache, seats = SpriteCache(), {}
    words = [("smiling", "happy"), ("smiling", "happy"), ("smiling", "sad"), ("smiling", "sad"), ("not smiling", "sad")]
    for number, (smile, emotion) in enumerate(words * 2):
        image = np.roll(picture(*size), number, axis=1)
        face = reading((box[0] + number % 3, *box[1:]), smile=smile, emotion=emotion)
        shown = annotate(image, [face], tasks, seats=dict(seats))
        drawn = annotate(image, [face], tasks, seats=seats, cache=cache)
        assert np.abs(drawn.astype(int) - shown).max() <= 2


def test_what_looks_the_same_is_drawn_twice_and_then_pressed() -> None:
    cache, calls = SpriteCache(), []

    def draw(image) -> None:
        calls.append(image.shape)
        plate(image)

    for _ in range(5):
        cache.draw(np.zeros((100, 90, 3), np.uint8), (1, "card"), "look", AREA, draw)
    # Once into the picture; for the sprite on black and on white; no more.
    assert calls == [(100, 90, 3), (38, 70, 3), (38, 70, 3)]


def test_another_look_or_plate_is_drawn_anew() -> None:
    cache, drawn = SpriteCache(), []
    for part, look in [((1, "card"), "a"), ((1, "card"), "b"), ((2, "card"), "b"), ((1, "strip"), "b")]:
        cache.draw(np.zeros((100, 90, 3), np.uint8), part, look, AREA, lambda image: drawn.append(image.shape))
    assert drawn == [(100, 90, 3)] * 4


def test_faces_that_are_gone_are_forgotten() -> None:
    cache, drawn = SpriteCache(), []
    for _ in range(3):
        cache.draw(np.zeros((100, 90, 3), np.uint8), (1, "card"), "a", AREA, lambda image: drawn.append(image.shape))
        cache.keep_only({2})
    assert drawn == [(100, 90, 3)] * 3
