"""The aligner's thread, on the portraits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.frame import AlignedFace, Box, ChipSpec, Face, Frame, GreyImage, Image
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS
from smiledet.stage_spec import Policy, StageSpec
from smiledet.workers import locator
from smiledet.workers.aligner import STAGE, AlignerWorker, aligned_faces_of, whose_turn
from smiledet.workers.locator import Located
from smiledet.workers.track_labels import TrackLabels

LIMIT = 20.0

SPECS = (ChipSpec(64), ChipSpec(96, 0.8, 3), ChipSpec(64))


def run(frame: Frame, make: Callable[[], Any], ends: Any, at_once: int | None = None) -> FrameBuffer:
    buffer = FrameBuffer([StageSpec(STAGE)], Policy.EVERY_FRAME)
    buffer.publish(frame)
    buffer.end()
    worker = AlignerWorker(make, SPECS, at_once, buffer=buffer, on_end=ends)
    worker.start()
    assert worker.join(LIMIT)
    return buffer


def located(frame: Frame, *faces: Face) -> Frame:
    frame.results[locator.STAGE] = Located(faces, cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY))
    return frame


@pytest.mark.parametrize("which", range(len(PORTRAITS)))
def test_a_real_face_is_aligned(which: int, portrait_frame: Callable[..., Frame], ends: Any) -> None:
    (x, y), side = PORTRAITS[which].centre, PORTRAITS[which].face
    face = Face(Box(0, 0, 9, 9), 9.0, 1, Box(x - side / 2, y - side / 2, side, side))
    frame = located(portrait_frame(0, which), face)
    run(frame, shipped_aligner, ends)
    ((of, aligned),) = aligned_faces_of(frame)
    assert of is face
    assert aligned.aligned
    assert [chip.shape for chip in aligned.chips.values()] == [(64, 64), (96, 96, 3)]
    assert aligned.landmarks is not None
    middle = aligned.landmarks.mean(axis=0)
    assert abs(middle[0] - x) < 0.2 * side
    assert abs(middle[1] - y) < 0.3 * side
    assert ends.problems == [None]


def test_the_detectors_own_box_is_what_is_aligned(frame_of: Callable[..., Frame], ends: Any) -> None:
    """Not the smoothed one, which lags behind; and every geometry is cut once, however many networks take it."""
    asked: list[tuple[Box, list[ChipSpec]]] = []

    class Fake:
        def align(self, image: Image, grey: GreyImage, box: Box, specs: Sequence[ChipSpec]) -> AlignedFace:
            asked.append((box, list(specs)))
            return AlignedFace(None, False, {})

    faces = [Face(Box(0, 0, 9, 9), 9.0, track, Box(track, 0, 8, 8)) for track in (1, 2)]
    frame = located(frame_of(), *faces)
    run(frame, Fake, ends)
    assert asked == [(Box(track, 0, 8, 8), [ChipSpec(64), ChipSpec(96, 0.8, 3)]) for track in (1, 2)]
    assert [face.track for face, _ in aligned_faces_of(frame)] == [1, 2]


def test_pixels_are_evened_out_and_heads_posted(frame_of: Callable[..., Frame], ends: Any) -> None:
    """The eyes are looked at in the picture as it is; of a face without landmarks there is no head."""
    images: list[Image] = []

    class Fake:
        def align(self, image: Image, grey: GreyImage, box: Box, specs: Sequence[ChipSpec]) -> AlignedFace:
            images.append(image)
            points = np.random.default_rng(1).uniform(10, 30, (68, 2)) if box.x == 1 else None
            return AlignedFace(points, points is not None, {})

    faces = [Face(Box(0, 0, 9, 9), 9.0, track, Box(track, 0, 8, 8)) for track in (1, 2)]
    labels = TrackLabels([])
    for table in (None, np.arange(256, dtype=np.uint8)[::-1].copy()):
        frame = frame_of(2)
        frame.results[locator.STAGE] = Located(tuple(faces), frame.image[..., 0], table)
        buffer = FrameBuffer([StageSpec(STAGE)], Policy.EVERY_FRAME, capacity=2)
        buffer.publish(frame)
        buffer.end()
        worker = AlignerWorker(Fake, SPECS, heads=labels, buffer=buffer, on_end=ends)
        worker.start()
        assert worker.join(LIMIT)
        assert len(aligned_faces_of(frame)) == 2
        read = labels.read(faces, frame.id)
        assert [reading.pose is not None for reading in read] == [True, False]
        assert read[0].eyes_open is not None and read[0].mouth_open is not None
    assert [int(image[0, 0, 0]) for image in images] == [80, 80, 175, 175]


def faces_of(count: int) -> list[Face]:
    """Tracks 3, 5, 7 …: what is left of a crowd may well be the odd ones alone."""
    return [Face(Box(0, 0, 9, 9), 9.0, 3 + 2 * number, Box(0, 0, 8, 8)) for number in range(count)]


@pytest.mark.parametrize(("count", "at_once", "most"), [(8, 8, 8), (9, 8, 5), (16, 8, 8), (17, 8, 6), (5, 1, 1)])
def test_too_many_faces_take_turns(count: int, at_once: int, most: int) -> None:
    faces = faces_of(count)
    read = [whose_turn(faces, frame, at_once) for frame in range(60)]
    assert max(map(len, read)) == most
    assert {face.track for frame in read for face in frame} == {face.track for face in faces}
    assert all([face.track for face in frame] == sorted(face.track for face in frame) for frame in read)


def test_of_a_photograph_and_without_a_limit_all_faces_are_aligned(frame_of: Callable[..., Frame], ends: Any) -> None:
    class Fake:
        def align(self, image: Image, grey: GreyImage, box: Box, specs: Sequence[ChipSpec]) -> AlignedFace:
            return AlignedFace(None, False, {})

    counts = []
    for independent, at_once in ((True, 8), (False, 8), (False, None)):
        frame = located(dataclasses.replace(frame_of(), independent=independent), *faces_of(12))
        run(frame, Fake, ends, at_once)
        counts.append(len(aligned_faces_of(frame)))
    assert counts == [12, 6, 12]


@pytest.mark.parametrize("result", [None, "no faces"])
def test_without_faces_there_is_nothing_to_align(result: str | None, frame_of: Callable[..., Frame], ends: Any) -> None:
    frame = located(frame_of())
    if result is None:
        frame.results[locator.STAGE] = None  # the locator failed
    buffer = run(frame, shipped_aligner, ends)
    assert frame.results[STAGE] == ()
    assert buffer.counts()[STAGE].processed == 1


def test_a_frame_on_which_it_fails_has_no_aligned_faces(frame_of: Callable[..., Frame], ends: Any) -> None:
    class Broken:
        def align(self, *arguments: Any) -> AlignedFace:
            raise ValueError("no trees")

    frame = located(frame_of(), Face(Box(0, 0, 9, 9), 9.0, 1, Box(0, 0, 9, 9)))
    buffer = run(frame, Broken, ends)
    assert frame.results[STAGE] is None
    assert aligned_faces_of(frame) == ()
    assert buffer.counts()[STAGE].failed == 1
