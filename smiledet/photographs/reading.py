"""Reading one photograph: the stages one after the other, and threads that each have their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import align_faces
from smiledet.alignment.chips import ImagePyramid, box_map, cut_chip
from smiledet.alignment.head import describe_head
from smiledet.config import Config
from smiledet.detection.photographs import PhotographLocator
from smiledet.engines.mirror_averaging import look
from smiledet.exposure import even_out, measure, table_of
from smiledet.frame import AlignedFace, Box, Detection, Face, FaceReading, GreyImage, Image, Prediction
from smiledet.model_plan import ModelPlan
from smiledet.results import Reading
from smiledet.shipped_models import make_aligner
from smiledet.sources.decoding import NEEDED, Decoded, Decoder
from smiledet.system.processes import give_way, usable_processors

T = TypeVar("T")

MOST_WORKERS = 8
"""Threads at most where nobody says how many: each holds models of its own, some 30 MB."""


def usual_workers() -> int:
    """Photographs that are read at once where nobody says how many: one a processor."""
    return min(MOST_WORKERS, usable_processors())


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a photograph, and from what.

    Attributes:
        reading: The reading.
        grey: The picture that the faces were read from, in grey.
        scale: Pixels of the file for one of `grey`, along each side.
    """

    reading: Reading
    grey: GreyImage
    scale: int


class _Picture:
    """A decoded photograph, in colour (where it was decoded so) and grey, evened out."""

    def __init__(self, decoded: Decoded) -> None:
        self.decoded = decoded
        in_grey = decoded.image.ndim == 2
        grey = decoded.image if in_grey else cv2.cvtColor(decoded.image, cv2.COLOR_BGR2GRAY)
        table = table_of(measure(grey))
        self.grey = even_out(grey, table)
        self.image = None if in_grey else even_out(decoded.image, table)

    def side_for(self, smallest: Box) -> float:
        """The longer side that leaves a face `NEEDED` pixels, if it has fewer here than in the file; else 0."""
        side: float = min(smallest.width, smallest.height)
        return NEEDED * max(self.grey.shape) / side if self.decoded.scale > 1 and side < NEEDED else 0.0


