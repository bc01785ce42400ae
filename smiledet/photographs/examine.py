"""From a file to what the store takes: its content's hash, its faces, and what they are worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from smiledet.config import Config
from smiledet.detection.detectors.fcos import SHIPPED
from smiledet.detection.photographs import detector_name
from smiledet.errors import SourceError
from smiledet.frame import FaceReading, GreyImage
from smiledet.model_index import find_model, sha256
from smiledet.model_plan import ModelPlan
from smiledet.photographs.discover import is_video
from smiledet.photographs.exif import taken
from smiledet.photographs.memory_budget import MemoryBudget, TooLargeError
from smiledet.photographs.quality import face_sharpness, overview, perceptual_hash, sharpness
from smiledet.photographs.reading import PhotographStages
from smiledet.photographs.records import Edition, NewFace, NewPhotograph, NewReading, StoredFile
from smiledet.sources.decoding import Decoded, Decoder, Ready, bytes_to_decode, decode, read_bytes
from smiledet.tasks.base import Task

VERSION = 2
"""Of what is read besides the models' answers: sharpness, hash, pose. It grows where one of them changes."""

HASH_BYTES = 16

CHUNK = 1 << 20

MANY = 8_000_000
"""Bytes from which a file is rather read again, from the system's cache, than held."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a file.

    Attributes:
        photographs: What was read: one photograph, or a video's frames.
        file: The file where its content is in the store already, or where it is a video; else None.
        unread: Why it could not even be opened; None if it could.
    """

    photographs: tuple[NewPhotograph, ...] = ()
    file: StoredFile | None = None
    unread: str | None = None


def edition_of(plan: ModelPlan, config: Config) -> Edition:
    """What photographs are read with under a plan and a configuration."""
    models = {task.name: f"{plan.models[task.name].name} {sha256(plan.files[task.name])}" for task in plan.tasks}
    _, equals, file = config.photographs.detector.partition("=")
    detector = detector_name(config.photographs)
    if equals:
        detector += f" {sha256(Path(file).expanduser())}"
    elif detector == SHIPPED:
        detector += f" {find_model('detector', SHIPPED).files['litert'].sha256}"
    settings = {
        **models,
        "landmarks": json.dumps(sorted(each.sha256 for each in plan.landmarks.files.values())),
        "detector": detector,
        "faces": config.photographs.faces,
        "max_distortion": str(config.aligner.max_distortion),
        "version": str(VERSION),
    }
    return Edition({task.name: task.labels for task in plan.tasks}, settings)


class Known(Protocol):
    """What has been read before; a store, mostly."""

    def has(self, content: str) -> bool:
        """See `smiledet.photographs.store.Store.has`."""

    def has_video(self, video: StoredFile, every: float) -> bool:
        """See `smiledet.photographs.store.Store.has_video`."""


