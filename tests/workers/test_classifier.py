"""The classifiers' threads: a network each, one track_labels for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import override

from smiledet.buffer import FrameBuffer
from smiledet.engines.base import Engine
from smiledet.errors import UsageError
from smiledet.frame import Box, ChipSpec, Face, Frame, Prediction
from smiledet.model_index import Model
from smiledet.shared_network import SharedNetwork
from smiledet.stage_spec import Policy, StageSpec
from smiledet.tasks.base import Task
from smiledet.workers import aligner
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.track_labels import TrackLabels

LIMIT = 20.0

TASK = Task("light", ("dark", "bright"), {}, smoothing=0.0, hysteresis=0.0)
SPEC = ChipSpec(8)

AlignedFrames = Callable[[int, list[int], ChipSpec], Frame]


class Brightness(Engine):
    """Reads how bright a chip is; belongs to the thread that made it."""

    device = "none"

    def __init__(self, path: Path = Path(), threads: int = 1) -> None:
        self._thread = threading.get_ident()
        self.batches: list[tuple[int, ...]] = []
        self.seen: list[npt.NDArray[Any]] = []
        self.closed = 0

    @override
    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        assert threading.get_ident() == self._thread
        assert not self.closed
        self.batches.append(chips.shape)
        self.seen.append(chips)
        bright = chips.reshape(len(chips), -1).mean(axis=1) / 255
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)

    @override
    def close(self) -> None:
        assert threading.get_ident() == self._thread
        self.closed += 1


def network(spec: ChipSpec = SPEC, mirror_averaging: bool = False) -> SharedNetwork:
    """One that reads the task alone."""
    return SharedNetwork((TASK,), (row(TASK, spec, mirror_averaging=mirror_averaging),))


def row(task: Task, spec: ChipSpec = SPEC, **more: Any) -> Model:
    """A row of the index."""
    return Model(task.name, "any", "any", task.labels, spec, "", {}, **more)


class Crew:
    """Workers of one task on one buffer."""

    def __init__(
        self, frames: list[Frame], ends: Any, workers: int = 1, spec: ChipSpec = SPEC, mirror_averaging: bool = False
    ) -> None:
        self.track_labels = TrackLabels([TASK])
        self.engines: list[Brightness] = []
        self.buffer = FrameBuffer([StageSpec(TASK.name)], Policy.EVERY_FRAME, capacity=max(2, len(frames)))
        for frame in frames:
            self.buffer.publish(frame)
        self.buffer.end()
        self.threads = [
            ClassifierWorker(
                network(spec, mirror_averaging),
                self.load,
                {"": self.track_labels},
                buffer=self.buffer,
                on_end=ends,
                name=f"light {number}",
            )
            for number in range(workers)
        ]

    def load(self) -> Engine:
        engine = Brightness()
        self.engines.append(engine)
        return engine

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        assert all(thread.join(LIMIT) for thread in self.threads)


def test_predictions_stand_in_the_order_of_the_faces(aligned_frame: AlignedFrames, ends: Any) -> None:
    frame = aligned_frame(0, [51, 204, 153], SPEC)
    Crew([frame], ends).run()
    predictions: list[Prediction] = [face[TASK.name] for face in frame.results[TASK.name]]
    assert [prediction.label for prediction in predictions] == ["dark", "bright", "bright"]
    assert [prediction.scores["bright"] for prediction in predictions] == pytest.approx([0.2, 0.8, 0.6], abs=1e-6)
    assert ends.problems == [None]


def test_readings_go_to_the_board_by_track(aligned_frame: AlignedFrames, ends: Any) -> None:
    crew = Crew([aligned_frame(0, [51, 204], SPEC)], ends)
    crew.run()
    box = Box(0, 0, 1, 1)
    read = crew.track_labels.read([Face(box, 1.0, 2, box), Face(box, 1.0, 1, box)], frame=0)
    assert [reading.predictions["light"].label for reading in read] == ["bright", "dark"]


@pytest.mark.parametrize("spec", [ChipSpec(8), ChipSpec(12, 0.8, 3)])
def test_the_network_is_warmed_up_and_then_gets_all_faces_at_once(
    spec: ChipSpec, aligned_frame: AlignedFrames, ends: Any
) -> None:
    crew = Crew([aligned_frame(0, [10, 20, 30], spec)], ends, spec=spec)
    crew.run()
    (engine,) = crew.engines
    side = (spec.size, spec.size, spec.channels)
    assert engine.batches == [(1, *side), (3, *side)]
    assert engine.closed == 1


class TestBothViews:
    def seen(self, frames: list[Frame], ends: Any) -> list[npt.NDArray[Any]]:
        """What the network was shown, but for the warm-up."""
        for frame in frames:
            for _, face in aligner.aligned_faces_of(frame):
                chip = face.chips[SPEC]
                chip[:, 0] = 0  # left and right have to differ
        crew = Crew(frames, ends, mirror_averaging=True)
        crew.run()
        return crew.engines[0].seen[1:]

    def test_a_video_shows_them_in_turn(self, aligned_frame: AlignedFrames, ends: Any) -> None:
        seen = self.seen([aligned_frame(number, [200], SPEC) for number in range(8)], ends)
        assert [int(chips[0, 0, 0, 0] != 0) for chips in seen] == [0, 1, 0, 1, 0, 0, 1, 0]
        assert [int(chips[0, 0, -1, 0] != 0) for chips in seen] == [1, 0, 1, 0, 1, 1, 0, 1]

    def test_a_photograph_shows_both(self, aligned_frame: AlignedFrames, ends: Any) -> None:
        frame = aligned_frame(0, [200, 100], SPEC)
        frame.independent = True
        seen = self.seen([frame], ends)
        assert [chips.shape for chips in seen] == [(2, 8, 8, 1)] * 2
        assert np.array_equal(seen[0], seen[1][:, :, ::-1])
        (first, second) = frame.results[TASK.name]
        assert first["light"].scores["bright"] > second["light"].scores["bright"]

    def test_another_model_sees_one(self, aligned_frame: AlignedFrames, ends: Any) -> None:
        crew = Crew([aligned_frame(number, [200], SPEC) for number in range(4)], ends)
        crew.run()
        assert all(np.array_equal(chips, crew.engines[0].seen[1]) for chips in crew.engines[0].seen[1:])


def test_without_faces_the_network_rests(aligned_frame: AlignedFrames, ends: Any) -> None:
    nobody, failed = aligned_frame(0, [], SPEC), aligned_frame(1, [1], SPEC)
    failed.results[aligner.STAGE] = None
    crew = Crew([nobody, failed], ends)
    crew.run()
    assert nobody.results[TASK.name] == failed.results[TASK.name] == ()
    assert len(crew.engines[0].batches) == 1  # the warm-up


@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_read_every_frame_once(workers: int, aligned_frame: AlignedFrames, ends: Any) -> None:
    frames = [aligned_frame(number, [number, 255 - number], SPEC) for number in range(60)]
    crew = Crew(frames, ends, workers)
    crew.run()
    assert ends.problems == [None] * workers
    assert len(crew.engines) == workers
    assert sum(len(engine.batches) - 1 for engine in crew.engines) == 60
    for number, frame in enumerate(frames):
        scores = [face["light"].scores["bright"] for face in frame.results[TASK.name]]
        assert scores == pytest.approx([number / 255, 1 - number / 255], abs=1e-6)
    # Whoever finished when: the track_labels reads as if one had done it all.
    box = Box(0, 0, 1, 1)
    (read,) = crew.track_labels.read([Face(box, 1.0, 1, box)], frame=59)
    assert read.predictions["light"].scores["bright"] == pytest.approx(59 / 255, abs=1e-6)


def test_a_network_of_other_labels_fails_frame_by_frame(
    aligned_frame: AlignedFrames, ends: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Three(Brightness):
        @override
        def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            return np.full((len(chips), 3), 1 / 3, np.float32)

    frame = aligned_frame(0, [51], SPEC)
    crew = Crew([frame], ends)
    crew.threads = [ClassifierWorker(network(), Three, {"": crew.track_labels}, buffer=crew.buffer, on_end=ends)]
    crew.run()
    assert frame.results[TASK.name] is None
    assert "stage light failed on frame 0: ValueError(" in caplog.text


def test_a_network_that_cannot_be_loaded_ends_the_run(aligned_frame: AlignedFrames, ends: Any) -> None:
    def fail() -> Engine:
        raise UsageError("model light/x: x.tflite is damaged")

    crew = Crew([aligned_frame(0, [51], SPEC)], ends)
    crew.threads = [ClassifierWorker(network(), fail, {"": crew.track_labels}, buffer=crew.buffer, on_end=ends)]
    crew.run()
    assert ends.message == "model light/x: x.tflite is damaged"