class PhotographStages:
    """What one thread reads photographs with: the models of a plan, loaded.

    Args:
        plan: The models.
        config: Every other setting.
    """

    def __init__(self, plan: ModelPlan, config: Config) -> None:
        self._plan = plan
        self._locator = PhotographLocator(config.photographs)
        self._aligner = make_aligner(plan.landmarks, config.aligner.max_distortion)
        self._networks = [(network, plan.load(network)) for network in plan.networks]

    def read(self, decoder: Decoder, file: str | None) -> Read:
        """Find and read the faces of a photograph; boxes and landmarks are in pixels of the whole file.

        It is decoded at the size at which it is searched; and once more, larger, where a face has fewer than `NEEDED`
        pixels there and more in the file.

        Args:
            decoder: The photograph.
            file: Its name.
        """
        colour = any(spec.channels == 3 for spec in self._plan.chips)
        picture = _Picture(decoder(self._locator.side, colour))
        found = self._locator.find(picture.grey)
        detections = sorted(found.detections, key=lambda face: -face.box.area)
        if detections and (side := picture.side_for(detections[-1].box)):
            scale = picture.decoded.scale
            del picture  # two of them would be held at once
            picture = _Picture(decoder(side, colour))
            larger = scale / picture.decoded.scale
            detections = [replace(face, box=face.box.times(larger)) for face in detections]
        decoded = picture.decoded
        read = self._faces(picture.image, picture.grey, detections, found.turned)
        faces = tuple(face.times(decoded.scale) for face in read)
        size = decoded.full_size or (decoded.image.shape[1], decoded.image.shape[0])
        kept = None if decoded.full_size else decoded.image
        reading = Reading(kept, size, faces, self._plan.tasks, file, detector=found.detector, turned=found.turned)
        return Read(reading, picture.grey, decoded.scale)

    def hand_back(self) -> None:
        """Let go of the memory of the last search, which is the most of it; any thread may, while no search goes on."""
        self._locator.hand_back()

    def close(self) -> None:
        """Free the models."""
        for _, engine in self._networks:
            engine.close()

    def read_crops(self, crops: Sequence[Image], tasks: Sequence[str]) -> list[dict[str, Prediction]]:
        """What some tasks say of faces that are cut out already."""
        specs = self._plan.chips
        aligned = [AlignedFace(None, False, _whole(crop, specs)) for crop in crops]
        return self._predict(aligned, tasks)

    def _faces(
        self, image: Image | None, grey: GreyImage, found: Sequence[Detection], turned: int
    ) -> list[FaceReading]:
        aligned = align_faces(self._aligner, image, grey, [face.box for face in found], self._plan.chips, turned)
        answers = self._predict(aligned, [task.name for task in self._plan.tasks])
        return [
            describe_head(FaceReading(Face(face.box, face.score, rank, face.box), predictions, placed.landmarks), grey)
            for rank, (face, predictions, placed) in enumerate(zip(found, answers, aligned, strict=True), start=1)
        ]

    def _predict(self, faces: Sequence[AlignedFace], tasks: Sequence[str]) -> list[dict[str, Prediction]]:
        answers: list[dict[str, Prediction]] = [{} for _ in faces]
        if not faces:
            return answers
        for network, engine in self._networks:
            if not any(task.name in tasks for task in network.tasks):
                continue
            spec = network.spec
            shape = (len(faces), spec.size, spec.size, spec.channels)
            chips: npt.NDArray[np.uint8] = np.stack([face.chips[spec] for face in faces]).reshape(shape)
            rows = look(engine, chips, network.mirror_averaging)
            for answer, said in zip(answers, network.answers(rows), strict=True):
                answer.update(said)
        order = [task.name for task in self._plan.tasks if task.name in tasks]
        return [{name: answer[name] for name in order} for answer in answers]


class StagePool:
    """Threads with `PhotographStages` of their own: engines and detectors belong to the thread that made them.

    The models are loaded when a thread's first photograph comes. After a fork the threads start anew.

    Args:
        plan: The models.
        config: Every other setting.
        workers: Threads at most.
        nice: See `smiledet.system.processes.give_way`.
    """

    def __init__(self, plan: ModelPlan, config: Config, workers: int, nice: int = 0) -> None:
        self._plan, self._config = plan, config
        self.workers = workers
        self._nice = nice
        self._start()

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call a function in one of the threads, with its stages and the arguments.

        Raises:
            RuntimeError: The pool was closed.
        """
        if self._process != os.getpid():  # a fork has no threads but the one that forked
            self._start()
        return self._threads.submit(self._call, function, arguments)

    def close(self) -> None:
        """Let what was asked for end, and free the models; closing twice does no harm."""
        self._threads.shutdown()
        while self._made:  # their threads are gone
            self._made.pop().close()

    def hand_back(self) -> None:
        """Let go of the memory of the last searches, in every thread; no search may be going on."""
        for stages in self._made:
            stages.hand_back()

    def _start(self) -> None:
        self._process = os.getpid()
        self._own = threading.local()
        self._made: list[PhotographStages] = []
        self._threads = ThreadPoolExecutor(self.workers, "smiledet-read", partial(give_way, self._nice))

    def _call(self, function: Callable[..., T], arguments: Sequence[Any]) -> T:
        stages: PhotographStages | None = getattr(self._own, "stages", None)
        if stages is None:
            stages = self._own.stages = PhotographStages(self._plan, self._config)
            self._made.append(stages)
        return function(stages, *arguments)


def _whole(crop: Image, specs: Sequence[Any]) -> dict[Any, npt.NDArray[np.uint8]]:
    """The chips of a crop that is a face's box."""
    box = Box(0, 0, crop.shape[1], crop.shape[0])
    planes = {1: ImagePyramid(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), box), 3: ImagePyramid(crop, box)}
    return {spec: cut_chip(planes[spec.channels], box_map(box), spec) for spec in specs}
