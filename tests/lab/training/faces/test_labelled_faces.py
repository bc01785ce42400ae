"""Which face a labelled photograph is about, where detectors disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pytest

from smiledet.detection.detectors.base import DetectorKind, FaceDetector
from smiledet.frame import Box, Detection, GreyImage
from smiledet.lab.training.faces import labelled_faces
from smiledet.lab.training.faces.labelled_faces import FACE_SHARES, LabelledFaceLocator

BRIGHT, DARK = 200, 50


class Reports(FaceDetector):
    """Reports the same in every picture."""

    def __init__(self, found: Sequence[Detection] = ()) -> None:
        self.found = list(found)
        self.searches = 0

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.searches += 1
        return self.found


class SeesBright(FaceDetector):
    """Takes whatever is bright for a face in the middle of what it is shown."""

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        return [Detection(Box(12.5, 12.5, 50, 50), 3.0)] if image.mean() > 125 else []


def picture(*bright: Box) -> GreyImage:
    grey = np.full((240, 240), DARK, np.uint8)
    for box in bright:
        left, top, right, bottom = box.scaled(2).clipped(240, 240)
        grey[top:bottom, left:right] = BRIGHT
    return grey


POSTER, FACE, FURTHER = Box(10, 10, 100, 100), Box(150, 30, 50, 50), Box(150, 150, 60, 60)


def near(found: Box | None, box: Box) -> bool:
    return found is not None and found.iou(box) > 0.95


@pytest.fixture
def locator(monkeypatch):
    """Makes a locator of searches that report boxes with their hits, and of a network that proposes some boxes."""

    def make(*passes: Sequence[tuple[Box, float]], hot: Sequence[Box] = (), verified: bool = True):
        shrunk = 24 / round(FACE_SHARES[0] * 240)  # the scale at which pictures are searched at first
        detectors = [
            Reports([Detection(Box(*(shrunk * side for side in astuple(box))), hits) for box, hits in each])
            for each in passes
        ]
        kind = DetectorKind(
            scanning=lambda _: detectors[0],
            following=Reports,
            labelled=tuple(lambda each=each: each for each in detectors),
            raw=Reports,
            verifying=SeesBright if verified else None,
        )

        def proposed(network: object, grey: GreyImage, boxes: Sequence[Box], smallest: int) -> list[Box]:
            return [box for place in hot for box in boxes if near(box, place)]

        monkeypatch.setattr(labelled_faces, "detector_kind", lambda _: kind)
        monkeypatch.setattr(labelled_faces, "shipped_network", lambda: None)
        monkeypatch.setattr(labelled_faces, "also_proposed", proposed)
        return LabelledFaceLocator(), detectors

    return make


def test_a_face_that_both_witnesses_see_comes_before_larger_boxes(locator) -> None:
    finds, passes = locator([(POSTER, 5.0), (FACE, 4.0), (FURTHER, 3.0)], hot=[POSTER, FACE])
    assert near(finds.locate(picture(FACE, FURTHER)), FACE)
    assert passes[0].searches == 1


def test_of_such_faces_the_largest_is_taken(locator) -> None:
    finds, _ = locator([(FACE, 40.0), (FURTHER, 5.0)], hot=[FACE, FURTHER])
    assert near(finds.locate(picture(FACE, FURTHER)), FURTHER)


def test_of_two_boxes_about_one_face_the_surer_is_taken(locator) -> None:
    loose = Box(130, 10, 80, 80)
    finds, _ = locator([(loose, 4.0), (FACE, 40.0)], hot=[loose, FACE])
    assert near(finds.locate(picture(loose)), FACE)


def test_many_hits_need_no_second_cascade(locator) -> None:
    finds, _ = locator([(POSTER, 12.0), (FACE, 4.0)], hot=[POSTER, FACE])
    assert near(finds.locate(picture(FACE)), POSTER)


def test_a_finer_search_is_tried_where_nothing_is_attested_by_both(locator) -> None:
    finds, passes = locator([(POSTER, 5.0)], [(POSTER, 6.0), (FACE, 4.0)], [(FURTHER, 50.0)], hot=[FACE])
    assert near(finds.locate(picture(POSTER, FACE)), FACE)
    assert [each.searches for each in passes] == [1, 1, 0]


@pytest.mark.parametrize(
    ("bright", "hot", "taken"),
    [((FACE,), (FURTHER,), FACE), ((), (FURTHER, FACE), FURTHER), ((), (), POSTER)],
)
def test_else_the_second_cascade_counts_for_more_than_the_network_and_that_for_more_than_size(
    locator, bright, hot, taken
) -> None:
    finds, passes = locator([(POSTER, 5.0), (FACE, 4.0), (FURTHER, 3.0)], [(POSTER, 9.0)], hot=hot)
    assert near(finds.locate(picture(*bright)), taken)
    assert [each.searches for each in passes] == [2, 2]  # for smaller faces, too


def test_a_detector_with_no_other_beside_it_is_taken_at_its_word(locator) -> None:
    finds, _ = locator([(FACE, 4.0), (POSTER, 1.0)], hot=[FACE], verified=False)
    assert near(finds.locate(picture(FACE)), POSTER)


def test_nothing_found_is_none(locator) -> None:
    finds, passes = locator([], [])
    assert finds.locate(picture(FACE)) is None
    assert [each.searches for each in passes] == [2, 2]
