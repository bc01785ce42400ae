"""Dark and over-exposed pictures: read as in usual light, which itself changes nothing."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from smiledet import FaceReader
from smiledet.config import Config
from smiledet.exposure import Exposure, Levels, even_out, measure, table_of
from smiledet.pipeline import Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import scene


def dark(image, gain=0.12):
    return cv2.convertScaleAbs(image, alpha=gain)


@pytest.mark.parametrize("index", range(0, 300, 37))
def test_usual_light_is_left_alone(index):
    grey = cv2.cvtColor(scene(index), cv2.COLOR_BGR2GRAY)
    assert table_of(measure(grey)) is None
    assert even_out(grey, None) is grey


@pytest.mark.parametrize("gain", [0.3, 0.12, 0.06])
def test_a_dark_picture_is_stretched_to_the_full_range(gain):
    grey = cv2.cvtColor(scene(0), cv2.COLOR_BGR2GRAY)
    table = table_of(measure(dark(grey, gain)))
    assert table is not None and (np.diff(table.astype(int)) >= 0).all()
    evened = measure(even_out(dark(grey, gain), table))
    assert evened.low < 10 and evened.high > 240


def test_noise_alone_is_not_blown_up():
    noise = np.random.default_rng(3).integers(0, 3, (90, 120), np.uint8)
    evened = even_out(noise, table_of(measure(noise)))
    assert evened.max() < 80


def test_an_over_exposed_picture_spreads_its_lights():
    levels = Levels(150, 250, 255)
    table = table_of(levels)
    assert table is not None
    assert table[255] == 255 and table[245] < 200


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (Levels(10, 120, 230), None),
        (Levels(0, 50, 90), None),  # the limits themselves are usual light
        (Levels(0, 225, 250), None),
        (Levels(20, 40, 70), {0: 0, 20: 0, 30: 51, 45: 127, 60: 204, 70: 255, 255: 255}),
        (Levels(0, 2, 4), {0: 0, 2: 42, 4: 85, 6: 127, 12: 255}),  # no fewer than twelve levels are stretched
        (Levels(200, 226, 240), {200: 0, 210: 3, 220: 31, 230: 107, 240: 255, 255: 255}),
        (Levels(50, 226, 89), {50: 0, 70: 130, 89: 255}),  # dark counts before bright
    ],
)
def test_tables(levels, expected):
    table = table_of(levels)
    assert (table is None) == (expected is None)
    assert table is None or {level: int(table[level]) for level in expected} == expected


def test_levels_are_of_every_eighth_pixel():
    grey = np.zeros((80, 80), np.uint8)
    grey[::8, ::8] = np.arange(100).reshape(10, 10)
    assert measure(grey) == Levels(0, 49, 98)
    assert measure(grey[1:, 1:]) == Levels(0, 0, 0)


class TestVideo:
    def test_the_table_holds_still_at_the_limit(self):
        """Light about the limit neither switches the correction on and off nor makes it jump."""
        exposure, states = Exposure(), []
        for frame in range(60):
            grey = np.tile(np.linspace(0, 86 + 8 * (frame % 2), 160, dtype=np.uint8), (120, 1))
            states.append(exposure.table(grey, frame / 30))
        assert all(table is not None for table in states)
        steps = [np.abs(one.astype(int) - other).max() for one, other in pairwise(states[30:])]
        assert max(steps) <= 3

    def test_a_lamp_that_is_switched_is_followed_at_once(self):
        exposure = Exposure()
        light = np.tile(np.arange(0, 240, dtype=np.uint8), (120, 1))
        assert exposure.table(light, 0.0) is None
        assert exposure.table(dark(light), 1 / 30) is not None
        assert exposure.table(light, 2 / 30) is None

    @pytest.mark.parametrize(("before", "expected"), [((0, 60), True), ((0, 200), False)])
    def test_light_between_the_limits_leaves_a_video_as_it_was(self, before, expected):
        """Of 90 to 110 a dark one stays corrected, and another is not."""
        exposure = Exposure()
        for frame in range(120):
            table = exposure.table(ramp(*(before if frame < 4 else (0, 100))), frame / 30)
        assert (table is not None) == expected

    @pytest.mark.parametrize(("before", "expected"), [(250, True), (150, False)])
    def test_so_does_brightness_between_its_limits(self, before, expected):
        """Of a median of 210 to 225."""
        exposure = Exposure()
        for frame in range(120):
            table = exposure.table(ramp(before - 5, before + 5) if frame < 4 else ramp(212, 222), frame / 30)
        assert (table is not None) == expected

    def test_levels_come_near_in_half_a_second(self):
        """As far as a mean with that time constant does: 63 %."""
        exposure = Exposure()
        exposure.table(ramp(0, 60), 0.0)
        for frame in range(1, 16):
            table = exposure.table(ramp(0, 80), frame / 30)
        first, last = (measure(ramp(0, level)).high for level in (60, 80))
        assert white_of(table) == pytest.approx(first + (last - first) * (1 - np.exp(-1)), abs=1.5)

    @pytest.mark.parametrize(("level", "at_once"), [(60, False), (85, True)])
    def test_a_ratio_tells_a_switched_lamp_from_a_passing_cloud(self, level, at_once):
        exposure = Exposure()
        exposure.table(ramp(0, 45), 0.0)
        table = exposure.table(ramp(0, level), 1 / 30)
        assert (abs(white_of(table) - measure(ramp(0, level)).high) <= 1) == at_once


def white_of(table):
    """The lowest level that becomes white."""
    return int(np.argmax(table == 255))


def ramp(low, high):
    """A picture with all grey levels of a range."""
    return np.tile(np.linspace(low, high, 160).round().astype(np.uint8), (120, 1))


@pytest.mark.parametrize("detector", ["auto", "haar"])
def test_a_dark_photograph_is_read_as_a_light_one(detector):
    with FaceReader(detector=detector) as reader:
        light, unlit = reader.read(scene(0)), reader.read(dark(scene(0)))
        colour = FaceReader(("emotion",), model={"emotion": "mobilenet-075"}, detector=detector)
    assert [face.smile.label for face in unlit] == [face.smile.label for face in light]
    assert [face.emotion.label for face in unlit] == [face.emotion.label for face in light]
    with colour:
        assert colour.read(dark(scene(0))).faces[0].emotion.label == "happy"


class DarkDemo(Source):
    live = False
    description = "the demo at an eighth of its light"

    def open(self) -> None:
        self._next = 0

    def read(self) -> Picture | None:
        self._next += 1
        return Picture(dark(scene(self._next)), self._next / 30) if self._next <= 20 else None

    def close(self) -> None: ...


class Kept(Sink):
    description = "kept"

    def open(self) -> None:
        self.readings, self.images = [], []

    def write(self, frame, annotation) -> None:
        self.readings.append(annotation.readings)
        self.images.append(annotation.image)

    def close(self) -> None: ...


def test_a_dark_video_is_read_and_shown_as_it_is():
    source, kept = DarkDemo(), Kept()
    with source, kept:
        Pipeline(Config(), source, [kept]).run()
    assert len(kept.readings) == 20
    assert all(len(faces) == 2 for faces in kept.readings[5:])
    assert {face.smile.label for face in kept.readings[-1]} == {"smiling", "not smiling"}
    assert measure(cv2.cvtColor(kept.images[-1], cv2.COLOR_BGR2GRAY)).middle < 40
