"""Faces of photographs: turned, large, small, and none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.photographs import WORKING_SIDE, PhotographLocator, PhotographSettings
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection
from smiledet.sources.demo import scene
from smiledet.turning import TURNS, turn, turn_box


@pytest.fixture(scope="module")
def locator():
    return PhotographLocator()


@pytest.fixture(scope="module")
def places(locator):
    """The demo's two faces, larger first."""
    return sorted((face.box for face in locator.find(scene(0)).detections), key=lambda box: -box.area)


@pytest.mark.parametrize("degrees", TURNS)
def test_faces_are_found_whichever_way_the_photograph_lies(locator, places, degrees):
    found = locator.find(turn(scene(0), degrees))
    assert found.turned == -degrees % 360
    assert len(found.detections) == 2
    expected = [turn_box(box, degrees, (640, 480)) for box in places]
    for box in expected:
        assert max(face.box.iou(box) for face in found.detections) > 0.95


def test_boxes_are_pixels_of_the_photograph_as_it_was_given(locator, places):
    large = cv2.resize(scene(0), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert large.shape[1] > WORKING_SIDE["normal"]
    found = locator.find(large).detections
    assert len(found) == 2
    for box in places:
        wanted = type(box)(4 * box.x, 4 * box.y, 4 * box.width, 4 * box.height)
        assert max(face.box.iou(wanted) for face in found) > 0.8


def test_smaller_faces_are_found_where_they_are_wanted():
    """Of faces of 32 pixels in 2,560 none is left at 640, and all at 1,920."""
    tile = cv2.resize(scene(0)[100:350, 60:310], (42, 42), interpolation=cv2.INTER_AREA)
    picture = np.full((1440, 2560, 3), 110, np.uint8)
    for row in range(3):
        for column in range(4):
            picture[200 + 300 * row :, 200 + 500 * column :][:42, :42] = tile
    counts = {
        faces: len(PhotographLocator(PhotographSettings(faces=faces)).find(picture).detections)
        for faces in WORKING_SIDE
    }
    assert counts["large"] == 0
    assert counts["small"] == 12


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (480, 640, 3)])
def test_nothing_is_found_in_nothing(locator, shape):
    found = locator.find(np.full(shape, 128, np.uint8))
    assert found.detections == () and found.turned == 0 and found.detector == "fcos"


class Unsure(FaceDetector):
    """Sees a face in every picture, the surer the whiter its top left corner is."""

    def __init__(self, sure: float) -> None:
        self.needs = Needs(sure=sure)
        self.looks = 0

    def detect(self, image, min_size, max_size=None):
        self.looks += 1
        return [Detection(Box(2, 2, 20, 20), float(image[0, 0]) / 255)]


@pytest.mark.parametrize(("corners", "turned", "looks"), [([90, 40, 230, 60], 180, 3), ([90, 40, 20, 60], 0, 4)])
def test_a_photograph_lies_as_its_surest_face_stands(monkeypatch, corners, turned, looks):
    detector = Unsure(0.8)
    kind = replace(detector_kind("haar"), scanning=lambda _: detector)
    monkeypatch.setattr("smiledet.detection.photographs.detector_kind", lambda _: kind)
    picture = np.zeros((200, 200), np.uint8)
    for corner, place in zip(corners, [(0, 0), (-1, 0), (-1, -1), (0, -1)], strict=True):  # as it is turned clockwise
        picture[place] = corner
    found = PhotographLocator().find(picture)
    assert (found.turned, detector.looks) == (turned, looks)
    assert found.detections[0].score == max(corners) / 255
    # Where nothing is said of being sure, the first face decides.
    detector.needs, detector.looks = Needs(), 0
    assert PhotographLocator().find(picture).turned == 0 and detector.looks == 1


def test_viola_jones_on_request():
    found = PhotographLocator(PhotographSettings("haar")).find(scene(0))
    assert found.detector == "haar" and len(found.detections) == 2


def test_an_unknown_detector_is_refused():
    with pytest.raises(UsageError, match="no detector 'eyes'"):
        PhotographLocator(PhotographSettings("eyes"))
