"""What of the whole picture is searched: a detector that remembers what it was shown, on pictures made up."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from smiledet.detection import locator as locators
from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import create_locator
from smiledet.detection.scheduling import sweep as sweeps
from smiledet.detection.scheduling.changes import CELLS_A_FACE, CHANGED_SHARE, NOISE, ChangeDetector, cells_of
from smiledet.detection.scheduling.places import LOST_MEMORY, MAX_LOST, LostPlaces
from smiledet.detection.scheduling.sweep import SETTLING, SPREAD, Sweep, plan_slices
from smiledet.detection.search import Slice
from smiledet.frame import Box, Detection, GreyImage
from smiledet.sources.demo import PORTRAITS, backdrop, cut_out

WIDTH, HEIGHT, FPS = 640, 480, 30

INTERVAL, STILL = 0.4, 2.0

SECOND = range(1, FPS + 1)


class Recorder(FaceDetector):
    """Sees nothing, and remembers how many pixels it was shown."""

    def __init__(self) -> None:
        self.pixels: list[int] = []

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.pixels.append(image.size)
        return []


class Swept:
    """A sweep that has settled on a picture, and what each second of it searches from then on."""

    def __init__(self, picture: GreyImage, still: float = STILL) -> None:
        self.detector = Recorder()
        self.sweep = Sweep(self.detector, 0.1, still)
        self.sweep.start_over(picture)
        self.frame = 0
        self.see(picture)
        self.whole = sum(self.detector.pixels)
        self.settling = sum(self.see(picture) for _ in range(round(SETTLING * FPS))) / self.whole

    def see(self, picture: GreyImage, *known: Box) -> int:
        """Pixels searched of a picture."""
        self.detector.pixels.clear()
        self.sweep.search(picture, self.frame / FPS, INTERVAL, known)
        self.frame += 1
        return sum(self.detector.pixels)

    def second(self, draw: Callable[[int], GreyImage], *known: Box) -> float:
        """Whole pictures' worth of pixels searched in a second."""
        return sum(self.see(draw(number), *known) for number in SECOND) / self.whole


