"""The threads that read the faces: one class, a network each, which reads the faces of all sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.engines.mirror_averaging import Chips, is_mirrored_frame, look, mirrored
from smiledet.frame import AlignedFace, Face, Frame, Prediction
from smiledet.shared_network import SharedNetwork
from smiledet.workers.aligner import aligned_faces_of
from smiledet.workers.base import Worker
from smiledet.workers.explainer import Explainer
from smiledet.workers.track_labels import PostedPrediction, TrackLabels


class ClassifierWorker(Worker):
    """Runs a network on every face of a frame, or of a frame of each source, in one batch.

    Where it takes mirror images as well, it is shown both views of a photograph, and those of a video in turn.

    Args:
        network: The tasks that it reads, and its chips; its name is the stage's.
        create: Loads the network, in the thread: an engine belongs to the thread that made it.
        track_labels: Where the readings go, by the source's name.
        explainers: Show what one task's labels depend on, by the source's name; None for nobody.
        common: See `Worker`.

    Attributes:
        network: See above; any thread may put another in its place that differs in its tasks' settings alone.
    """

    def __init__(
        self,
        network: SharedNetwork,
        create: Callable[[], Engine],
        track_labels: Mapping[str, TrackLabels],
        explainers: Mapping[str, Explainer] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(network.stage, **common)
        self.network = network
        self._spec = network.spec
        self._create = create
        self._track_labels = track_labels
        self._explainers = explainers or {}
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

    def claim(self) -> list[Frame]:
        """See `Worker.claim`."""
        return self._buffer.batch(self.stage)

    def process(self, frame: Frame) -> tuple[Mapping[str, Prediction], ...]:
        """Read every face; the predictions of each, by task, stand in the order of the faces."""
        return self.process_batch([frame])[0]

    def process_batch(self, frames: Sequence[Frame]) -> list[tuple[Mapping[str, Prediction], ...]]:
        """Read every face of some frames, all at once; see `process`."""
        # Where models have been switched a frame may have other chips.
        faces = [[each for each in aligned_faces_of(frame) if self._spec in each[1].chips] for frame in frames]
        shown = [(frame, self._chips(each)) for frame, each in zip(frames, faces, strict=True) if each]
        if not shown or self._engine is None:
            return [() for _ in frames]
        answers = iter(self.network.answers(self._rows(self._engine, shown)))
        read: list[tuple[Mapping[str, Prediction], ...]] = [tuple(next(answers) for _ in each) for each in faces]
        for frame, each, found in zip(frames, faces, read, strict=True):
            self._track_labels[frame.source].post(
                PostedPrediction(frame.id, face.track, task, frame.timestamp, prediction)
                for (face, _), predictions in zip(each, found, strict=True)
                for task, prediction in predictions.items()
            )
            if (explainer := self._explainers.get(frame.source)) is not None:
                explainer.offer(frame, each, found)
        return read

    def _chips(self, faces: Sequence[tuple[Face, AlignedFace]]) -> Chips:
        shape = (self._spec.size, self._spec.size, self._spec.channels)
        return _together([aligned.chips[self._spec].reshape((1, *shape)) for _, aligned in faces])

    def _rows(self, engine: Engine, shown: Sequence[tuple[Frame, Chips]]) -> npt.NDArray[np.float32]:
        """What the network says of the chips (n, height, width, channels) of some frames, one frame after the other."""
        both = self.network.mirror_averaging
        if all(frame.independent for frame, _ in shown) or not both:
            return look(engine, _together([chips for _, chips in shown]), both)
        if any(frame.independent for frame, _ in shown):
            return np.concatenate([self._rows(engine, [each]) for each in shown])
        return engine.predict(
            _together([mirrored(chips) if is_mirrored_frame(frame.id) else chips for frame, chips in shown])
        )


def _together(chips: Sequence[Chips]) -> Chips:
    return chips[0] if len(chips) == 1 else np.concatenate(chips)
