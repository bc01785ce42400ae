"""All the stages on one buffer, threads and all, on a face that moves: the same output from run to run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import override

from smiledet.buffer import FrameBuffer
from smiledet.detection.detectors.haar import FOLLOWING, HaarDetector
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import FaceLocator
from smiledet.engines.base import Engine
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, ChipSpec, Frame, Image
from smiledet.model_index import Model
from smiledet.shared_network import SharedNetwork
from smiledet.shipped_models import shipped_aligner
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import PORTRAITS
from smiledet.stage_spec import Policy, StageSpec
from smiledet.tasks.smile import TASK
from smiledet.telemetry.rate import RateMeter
from smiledet.workers import aligner, drawer, locator
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import Worker
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.grabber import Grabber
from smiledet.workers.locator import LocatorWorker
from smiledet.workers.sink import SinkWorker
from smiledet.workers.thread import StageThread
from smiledet.workers.track_labels import TrackLabels

LIMIT = 60.0

SPEC = ChipSpec(64)
ROW = Model(TASK.name, "any", "any", TASK.labels, SPEC, "", {})

SINK = "sink"

FRAMES = 24


class Moving(Source):
    """Eileen Collins drifts to the right; in the middle comes Grace Hopper."""

    live = False
    description = "moving"

    def __init__(self, photographs: list[Image]) -> None:
        self._photographs = [cv2.resize(photograph, (320, 320)) for photograph in photographs]
        self._next = 0

    @override
    def open(self) -> None: ...

    @override
    def read(self) -> Picture | None:
        number = self._next
        self._next += 1
        if number == FRAMES:
            return None
        which = 1 if FRAMES // 3 <= number < 2 * FRAMES // 3 else 0
        image = np.roll(self._photographs[which], 2 * number, axis=1)
        return Picture(image, number / 30, independent=number in (0, FRAMES // 3, 2 * FRAMES // 3))

    @override
    def close(self) -> None: ...


class Contrast(Engine):
    """Reads something that differs from chip to chip; fails on some."""

    device = "none"

    def __init__(self, path: Path = Path(), threads: int = 1, fails: bool = False) -> None:
        self._fails = fails

    @override
    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if self._fails and int(chips[0].sum()) % 5 == 1:
            raise ValueError("an unlucky sum")
        smiling = np.clip(chips.reshape(len(chips), -1).std(axis=1) / 128, 0, 1)
        return np.stack([1 - smiling, smiling], axis=1).astype(np.float32)


class Memory(Sink):
    """Keeps what it is given."""

    description = "memory"

    def __init__(self) -> None:
        self.written: list[tuple[int, Annotation]] = []

    @override
    def open(self) -> None: ...

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self.written.append((frame.id, annotation))

    @override
    def close(self) -> None: ...


def run(photographs: list[Image], fails: bool, workers: int) -> tuple[Memory, FrameBuffer]:
    """Every stage in threads of its own, until the source ends."""
    stages = [
        StageSpec(locator.STAGE),
        StageSpec(aligner.STAGE, frozenset({locator.STAGE})),
        StageSpec(TASK.name, frozenset({aligner.STAGE})),
        StageSpec(drawer.STAGE, frozenset({locator.STAGE, TASK.name})),
        StageSpec(SINK, frozenset({drawer.STAGE}), in_order=True),
    ]
    buffer = FrameBuffer(stages, Policy.EVERY_FRAME)
    track_labels, memory = TrackLabels([TASK]), Memory()
    problems: list[SmiledetError] = []

    def on_end(thread: StageThread, problem: SmiledetError | None) -> None:
        if problem is not None:
            problems.append(problem)
            buffer.close()

    ready = threading.Semaphore(0)
    common: dict[str, Any] = {"buffer": buffer, "on_end": on_end, "on_ready": lambda _: ready.release()}

    def create_locator() -> FaceLocator:
        return FaceLocator(HaarDetector(), HaarDetector(FOLLOWING), FaceTracker())

    def load() -> Engine:
        return Contrast()

    threads: list[Worker] = [
        LocatorWorker(create_locator, **common),
        *(AlignerWorker(shipped_aligner, [SPEC], **common) for _ in range(workers)),
        *(ClassifierWorker(SharedNetwork((TASK,), (ROW,)), load, {"": track_labels}, **common) for _ in range(workers)),
        DrawerWorker([TASK], track_labels, RateMeter(), **common),
        SinkWorker(SINK, memory, **common),
    ]
    for thread in threads:
        thread.start()
        assert ready.acquire(timeout=LIMIT)
        if fails and isinstance(thread, ClassifierWorker):
            assert isinstance(thread._engine, Contrast)
            thread._engine._fails = True
    grabber = Grabber(Moving(photographs), buffer, on_end=on_end)
    grabber.start()
    assert all(thread.join(LIMIT) for thread in (grabber, *threads))
    assert problems == []
    return memory, buffer


@pytest.mark.parametrize("fails", [False, True])
def test_a_chain_of_threads_gives_the_same_output_as_often_as_it_is_run(
    fails: bool, photographs: list[Image], caplog: pytest.LogCaptureFixture
) -> None:
    (alone, counted), (together, _) = (run(photographs, fails, workers) for workers in (1, 3))
    assert [number for number, _ in alone.written] == list(range(FRAMES))
    assert [number for number, _ in together.written] == list(range(FRAMES))
    for (_, one), (_, other) in zip(alone.written, together.written, strict=True):
        assert one.readings == other.readings
        assert (one.image == other.image).all()
    # A face on every frame: a new one after each cut.
    tracks = [[reading.face.track for reading in annotation.readings] for _, annotation in alone.written]
    third = FRAMES // 3
    assert [len(of_frame) for of_frame in tracks] == [1] * FRAMES
    assert [len({track for (track,) in tracks[start : start + third]}) for start in (0, third, 2 * third)] == [1] * 3
    assert len({track for (track,) in tracks}) == 3
    count = counted.counts()[TASK.name]
    assert (count.failed > 0) == fails
    assert count.processed + count.failed == FRAMES


def test_the_drawn_box_lies_on_the_face(photographs: list[Image]) -> None:
    (x, y), (height, width, _) = PORTRAITS[0].centre, photographs[0].shape
    memory, _ = run(photographs, False, 1)
    for number, annotation in memory.written:
        if FRAMES // 3 <= number < 2 * FRAMES // 3:
            continue
        centre = annotation.readings[0].face.box.centre
        # Her face's middle in the resized photograph, as far to the right as it has drifted.
        assert centre == pytest.approx((x * 320 / width + 2 * number, y * 320 / height), abs=10)