def scenery(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> GreyImage:
    """Smooth clouds of grey, 40 to 200."""
    chance = np.random.default_rng(seed)
    coarse = chance.uniform(40, 200, (height // 20 + 2, width // 20 + 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255), np.uint8)


def noisy(picture: GreyImage, seed: int, sigma: float = 5.0) -> GreyImage:
    """The picture as a sensor in poor light sees it."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.asarray((picture + noise).round().clip(0, 255), np.uint8)


def with_patch(picture: GreyImage, box: Box, seed: int = 7) -> GreyImage:
    left, top, right, bottom = box.clipped(picture.shape[1], picture.shape[0])
    changed = picture.copy()
    changed[top:bottom, left:right] = scenery(seed, bottom - top, right - left)
    return changed


PICTURE = scenery()
PATCH = Box(300, 200, 80, 80)


class TestSpread:
    """A new scene of a live source: no picture waits for a scan."""

    @pytest.fixture(autouse=True)
    def _note_what_is_searched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.searched: list[Slice] = []

        def note(_: FaceDetector, grey: GreyImage, part: Slice) -> list[Detection]:
            self.searched.append(part)
            return []

        monkeypatch.setattr(sweeps, "scan_part", note)
        self.slices = plan_slices(WIDTH, HEIGHT, round(0.1 * HEIGHT))

    def test_a_new_scene_is_searched_whole_without_a_scan(self) -> None:
        sweep = Sweep(Recorder(), 0.1, STILL, spread=True)
        for begun in (1.8e9, 1.8e9 + 60):  # a camera's times are Unix times
            self.searched.clear()
            counts = [0]
            sweep.start_over(PICTURE)
            for frame in range(round(SPREAD * FPS) + 1):
                assert sweep.search(PICTURE, begun + frame / FPS, 4.0, ()) == []
                counts.append(len(self.searched))
            assert counts[1] == 1 and np.diff(counts).max() == 1
            assert {*self.searched} == {*self.slices}

    def test_a_slow_source_is_searched_in_the_same_time(self) -> None:
        sweep = Sweep(Recorder(), 0.1, STILL, spread=True)
        sweep.start_over(PICTURE)
        for frame in range(3):
            sweep.search(PICTURE, frame / 5, 4.0, ())
        assert {*self.searched} == {*self.slices}


class TestChanges:
    def test_a_new_scene_is_looked_at_twice(self) -> None:
        """Viola-Jones may see on the second look what it missed on the first, though nothing has changed."""
        swept = Swept(PICTURE)
        assert 0.9 < swept.settling < 2.5  # a round of overlapping slices
        swept.sweep.start_over(PICTURE)
        assert swept.second(lambda _: PICTURE) == pytest.approx(1 + swept.settling, abs=0.5)

    def test_a_still_picture_is_not_searched_again(self) -> None:
        assert Swept(PICTURE).second(lambda _: PICTURE) == 0

    def test_nor_is_one_with_noise(self) -> None:
        assert Swept(noisy(PICTURE, 0)).second(lambda number: noisy(PICTURE, number)) == 0

    def test_an_interval_of_nothing_searches_everything_all_the_time(self) -> None:
        """What the tests beside this one compare with: two and a half rounds of overlapping slices."""
        assert Swept(PICTURE, still=0.0).second(lambda _: PICTURE) > 2

    def test_unchanged_slices_come_round_at_a_slower_pace(self) -> None:
        swept = Swept(PICTURE)
        seconds = [swept.second(lambda _: PICTURE) for _ in range(6)]
        assert seconds[0] == 0
        assert 2.5 <= sum(seconds) <= 4.5  # three rounds, some overlap, one slice more or less

    @pytest.mark.parametrize("gain", [0.8, 1.15])
    def test_brightness_that_drifts_is_nothing_new(self, gain: float) -> None:
        dim = (PICTURE * 0.8).astype(np.uint8)

        def draw(number: int) -> GreyImage:
            return np.asarray((dim * gain ** (number / FPS)).clip(0, 255), np.uint8)

        assert Swept(dim).second(draw) == 0

    def test_brightness_that_jumps_is_nothing_new(self) -> None:
        assert Swept(PICTURE).second(lambda _: (PICTURE * 0.7).astype(np.uint8)) == 0

    def test_something_new_is_searched_once_where_it_is(self) -> None:
        swept, changed = Swept(PICTURE, still=2 * STILL), with_patch(PICTURE, PATCH)
        first = swept.second(lambda _: changed)
        assert 0 < first < 1
        assert swept.second(lambda _: changed) == 0

    def test_a_known_face_is_nothing_new(self) -> None:
        swept, changed = Swept(PICTURE), with_patch(PICTURE, PATCH)
        assert swept.second(lambda _: changed, PATCH) == 0
        assert swept.second(lambda _: changed) > 0  # when it is not known any more

    def test_sway_is_hardly_anything_new_and_a_pan_is(self) -> None:
        wide = scenery(3, HEIGHT, 2 * WIDTH)

        def view(shift: float) -> GreyImage:
            return np.ascontiguousarray(wide[:, round(shift) : round(shift) + WIDTH])

        everything = Swept(PICTURE, still=0.0).second(lambda _: PICTURE)
        assert Swept(view(20)).second(lambda number: view(20 + 2 * np.sin(number))) < everything / 3
        assert Swept(view(0)).second(lambda number: view(20 * number)) > 0.9 * everything

    def test_a_moving_camera_costs_no_more_than_without_a_look_at_changes(self) -> None:
        def draw(number: int) -> GreyImage:
            return scenery(number)

        assert Swept(PICTURE).second(draw) <= Swept(PICTURE, still=0.0).second(draw)

    def test_what_changes_little_by_little_adds_up(self) -> None:
        """Against what was searched last, not against the picture before."""
        new = with_patch(PICTURE, PATCH).astype(np.float32)

        def fade(number: int) -> GreyImage:
            return np.asarray(PICTURE + (new - PICTURE) * number / FPS, np.uint8)

        assert Swept(PICTURE).second(fade) > 0

    def test_the_part_searched_holds_every_face_that_could_have_come(self) -> None:
        watch, part = ChangeDetector(STILL), Slice(0, WIDTH, 48, 125, 0, HEIGHT)
        watch.whole(PICTURE, part, 0.0)
        for x, y, side in ((0, 0, 48), (590, 430, 50), (300, 200, 60), (500, 20, 120)):
            face = Box(x, y, side, side)
            found = watch.changed(with_patch(PICTURE, face), part, 0.1, ())
            assert found is not None
            assert found.left <= x and found.top <= y
            assert found.right >= min(WIDTH, x + side) and found.bottom >= min(HEIGHT, y + side)
            watch.whole(PICTURE, part, 0.1)

    def test_what_is_too_small_for_a_face_is_nothing_new(self) -> None:
        share = 0.5 * CHANGED_SHARE**0.5
        changed = with_patch(PICTURE, Box(300, 200, 48 * share, 48 * share))
        watch, part = ChangeDetector(STILL), Slice(0, WIDTH, 48, 125, 0, HEIGHT)
        watch.whole(PICTURE, part, 0.0)
        assert watch.changed(changed, part, 0.1, ()) is None

    def test_cells_are_means(self) -> None:
        part = Slice(10, 110, 48, None, 20, 80)
        cells = cells_of(PICTURE, part)
        side = 48 // CELLS_A_FACE
        assert cells.shape == (60 // side, 100 // side)
        assert abs(cells[1, 2] - PICTURE[20 + side : 20 + 2 * side, 10 + 2 * side : 10 + 3 * side].mean()) < 1 < NOISE

    @pytest.mark.parametrize("size", [(1, 1), (3, 500), (24, 24), (30, 2000)])
    def test_pictures_too_small_for_a_cell_or_a_face(self, size: tuple[int, int]) -> None:
        picture = np.zeros(size, np.uint8)
        swept = Swept(picture)
        for _ in range(2 * FPS):
            swept.see(picture)

    def test_black_pictures(self) -> None:
        black = np.zeros((HEIGHT, WIDTH), np.uint8)
        swept = Swept(black)
        assert swept.second(lambda _: black) == 0
        assert swept.second(lambda _: PICTURE) > 0


def test_slices_of_the_plan_reach_from_top_to_bottom() -> None:
    assert {(part.top, part.bottom) for part in plan_slices(WIDTH, HEIGHT, 48)} == {(0, HEIGHT)}


class TestLostPlaces:
    def test_a_place_is_searched_regularly_and_forgotten(self) -> None:
        lost_places = LostPlaces(interval=0.1)
        lost_places.remember(PATCH, 20.0)
        frames = round(2 * LOST_MEMORY * FPS)
        searched = [number for number in range(frames) if lost_places.due(20.0 + number / FPS, ())]
        assert searched[0] == 3 and searched[-1] <= LOST_MEMORY * FPS
        assert set(np.diff(searched)) <= {3, 4}

    def test_a_face_that_is_back_is_not_searched_for(self) -> None:
        lost_places = LostPlaces(interval=0.0)
        lost_places.remember(PATCH, 0.0)
        assert lost_places.due(0.1, [PATCH]) == []
        assert lost_places.due(0.2, []) == []

    def test_places_that_overlap_by_the_limit_are_one(self) -> None:
        """Of 13 by 1 pixels, 6 in common: 0.3. The later one stays; a known face there ends it."""
        first, second, apart = (Box(x, 0, 13, 1) for x in (0, 7, 7.5))
        for other, expected in ((second, [second]), (apart, [first, apart])):
            lost_places = LostPlaces(interval=0.0)
            lost_places.remember(first, 1.0)
            lost_places.remember(other, 2.0)
            assert lost_places.due(2.0, []) == expected
        assert lost_places.due(2.0, [second]) == [] and lost_places.due(3.0, []) == []

    def test_a_bounded_number_of_places_each_once(self) -> None:
        lost_places = LostPlaces(interval=0.0)
        for number in range(3 * MAX_LOST):
            lost_places.remember(Box(100 * number, 0, 50, 50), 0.0)
            lost_places.remember(Box(100 * number + 1, 0, 50, 50), 0.0)
        places = lost_places.due(0.1, ())
        assert [place.x for place in places] == [100 * number + 1 for number in range(2 * MAX_LOST, 3 * MAX_LOST)]


class TestNewFaces:
    """With the cascade, a portrait that comes into a still picture."""

    @staticmethod
    def pictures() -> tuple[GreyImage, GreyImage]:
        background = backdrop()[:, :WIDTH].astype(np.float32)
        patch = cut_out(PORTRAITS[0])
        height, width = patch.shape[:2]
        drawn = background.copy()
        under = drawn[40 : 40 + height, 220 : 220 + width]
        under *= 1 - patch[..., 3:] / 255
        under += patch[..., :3]
        empty, faced = (
            np.asarray(cv2.cvtColor(each.round().astype(np.uint8), cv2.COLOR_BGR2GRAY)) for each in (background, drawn)
        )
        return empty, faced

    @pytest.mark.parametrize("phase", range(0, 12, 3))
    def test_it_is_shown_within_the_interval(self, phase: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locators, "UNCHANGED_INTERVAL", 600.0)
        locator = create_locator(detector_kind("haar"), None, FaceTracker())
        empty, faced = self.pictures()
        for number in range(5 + phase):
            assert locator.locate(empty, number / FPS) == ()
        came = 5 + phase
        number = came
        while not locator.locate(faced, number / FPS):
            number += 1
            assert number - came <= (locators.SCAN_INTERVAL + 0.1) * FPS
