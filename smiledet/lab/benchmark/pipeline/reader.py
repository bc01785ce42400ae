"""What `FaceReader.read` costs beside the stages that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from smiledet.alignment.aligner import align_faces
from smiledet.detection.photographs import PhotographLocator
from smiledet.engines.mirror_averaging import look
from smiledet.exposure import even_out, measure, table_of
from smiledet.frame import Image
from smiledet.model_plan import plan_models
from smiledet.options import choose
from smiledet.reader import FaceReader
from smiledet.shipped_models import make_aligner
from smiledet.sources.demo import backdrop, scene

WARM_UP = 5
"""Rounds that are not counted."""


@dataclass(frozen=True, slots=True)
class ReaderTimes:
    """Medians of so many rounds, in milliseconds of wall time; every round times each stage and the call once.

    Attributes:
        rounds: Rounds that were counted.
        faces: Faces in the picture.
        stages: By stage.
        together: Of the stages' sum in each round.
        call: Of `FaceReader.read`.
        ratio: Of the call over the stages' sum in the same round.
    """

    rounds: int
    faces: int
    stages: dict[str, float]
    together: float
    call: float
    ratio: float


def one_face() -> Image:
    """A picture of 640x480 pixels with one face: the demo's, without its right half."""
    image = scene(0)
    half = image.shape[1] // 2
    image[:, half:] = backdrop()[:, half : image.shape[1]]
    return image


class BareStages:
    """The stages one after the other, called as their own interfaces have it.

    Args:
        tasks: What to read.
    """

    def __init__(self, tasks: tuple[str, ...]) -> None:
        config = choose(None, tasks, None, None, "auto")
        self._plan = plan_models(config)
        self._locator = PhotographLocator(config.photographs)
        self._aligner = make_aligner(self._plan.landmarks, config.aligner.max_distortion)
        self._networks = [(network, self._plan.load(network)) for network in self._plan.networks]
        self.seconds: dict[str, float] = {}

    def read(self, image: Image) -> int:
        """Take a picture through all of them; the number of faces. `seconds` says afterwards what each took."""
        grey = self._timed("grey", partial(cv2.cvtColor, image, cv2.COLOR_BGR2GRAY))
        table = self._timed("exposure", lambda: table_of(measure(grey)))
        image, grey = even_out(image, table), even_out(grey, table)
        found = self._timed("locate", lambda: self._locator.find(grey))
        boxes = [face.box for face in found.detections]
        specs = self._plan.chips
        faces = self._timed("align", lambda: align_faces(self._aligner, image, grey, boxes, specs, found.turned))
        for network, engine in self._networks:
            spec = network.spec
            shape = (len(faces), spec.size, spec.size, spec.channels)
            chips = np.stack([face.chips[spec] for face in faces]).reshape(shape)
            self._timed(network.stage, partial(look, engine, chips, network.mirror_averaging))
        return len(faces)

    def _timed(self, stage: str, action: Callable[[], Any]) -> Any:
        started = perf_counter()
        result = action()
        self.seconds[stage] = perf_counter() - started
        return result


def measure_reader(rounds: int, tasks: tuple[str, ...] = ("smile", "emotion")) -> ReaderTimes:
    """Time a call and its stages in turn, on a picture of 640x480 with one face.

    Args:
        rounds: How often.
        tasks: What to read.
    """
    image, stages = one_face(), BareStages(tasks)
    taken: list[tuple[dict[str, float], float]] = []
    with FaceReader(tasks, workers=1) as reader:
        for _ in range(WARM_UP + rounds):
            faces = stages.read(image)
            started = perf_counter()
            reader.read(image)
            taken.append((dict(stages.seconds), perf_counter() - started))
    taken = taken[WARM_UP:]
    sums = [sum(each.values()) for each, _ in taken]
    return ReaderTimes(
        rounds=rounds,
        faces=faces,
        stages={name: 1000 * median(each[name] for each, _ in taken) for name in taken[0][0]},
        together=1000 * median(sums),
        call=1000 * median(call for _, call in taken),
        ratio=median(call / whole for (_, call), whole in zip(taken, sums, strict=True)),
    )
