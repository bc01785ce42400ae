"""The threads that read the faces: one class, a task each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.engines.mirror_averaging import is_mirrored_frame, mirrored, read
from smiledet.frame import ChipSpec, Frame, Prediction
from smiledet.tasks.base import Task
from smiledet.workers.aligner import aligned_faces_of
from smiledet.workers.base import Worker
from smiledet.workers.track_labels import PostedPrediction, TrackLabels


class ClassifierWorker(Worker):
    """Runs a task's network on every face of a frame.

    Args:
        task: What it reads; also the stage's name.
        spec: Geometry of the chips that the network takes.
        create: Loads the network, in the thread: an engine belongs to the thread that made it.
        track_labels: Where the readings go.
        mirror_averaging: Whether the network is shown mirror images as well: of a photograph both, of a video in turn.
        common: See `Worker`.
    """

    def __init__(
        self,
        task: Task,
        spec: ChipSpec,
        create: Callable[[], Engine],
        track_labels: TrackLabels,
        mirror_averaging: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(task.name, **common)
        self._task = task
        self._spec = spec
        self._create = create
        self._track_labels = track_labels
        self._mirror_averaging = mirror_averaging
        self._engine: Engine | None = None

    def setup(self) -> None:
        """Load the network and run it once, so that the first face does not wait for it."""
        self._engine = self._create()
        self._engine.predict(np.zeros((1, self._spec.size, self._spec.size, self._spec.channels), np.uint8))

    def teardown(self) -> None:
        """Free the network."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def process(self, frame: Frame) -> tuple[Prediction, ...]:
        """Read every face; the predictions stand in the order of the faces."""
        faces = aligned_faces_of(frame)
        if not faces or self._engine is None:
            return ()
        shape = (self._spec.size, self._spec.size, self._spec.channels)
        chips = [aligned.chips[self._spec].reshape((1, *shape)) for _, aligned in faces]
        batch = chips[0] if len(chips) == 1 else np.concatenate(chips)
        predictions = tuple(self._task.predict(row) for row in self._scores(self._engine, frame, batch))
        self._track_labels.post(
            PostedPrediction(frame.id, face.track, self._task.name, frame.timestamp, prediction)
            for (face, _), prediction in zip(faces, predictions, strict=True)
        )
        return predictions

    def _scores(self, network: Engine, frame: Frame, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probability by label of each chip (n, height, width, channels) of a frame."""
        if frame.independent or not self._mirror_averaging:
            return read(network, chips, self._mirror_averaging)
        return network.predict(mirrored(chips) if is_mirrored_frame(frame.id) else chips)
