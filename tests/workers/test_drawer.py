"""The drawer's thread: the track_labels's labels on a copy of the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.drawing.stats import StatsLine
from smiledet.frame import Annotation, ChipSpec, Frame, Prediction
from smiledet.stage_spec import Policy, StageSpec
from smiledet.tasks.smile import TASK
from smiledet.telemetry.rate import RateMeter
from smiledet.workers import drawer as drawer_module
from smiledet.workers.drawer import STAGE, DrawerWorker, annotation_of
from smiledet.workers.track_labels import PostedPrediction, TrackLabels

LIMIT = 20.0

AlignedFrames = Callable[[int, list[int], ChipSpec], Frame]

SPEC = ChipSpec(8)


class Drawn:
    """A drawer's run over some frames."""

    def __init__(self, frames: list[Frame], ends: Any, stats: Callable[[int], StatsLine] | None = None) -> None:
        self.track_labels = TrackLabels([TASK])
        self.rate = RateMeter(window=1e9)
        self.buffer = FrameBuffer([StageSpec(STAGE)], Policy.EVERY_FRAME, capacity=max(2, len(frames)))
        for frame in frames:
            self.buffer.publish(frame)
        self.buffer.end()
        self.worker = DrawerWorker([TASK], self.track_labels, self.rate, stats, buffer=self.buffer, on_end=ends)

    def run(self) -> None:
        self.worker.start()
        assert self.worker.join(LIMIT)


def smiling(frame: int, track: int) -> PostedPrediction:
    return PostedPrediction(frame, track, TASK.name, frame / 30, Prediction.of(TASK.labels, [0.1, 0.9]))


def test_faces_are_labelled_and_drawn_on_a_copy(aligned_frame: AlignedFrames, ends: Any) -> None:
    frame = aligned_frame(3, [0, 0], SPEC)
    before = frame.image.copy()
    drawn = Drawn([frame], ends)
    drawn.track_labels.post([smiling(3, 2)])
    drawn.run()
    annotation: Annotation = frame.results[STAGE]
    assert [reading.face.track for reading in annotation.readings] == [1, 2]
    assert [set(reading.predictions) for reading in annotation.readings] == [set(), {"smile"}]
    assert annotation.readings[1].predictions["smile"].label == "smiling"
    assert annotation.image.shape == frame.image.shape
    assert (annotation.image != before).any()
    assert (frame.image == before).all()
    assert annotation_of(frame) is annotation
    assert ends.problems == [None]


def test_what_was_read_from_later_frames_waits_for_them(aligned_frame: AlignedFrames, ends: Any) -> None:
    frames = [aligned_frame(number, [0], SPEC) for number in range(3)]
    drawn = Drawn(frames, ends)
    drawn.track_labels.post([smiling(1, 1)])
    drawn.run()
    labels = [set(frame.results[STAGE].readings[0].predictions) for frame in frames]
    assert labels == [set(), {"smile"}, {"smile"}]


def test_a_frame_without_faces_is_drawn_too(frame_of: Callable[..., Frame], ends: Any) -> None:
    frame = frame_of(2)
    Drawn([frame], ends).run()
    annotation: Annotation = frame.results[STAGE]
    assert annotation.readings == ()
    assert (annotation.image == frame.image).all()
    assert annotation.image is not frame.image


def test_each_drawn_frame_ticks_the_rate(frame_of: Callable[..., Frame], ends: Any) -> None:
    drawn = Drawn([frame_of(number) for number in range(5)], ends)
    drawn.run()
    assert len(drawn.rate._events) == 5


def test_the_stats_line_is_asked_for_each_frame_with_its_number_of_faces(
    aligned_frame: AlignedFrames, frame_of: Callable[..., Frame], ends: Any
) -> None:
    asked: list[int] = []

    def stats(faces: int) -> StatsLine:
        asked.append(faces)
        return StatsLine(fps=30.0, latency_ms=12.0, device="CPU", dropped=0, faces=faces)

    frames = [aligned_frame(0, [0, 0], SPEC), frame_of(1)]
    frames[1].image = np.zeros((240, 320, 3), np.uint8)
    Drawn(frames, ends, stats).run()
    assert asked == [2, 0]
    assert (frames[1].results[STAGE].image != frames[1].image).any()


def test_where_drawing_fails_the_bare_frame_goes_on(
    frame_of: Callable[..., Frame], ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("out of ink")

    monkeypatch.setattr(drawer_module, "annotate", fail)
    frame = frame_of(1)
    drawn = Drawn([frame], ends)
    drawn.run()
    assert frame.results[STAGE] is None
    assert annotation_of(frame) == Annotation(frame.image, ())
    assert len(drawn.rate._events) == 0
