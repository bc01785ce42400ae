"""Where the detector's time is spent: portraits moved over a background, and a detector that counts its calls."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.detection import locator as locators
from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.haar import FOLLOWING, HaarDetector
from smiledet.detection.following.tracker import FaceTracker, TrackerSettings
from smiledet.detection.locator import AT_ONCE, FaceLocator, LocatorSettings, create_locator, distinct
from smiledet.detection.scheduling import sweep
from smiledet.detection.scheduling.sweep import plan_slices
from smiledet.detection.search import scan, smallest_face
from smiledet.frame import Box, Detection
from smiledet.sources.demo import FACE, PORTRAITS, backdrop, cut_out

WIDTH, HEIGHT, FPS = 640, 480, 30

SETTINGS = LocatorSettings(min_face=0.1)
"""The smaller portrait is just over a tenth of the picture's height."""

INTERVAL = locators.SCAN_INTERVAL
CONFIRM = TrackerSettings().confirm

FRAME = 1 / FPS + 1e-9


@pytest.fixture(autouse=True)
def turns_can_be_counted(monkeypatch):
    """What has not changed is searched too, steady faces as often as others; `test_sweep`, `test_steady` have those."""
    monkeypatch.setattr(locators, "UNCHANGED_INTERVAL", 0.0)
    monkeypatch.setattr(locators, "STEADY_FACTOR", 1.0)


class Counting(FaceDetector):
    """Counts what is asked of another detector."""

    def __init__(self, detector):
        self.detector = detector
        self.calls = 0

    def detect(self, image, min_size, max_size=None):
        self.calls += 1
        return self.detector.detect(image, min_size, max_size)

    def taken(self):
        """Calls since the last time."""
        calls, self.calls = self.calls, 0
        return calls


class Eyes:
    """A locator with counted detectors."""

    def __init__(self, detector=None, follower=None, settings=None):
        self.scans = Counting(detector or HaarDetector())
        self.follows = Counting(follower or HaarDetector(FOLLOWING))
        self.locator = FaceLocator(self.scans, self.follows, FaceTracker(), settings or SETTINGS)
        self.time = -1 / FPS

    def see(self, picture, **others):
        self.time += 1 / FPS
        return self.locator.locate(picture, self.time, **others)


SLICES = len(plan_slices(WIDTH, HEIGHT, smallest_face(np.zeros((HEIGHT, WIDTH), np.uint8), SETTINGS.min_face)))


@pytest.fixture(scope="module")
def show():
    """Makes grey pictures that show the two portraits at given places: middle of the face in pixels, or None."""
    patches = [cut_out(portrait) for portrait in PORTRAITS]
    background = backdrop()[:, :WIDTH]

    def draw(*places):
        image = background.astype(np.float32)
        for patch, place in zip(patches, places, strict=False):
            if place is not None:
                height, width = patch.shape[:2]
                left, top = place[0] - width // 2, place[1] - height // 2
                under = image[top : top + height, left : left + width]
                under *= 1 - patch[..., 3:] / 255
                under += patch[..., :3]
        return cv2.cvtColor(image.round().astype(np.uint8), cv2.COLOR_BGR2GRAY)

    return draw


LEFT, RIGHT = (170, 240), (470, 240)


def test_the_first_picture_is_searched_whole(show):
    eyes = Eyes()
    assert eyes.see(show(LEFT, RIGHT)) == ()  # not confirmed yet
    assert eyes.scans.taken() == 1 < SLICES  # in one go
    for _ in range(CONFIRM - 1):
        faces = eyes.see(show(LEFT, RIGHT))
    assert [face.track for face in faces] == [1, 2]


