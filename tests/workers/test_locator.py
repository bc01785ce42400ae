"""The locator's thread, on the portraits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.detection.detectors.haar import FOLLOWING, HaarDetector
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import FaceLocator
from smiledet.detection.photographs import PhotographFaces
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection, Face, Frame, GreyImage
from smiledet.sources.demo import PORTRAITS
from smiledet.stage_spec import Policy, StageSpec
from smiledet.workers.base import Worker
from smiledet.workers.locator import STAGE, Located, LocatorWorker, PhotographLocatorWorker, faces_of

LIMIT = 20.0


def create() -> FaceLocator:
    return FaceLocator(HaarDetector(), HaarDetector(FOLLOWING), FaceTracker())


def run(frames: list[Frame], make: Callable[[], Any], ends: Any, kind: type[Worker] = LocatorWorker) -> FrameBuffer:
    buffer = FrameBuffer([StageSpec(STAGE)], Policy.EVERY_FRAME, capacity=max(2, len(frames)))
    for frame in frames:
        buffer.publish(frame)
    buffer.end()
    worker = kind(make, buffer=buffer, on_end=ends)
    worker.start()
    assert worker.join(LIMIT)
    return buffer


@pytest.mark.parametrize("which", range(len(PORTRAITS)))
def test_a_real_face_is_found(which: int, portrait_frame: Callable[..., Frame], ends: Any) -> None:
    frame = portrait_frame(0, which)
    run([frame], create, ends)
    (x, y), side = PORTRAITS[which].centre, PORTRAITS[which].face
    faces = faces_of(frame)
    assert len(faces) == 1
    assert faces[0].box.iou(Box(x - side / 2, y - side / 2, side, side)) > 0.65
    assert ends.problems == [None]


def test_the_frame_is_turned_grey_once_for_everybody(portrait_frame: Callable[..., Frame], ends: Any) -> None:
    frame = portrait_frame()
    run([frame], create, ends)
    located: Located = frame.results[STAGE]
    assert located.turned == 0, "a video is not turned"
    assert (located.grey == cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)).all()
    assert located.grey.dtype == np.uint8


def test_a_picture_without_a_face_has_none(frame_of: Callable[..., Frame], ends: Any) -> None:
    frame = frame_of()
    run([frame], create, ends)
    assert faces_of(frame) == ()


def test_of_photographs_every_face_is_a_track_of_its_own_and_the_largest_comes_first(
    frame_of: Callable[..., Frame], ends: Any
) -> None:
    boxes = [Box(1, 2, 10, 12), Box(20, 2, 30, 30), Box(5, 30, 14, 14)]

    class Fake:
        def find(self, _grey: GreyImage) -> PhotographFaces:
            return PhotographFaces(tuple(Detection(box, 9.0) for box in boxes), "haar", 90)

    frames = [frame_of(0), frame_of(1)]
    run(frames, Fake, ends, PhotographLocatorWorker)
    assert [[face.box for face in faces_of(frame)] for frame in frames] == 2 * [[boxes[1], boxes[2], boxes[0]]]
    assert [face.track for frame in frames for face in faces_of(frame)] == [1, 2, 3, 4, 5, 6]
    assert {frame.results[STAGE].turned for frame in frames} == {90}
    assert ends.problems == [None]


def test_what_the_locator_is_told(frame_of: Callable[..., Frame], ends: Any) -> None:
    told: list[tuple[tuple[int, ...], float, bool]] = []

    class Fake:
        def locate(self, grey: GreyImage, time: float, independent: bool) -> tuple[Face, ...]:
            told.append((grey.shape, time, independent))
            return ()

    run([frame_of(0), frame_of(3, independent=True)], Fake, ends)
    assert told == [((48, 64), 0.0, False), ((48, 64), 0.1, True)]


def test_a_frame_on_which_it_fails_has_no_faces(frame_of: Callable[..., Frame], ends: Any) -> None:
    class Broken:
        def locate(self, grey: GreyImage, time: float, independent: bool) -> tuple[Face, ...]:
            raise ValueError("no cascade")

    frame = frame_of()
    buffer = run([frame], Broken, ends)
    assert frame.results == {STAGE: None}
    assert faces_of(frame) == ()
    assert buffer.counts()[STAGE].failed == 1


def test_faces_of_a_frame_that_was_never_located(frame_of: Callable[..., Frame]) -> None:
    assert faces_of(frame_of()) == ()


def test_a_detector_that_cannot_be_loaded_ends_the_run(frame_of: Callable[..., Frame], ends: Any) -> None:
    def fail() -> FaceLocator:
        raise UsageError("this OpenCV has no cascade")

    run([frame_of()], fail, ends)
    assert ends.message == "this OpenCV has no cascade"
