"""Large faces that hardly change from picture to picture are searched for less often; no others are."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from smiledet.detection import locator as locators
from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.haar import FOLLOWING, HaarDetector
from smiledet.detection.following.template_follower import STEADY, TemplateFollower
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.following.verification import ACCEPTED
from smiledet.detection.locator import LARGE, FaceLocator
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.sources.demo import PORTRAITS, backdrop, cut_out

FPS = 30

Draw = Callable[..., GreyImage]


@pytest.fixture(scope="module")
def show() -> Draw:
    """Makes grey pictures of a portrait: how much enlarged, how far to the right, and with how much of it covered."""
    patch = cut_out(PORTRAITS[0])
    background = backdrop()[:, :640]

    def draw(size: float = 1.5, right: float = 0.0, covered: int = 0) -> GreyImage:
        height, width = patch.shape[:2]
        matrix = np.array([[size, 0, 320 + right - size * width / 2], [0, size, 240 - size * height / 2]])
        drawn = cv2.warpAffine(patch, matrix, (640, 480)).astype(np.float32)
        image = background * (1 - drawn[..., 3:] / 255) + drawn[..., :3]
        grey = np.asarray(cv2.cvtColor(image.round().astype(np.uint8), cv2.COLOR_BGR2GRAY))
        grey[480 - covered :] = 90
        return grey

    return draw


class Searches(FaceDetector):
    """Notes on which pictures it is asked."""

    def __init__(self) -> None:
        self.detector = HaarDetector(FOLLOWING)
        self.now = 0
        self.on: list[int] = []

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        if self.now not in self.on:
            self.on.append(self.now)
        return self.detector.detect(image, min_size, max_size)


class Eyes:
    """A locator that follows one face; its searches around it are noted."""

    def __init__(self) -> None:
        self.searches = Searches()
        self.locator = FaceLocator(HaarDetector(), self.searches, FaceTracker())

    def see(self, picture: GreyImage) -> tuple[Face, ...]:
        faces = self.locator.locate(picture, self.searches.now / FPS)
        self.searches.now += 1
        return faces

    def pauses(self) -> list[int]:
        """Pictures from one search to the next."""
        return np.diff(self.searches.on).tolist()


@pytest.fixture(autouse=True)
def only_what_is_around_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first picture nothing else is searched."""
    monkeypatch.setattr(locators, "SCAN_INTERVAL", 60.0)


SETTLING = 3 * ACCEPTED + 6
"""Pictures after which the detector has seen a face often enough, on every third."""


@pytest.mark.parametrize(("factor", "expected"), [(locators.STEADY_FACTOR, 10), (1.0, 3), (0.5, 3)])
def test_a_large_face_that_stays_as_it_is_is_searched_for_less_often(
    show: Draw, factor: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locators, "STEADY_FACTOR", factor)
    eyes = Eyes()
    for number in range(SETTLING + 3 * FPS):
        faces = eyes.see(show(right=number / 2))
        assert number < 2 or [face.track for face in faces] == [1]
    assert set(eyes.pauses()[-8:]) == {expected}
    (face,) = faces
    (seen,) = HaarDetector().detect(show(right=number / 2), LARGE)[:1]
    assert face.box.iou(seen.box) > 0.8


def test_a_new_one_has_to_be_seen_often_before(show: Draw) -> None:
    eyes = Eyes()
    for _ in range(SETTLING):
        eyes.see(show())
    assert set(eyes.pauses()[2 : ACCEPTED - 2]) == {3}


def test_a_small_one_is_searched_for_as_ever(show: Draw) -> None:
    eyes = Eyes()
    for _ in range(SETTLING + 2 * FPS):
        (*_, face) = eyes.see(show(size=0.8)) or [None]
    assert face is not None and face.box.width < LARGE
    assert set(eyes.pauses()[-8:]) == {3}


def test_one_that_changes_is_searched_for_as_ever(show: Draw) -> None:
    """It nods, here by being covered from below to its mouth, and back."""
    eyes = Eyes()
    for number in range(SETTLING + 3 * FPS):
        eyes.see(show(covered=0 if number < SETTLING else 150 + 10 * (number % 7)))
    assert np.mean(eyes.pauses()[-10:]) <= 3


def test_a_higher_correlation_can_be_asked_for(show: Draw) -> None:
    follower, box = TemplateFollower(), Box(200, 110, 240, 240)
    before, other = show(), show(size=1.4, covered=140)
    assert not follower.is_steady(1)
    assert follower.follow(1, before, box, before, box) is not None
    assert follower.is_steady(1)
    assert follower.follow(1, before, box, other, box, STEADY) is None
    follower.keep_only(())
    assert not follower.is_steady(1)