def test_moving_faces_are_followed_with_few_scans(show):
    """The whole picture once an interval, and on every frame the surroundings of the known faces alone."""
    eyes = Eyes()
    for _ in range(CONFIRM):
        eyes.see(show(LEFT, RIGHT))
    eyes.scans.taken(), eyes.follows.taken()
    frames = 36
    for index in range(frames):
        places = (LEFT[0] + index, LEFT[1] - index), (RIGHT[0], RIGHT[1] + index)
        faces = eyes.see(show(*places))
        assert [face.track for face in faces] == [1, 2]
        for face, (x, y) in zip(faces, places, strict=True):
            assert max(abs(face.box.centre[0] - x), abs(face.box.centre[1] - y)) < 0.25 * FACE
    assert abs(eyes.scans.taken() - SLICES * frames / FPS / INTERVAL) <= 1
    assert abs(eyes.follows.taken() - 2 * frames / 3) <= 2  # on the other frames by template matching


@pytest.mark.parametrize("at_once", [AT_ONCE, 100])
def test_a_crowd_that_one_scan_has_found_is_not_searched_for_at_once_ever_after(show, at_once, monkeypatch):
    monkeypatch.setattr(locators, "AT_ONCE", at_once)
    monkeypatch.setattr(locators, "UNCHANGED_INTERVAL", 60.0)
    crowd = np.tile(show(LEFT, RIGHT), (2, 2))
    eyes = Eyes(settings=replace(SETTINGS, min_face=0.05))
    for _ in range(CONFIRM):
        eyes.see(crowd)
    asked = []
    for _ in range(30):
        eyes.follows.taken()
        assert len(eyes.see(crowd)) == 8
        asked.append(eyes.follows.taken())
    assert max(asked) == min(at_once, 8)
    assert sum(asked) == pytest.approx(8 * 30 / 3, abs=8)  # no fewer searches, but spread


def test_redetected_at_once_a_crowd_is_searched_for_on_every_picture(show, monkeypatch):
    monkeypatch.setattr(locators, "UNCHANGED_INTERVAL", 60.0)
    crowd = np.tile(show(LEFT, RIGHT), (2, 2))
    eyes = Eyes(settings=replace(SETTINGS, min_face=0.05, redetect_after=0.0))
    for _ in range(CONFIRM):
        eyes.see(crowd)
    for _ in range(6):
        eyes.follows.taken()
        assert len(eyes.see(crowd)) == 8
        assert eyes.follows.taken() == 8


def test_without_faces_the_picture_is_searched_as_often(show):
    eyes = Eyes()
    eyes.see(show())
    eyes.scans.taken()
    for _ in range(30):
        assert eyes.see(show()) == ()
    assert abs(eyes.scans.taken() - SLICES * 30 / FPS / INTERVAL) <= 1


def test_after_a_loss_the_search_is_on_at_once(show, monkeypatch):
    """While the face is still shown at its last place, it is sought everywhere: at once, and again and again."""
    whole = []
    monkeypatch.setattr(sweep, "scan", lambda *given: whole.append(given) or scan(*given))
    eyes = Eyes()
    for _ in range(CONFIRM + 1):
        eyes.see(show(LEFT, RIGHT))
    eyes.scans.taken(), whole.clear()
    lost = 0
    while len(eyes.see(show(LEFT))) == 2:
        lost += 1
    assert len(whole) == 1, "in one go, as soon as it is lost; slices come round later"
    kept = TrackerSettings().keep
    assert abs(lost / FPS - kept) <= 2 * FRAME
    assert abs(eyes.scans.taken() - 1 - SLICES * lost / FPS / INTERVAL) <= 2 + SLICES / INTERVAL / FPS
    for _ in range(4):  # then nothing is lost any more
        assert [face.track for face in eyes.see(show(LEFT))] == [1]
    eyes.scans.taken()
    for _ in range(12):
        eyes.see(show(LEFT))
    assert abs(eyes.scans.taken() - SLICES * 12 / FPS / INTERVAL) <= 1


def test_a_face_that_jumps_is_found_again_soon(show):
    eyes = Eyes()
    for _ in range(CONFIRM + 1):
        eyes.see(show(LEFT))
    jumped = eyes.time
    while all(face.box.centre[0] < WIDTH / 2 for face in eyes.see(show(RIGHT))):
        assert eyes.time - jumped <= INTERVAL + CONFIRM / FPS + FRAME


