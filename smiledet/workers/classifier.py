"""The threads that read the faces: one class, a network each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.engines.mirror_averaging import is_mirrored_frame, look, mirrored
from smiledet.frame import Frame, Prediction
from smiledet.shared_network import SharedNetwork
from smiledet.workers.aligner import aligned_faces_of
from smiledet.workers.base import Worker
from smiledet.workers.explainer import Explainer
from smiledet.workers.track_labels import PostedPrediction, TrackLabels


class ClassifierWorker(Worker):
    """Runs a network on every face of a frame.

    Where it takes mirror images as well, it is shown both views of a photograph, and those of a video in turn.

    Args:
        network: The tasks that it reads, and its chips; its name is the stage's.
        create: Loads the network, in the thread: an engine belongs to the thread that made it.
        track_labels: Where the readings go.
        explainer: Shows what one of the tasks' labels depend on; None for nobody.
        common: See `Worker`.
    """

    def __init__(
        self,
        network: SharedNetwork,
        create: Callable[[], Engine],
        track_labels: TrackLabels,
        explainer: Explainer | None = None,
        **common: Any,
    ) -> None:
        super().__init__(network.stage, **common)
        self._network = network
        self._spec = network.spec
        self._create = create
        self._track_labels = track_labels
        self._explainer = explainer
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

    def process(self, frame: Frame) -> tuple[Mapping[str, Prediction], ...]:
        """Read every face; the predictions of each, by task, stand in the order of the faces."""
        faces = aligned_faces_of(frame)
        if not faces or self._engine is None:
            return ()
        shape = (self._spec.size, self._spec.size, self._spec.channels)
        chips = [aligned.chips[self._spec].reshape((1, *shape)) for _, aligned in faces]
        batch = chips[0] if len(chips) == 1 else np.concatenate(chips)
        answers = tuple(self._network.answers(self._rows(self._engine, frame, batch)))
        self._track_labels.post(
            PostedPrediction(frame.id, face.track, task, frame.timestamp, prediction)
            for (face, _), predictions in zip(faces, answers, strict=True)
            for task, prediction in predictions.items()
        )
        if self._explainer is not None:
            self._explainer.offer(frame, tuple(each[self._explainer.task] for each in answers))
        return answers

    def _rows(self, engine: Engine, frame: Frame, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """What the network says of each chip (n, height, width, channels) of a frame."""
        both = self._network.mirror_averaging
        if frame.independent or not both:
            return look(engine, chips, both)
        return engine.predict(mirrored(chips) if is_mirrored_frame(frame.id) else chips)