class Examiner:
    """Examines files; any number of threads may share it.

    Args:
        known: Asked whether a content is known.
        tasks: What is read.
        budget: What photographs may take.
        every: Seconds between the frames of a video.
        cancelled: Asked between the frames of a video.
    """

    def __init__(
        self,
        known: Known,
        tasks: tuple[Task, ...],
        budget: MemoryBudget,
        every: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self._known, self._tasks = known, tasks
        self._budget = budget
        self._every = every
        self._cancelled = cancelled

    def examine(self, stages: PhotographStages, path: Path) -> Examined:
        """Read a file, unless the store knows its content.

        Args:
            stages: The calling thread's.
            path: Absolute.
        """
        try:
            return self._video(stages, path) if is_video(path) else self._photograph(stages, path)
        except OSError as problem:
            return Examined(unread=problem.strerror or str(problem))
        except TooLargeError as problem:
            return Examined(unread=str(problem))
        except ValueError as problem:
            return Examined(unread=str(problem))

    def _photograph(self, stages: PhotographStages, path: Path) -> Examined:
        state = path.stat()  # before it is read: a file that is written meanwhile is another one next time
        with self._budget.share() as share:
            share.take(state.st_size)
            content = _Content(path)
            file = StoredFile(path, content.hash, state.st_mtime_ns, state.st_size)
            if self._known.has(file.hash):
                return Examined(file=file)

            def decoder(side: float, colour: bool = True) -> Decoded:
                wanted = bytes_to_decode(content.data, side, colour) if content.data else 0
                content.let_go()
                share.take(state.st_size + wanted)
                decoded = decode(content.data, side, colour)
                content.let_go()
                share.take(2 * decoded.image.nbytes)  # it is evened out, perhaps
                return decoded

            try:
                return Examined((self._read(stages, decoder, file, taken(content.data)),))
            except ValueError as problem:
                return Examined((NewPhotograph(file, failed=str(problem)),))

    def _video(self, stages: PhotographStages, path: Path) -> Examined:
        state = path.stat()
        video = StoredFile(path, "", state.st_mtime_ns, state.st_size)
        if self._known.has_video(video, self._every):
            return Examined(file=video)
        content, frames = _hash_of(path), []
        for position, image in _frames(path, self._every):
            if self._cancelled():
                return Examined(unread="cancelled")
            file = StoredFile(path, f"{content}@{position:.3f}", video.mtime_ns, video.bytes, position)
            with self._budget.share() as share:
                share.take(2 * image.nbytes)
                frames.append(self._read(stages, Ready(image), file, None))
        return Examined(tuple(frames), video)

    def _read(self, stages: PhotographStages, decoder: Decoder, file: StoredFile, time: str | None) -> NewPhotograph:
        found = stages.read(decoder, str(file.path))
        reading, small = found.reading, overview(found.grey)
        return NewPhotograph(
            file,
            *reading.size,
            faces=tuple(self._face(face, found.grey, found.scale) for face in reading.faces),
            taken=time,
            sharpness=sharpness(small),
            phash=perceptual_hash(small),
            detector=reading.detector,
            turned=reading.turned,
        )

    def _face(self, face: FaceReading, grey: GreyImage, scale: int) -> NewFace:
        smile = face.predictions.get("smile")
        readings = {}
        for task in self._tasks:
            answer = face.predictions[task.name]
            number = None if task.numbers is None else float(answer.label)
            scores = [answer.scores[label] for label in task.labels]
            readings[task.name] = NewReading(answer.label, answer.score, scores, number)
        return NewFace(
            face.box,
            face.score,
            readings,
            face.pose,
            face.eyes_open,
            smile.scores["smiling"] if smile else None,
            face_sharpness(grey, face.box.times(1 / scale)),
            face.mouth_open,
        )


class _Content:
    """What stands in a file; not held while others are waited for.

    Args:
        path: The file.

    Raises:
        ValueError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: bytes | None = read_bytes(path)
        self.hash = _hash(self._held)

    @property
    def data(self) -> bytes:
        """The bytes of which `hash` is the hash.

        Raises:
            ValueError: They are others now, or cannot be read.
        """
        if self._held is None:
            self._held = read_bytes(self._path)
            if _hash(self._held) != self.hash:
                raise ValueError("it was written to while it was read")
        return self._held

    def let_go(self) -> None:
        """Forget the bytes where they are many."""
        if self._held is not None and len(self._held) >= MANY:
            self._held = None


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=HASH_BYTES).hexdigest()


def _hash_of(path: Path) -> str:
    digest = blake2b(digest_size=HASH_BYTES)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _frames(path: Path, every: float) -> Iterator[tuple[float, Any]]:
    """A video's pictures that many seconds apart, the first included, each with its position.

    Raises:
        ValueError: It is no video that can be read.
    """
    from smiledet.sources.video import VideoSource  # its libraries take memory

    source = VideoSource(path)
    try:
        source.open()
        due = 0.0
        while (picture := source.read()) is not None:
            if picture.timestamp >= due:
                yield round(picture.timestamp, 3), picture.image
                due = every * (picture.timestamp // every + 1)
    except SourceError as problem:
        raise ValueError(str(problem)) from problem
    finally:
        source.close()
