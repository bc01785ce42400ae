"""Searching at a scale: the detector gets the smallest picture that will do, boxes come back in the frame's pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from typing_extensions import override

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.detectors.haar import HaarDetector
from smiledet.detection.search import DETECTOR_WINDOW, Surroundings, scan, smallest_face
from smiledet.frame import Box, Detection, GreyImage
from smiledet.sources.decoding import read_image
from smiledet.sources.demo import PORTRAITS, Portrait


class FakeDetector(FaceDetector):
    """Finds the bright square, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], int, int | None]] = []

    @override
    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.asked.append((image.shape, min_size, max_size))
        rows, columns = np.nonzero(image > 127)
        if not len(rows):
            return []
        left, top = float(columns.min()), float(rows.min())
        return [Detection(Box(left, top, columns.max() + 1 - left, rows.max() + 1 - top), 5.0)]


def bright_square(width: int, height: int, box: Box) -> GreyImage:
    image = np.zeros((height, width), np.uint8)
    left, top, right, bottom = box.clipped(width, height)
    image[top:bottom, left:right] = 255
    return image


@pytest.mark.parametrize(
    ("width", "height", "share", "side"),
    [
        (640, 480, 0.1, 48),
        (480, 640, 0.1, 48),  # the shorter side, lying or standing
        (640, 480, 0.5, 240),
        (640, 480, 0.01, DETECTOR_WINDOW),  # a cascade sees nothing smaller
        (10, 10, 1.0, DETECTOR_WINDOW),
    ],
)
def test_smallest_face(width: int, height: int, share: float, side: int) -> None:
    assert smallest_face(np.zeros((height, width), np.uint8), share) == side


def test_the_picture_is_shrunk_until_the_smallest_face_fills_the_window() -> None:
    detector = FakeDetector()
    face = Box(240, 120, 96, 96)
    (found,) = scan(detector, bright_square(640, 480, face), min_face=96, max_face=192)
    assert detector.asked == [((120, 160), DETECTOR_WINDOW, 48)]
    assert found == Detection(face, 5.0)


def test_the_smallest_faces_are_sought_in_the_whole_picture() -> None:
    detector = FakeDetector()
    face = Box(200, 101, 31, 31)
    (found,) = scan(detector, bright_square(640, 480, face), min_face=DETECTOR_WINDOW, max_face=100)
    assert detector.asked == [((480, 640), DETECTOR_WINDOW, 100)]
    assert found.box == face


def test_sides_that_do_not_divide_are_scaled_each_by_its_own_factor() -> None:
    class Fixed(FaceDetector):
        @override
        def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
            assert image.shape == (7, 154)  # 7.2 and 153.6, rounded
            return [Detection(Box(22, 3.5, 77, 1.75), 1.0)]

    (found,) = scan(Fixed(), np.zeros((30, 640), np.uint8), min_face=100)
    box = found.box
    # A seventh, a half; a half, a quarter.
    assert (box.x, box.y, box.width, box.height) == pytest.approx((640 / 7, 15, 320, 7.5))


def test_a_strip_thinner_than_a_pixel_of_the_small_picture_does_no_harm() -> None:
    assert scan(FakeDetector(), np.zeros((2, 640), np.uint8), min_face=200) == []


def test_the_limit_never_falls_to_the_window_itself() -> None:
    """OpenCV searches one size only where both limits are the same."""
    detector = FakeDetector()
    scan(detector, np.zeros((480, 640), np.uint8), min_face=96, max_face=96)
    assert detector.asked[0][1:] == (DETECTOR_WINDOW, DETECTOR_WINDOW + 1)


@pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.name)
@pytest.mark.parametrize("share", [0.1, 0.15])
def test_a_real_face_is_found_where_it_is(portrait: Portrait, share: float) -> None:
    grey = cv2.cvtColor(read_image(portrait.path), cv2.COLOR_BGR2GRAY)
    (x, y), side = portrait.centre, portrait.face
    found = scan(HaarDetector(), grey, smallest_face(grey, share))
    assert len(found) == 1
    assert found[0].box.iou(Box(x - side / 2, y - side / 2, side, side)) > 0.7


@pytest.mark.parametrize("shape", [(0, 50), (50, 0), (0, 0)])
def test_an_empty_picture_shows_no_face(shape: tuple[int, int]) -> None:
    detector = FakeDetector()
    assert scan(detector, np.zeros(shape, np.uint8), 48) == []
    assert detector.asked == [(shape, 48, None)]


@pytest.mark.parametrize(("side", "limit"), [(18, 25), (24, 31), (60, 37)])
def test_around_a_known_face_sizes_about_its_own_are_sought_but_never_none(side: int, limit: int) -> None:
    detector = FakeDetector()
    Surroundings(np.zeros((300, 300), np.uint8), Box(100, 100, side, side), Needs()).search(detector)
    assert [(smallest, largest) for _, smallest, largest in detector.asked] == [(DETECTOR_WINDOW, limit)]