@pytest.mark.parametrize("phase", range(0, 12, 3))
def test_a_new_face_is_shown_within_an_interval(show, phase):
    """Whatever slice happens to be next when it comes."""
    eyes = Eyes()
    for _ in range(CONFIRM + phase):
        eyes.see(show(LEFT))
    came = eyes.time
    while len(eyes.see(show(LEFT, RIGHT))) < 2:
        assert eyes.time - came <= INTERVAL + CONFIRM / FPS + FRAME


def test_a_cut_forgets_and_shows_at_once(show):
    eyes = Eyes()
    assert [face.track for face in eyes.see(show(LEFT, RIGHT), independent=True)] == [1, 2]
    eyes.scans.taken()
    faces = eyes.see(show(RIGHT, LEFT), independent=True)
    assert [face.track for face in faces] == [3, 4]
    assert eyes.scans.taken() == 1
    assert eyes.follows.calls == 0
    assert eyes.see(show(), independent=True) == ()


def test_another_size_is_another_scene(show):
    eyes = Eyes()
    for _ in range(CONFIRM):
        eyes.see(show(LEFT))
    small = cv2.resize(show(LEFT), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert eyes.see(small) == ()
    for _ in range(CONFIRM - 1):
        (face,) = eyes.see(small)
    assert face.track == 2
    assert face.box.width < 0.75 * FACE


def test_the_same_pictures_give_the_same_faces(show):
    pictures = [show((LEFT[0] + 3 * index, LEFT[1]), RIGHT) for index in range(15)]
    one, two = Eyes(), Eyes()
    assert [one.see(picture) for picture in pictures] == [two.see(picture) for picture in pictures]


def test_a_locator_scans_a_new_scene_at_once_unless_it_is_told_to_spread_that(show, monkeypatch):
    whole = []
    monkeypatch.setattr(sweep, "scan", lambda *given: whole.append(given) or scan(*given))
    for settings, expected in (({}, 1), ({"spread": True}, 0)):
        whole.clear()
        create_locator(detector_kind("haar"), None, FaceTracker(), SETTINGS, **settings).locate(show(LEFT), 0.0)
        assert len(whole) == expected


# With a detector that sees nothing, for the arithmetic alone.


class Blind(FaceDetector):
    def detect(self, image, min_size, max_size=None):
        return []


BLANK = np.zeros((HEIGHT, WIDTH), np.uint8)


def calls_at(times):
    eyes = Eyes(Blind(), Blind())
    counts = []
    for time in times:
        eyes.locator.locate(BLANK, time)
        counts.append(eyes.scans.taken())
    return counts


def test_after_a_pause_no_more_than_one_whole_scan_is_due():
    assert calls_at([0, 100, 100.0001]) == [1, 1, 0]


def test_time_that_stands_still_or_runs_back_costs_nothing():
    assert calls_at([5, 5, 4, 0]) == [1, 0, 0, 0]


def test_an_interval_of_nothing_scans_every_picture_whole(monkeypatch):
    monkeypatch.setattr(locators, "SCAN_INTERVAL", 0.0)
    assert calls_at([0, 0.01, 0.02]) == [1] * 3


def test_a_slow_source_is_searched_whole_in_the_interval():
    assert calls_at([0, 1, 2, 3]) == [1] * 4


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (24, 24), (30, 2000)])
def test_pictures_too_small_for_a_face(size):
    locator = FaceLocator(HaarDetector(), HaarDetector(FOLLOWING), FaceTracker())
    assert locator.locate(np.zeros(size, np.uint8), 0.0) == ()
    assert locator.locate(np.zeros(size, np.uint8), 1.0) == ()


def test_of_two_boxes_on_one_face_the_surer_stays():
    left, nearly, right = (Detection(Box(x, 0, 10, 10), score) for x, score in ((0, 3.0), (2, 5.0), (20, 1.0)))
    assert distinct([left, nearly, right]) == [nearly, right]
    assert distinct([]) == []
