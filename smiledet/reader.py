"""Reading faces in pictures: the first thing that a Python user meets."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from typing_extensions import Self

from smiledet.config import Config
from smiledet.detection.photographs import WORKING_SIDE, FaceSizes, PhotographLocator
from smiledet.errors import ImageError, SourceError, UsageError
from smiledet.frame import Prediction
from smiledet.model_plan import plan_models
from smiledet.options import choose, names
from smiledet.photographs.decode import Color, open_picture, to_image
from smiledet.photographs.reading import PhotographStages, StagePool, usual_workers
from smiledet.results import Reading, Table
from smiledet.sources.images import Unread, list_images
from smiledet.tasks.base import Task
from smiledet.tracker import Tracker

T = TypeVar("T")


class FaceReader:
    """Finds the faces of pictures and reads them.

    The models are chosen and checked once, here, and loaded by each of its threads when the first picture comes. Any
    number of threads may call it.

    Args:
        tasks: What to read: `smile`, `emotion`, `gender`, `age`.
        model: A model's name by task, for other than the default ones: `{"emotion": "mobilenet-075"}`.
            A model can be a file, too (`.tflite`, `.onnx`).
        models: A folder with models of your own, as `smiledet train` writes them; searched before those that ship.
        detector: The face detector: `auto` (`fcos`), `haar` (Viola-Jones), `hog`, `mmod`, `mtcnn`; None for that of
            `config`, as below.
        faces: The smallest faces wanted: `small`, `normal` or `large`; see `PhotographSettings`.
        engine: What runs the networks: `auto`, `litert`, `onnx`, `tensorrt` or `tensorflow`.
        workers: Pictures that are read at the same time at most; None for one a processor.
        config: Every other setting.

    Raises:
        UsageError: No such task, model, detector or engine, or it cannot run here.

    Examples:
        >>> from smiledet.sources.demo import scene
        >>> with FaceReader(tasks=("smile",)) as reader:
        ...     photo = reader.read(scene(0))
        >>> [face.smile.label for face in photo.faces]
        ['smiling', 'not smiling']
    """

    def __init__(
        self,
        tasks: Sequence[str] = ("smile", "emotion"),
        *,
        model: Mapping[str, str] | None = None,
        models: str | os.PathLike[str] | None = None,
        detector: str | None = None,
        faces: FaceSizes | None = None,
        engine: str = "auto",
        workers: int | None = None,
        config: Config | None = None,
    ) -> None:
        if faces not in (None, *WORKING_SIDE):
            raise UsageError(f"faces={faces!r}: expected one of {', '.join(WORKING_SIDE)}")
        if workers is not None and not (isinstance(workers, int) and workers >= 1):
            raise UsageError(f"workers={workers!r}: expected a whole number, 1 or more")
        config = choose(config, tasks, model, detector, engine, models)
        photographs = replace(config.photographs, faces=faces or config.photographs.faces)
        self._config = replace(config, photographs=photographs)
        PhotographLocator(photographs)  # a detector that is not installed is said now
        self._plan = plan_models(self._config)
        self._workers = workers or usual_workers()
        self._pool = StagePool(self._plan, self._config, self._workers)

    @property
    def device(self) -> str:
        """What runs the networks, in words."""
        return self._plan.device

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What it reads."""
        return self._plan.tasks

    def read(self, picture: Any, color: Color = "bgr") -> Reading:
        """Find and read the faces of one picture.

        Args:
            picture: A path, the bytes of an image file, a PIL image, or a uint8 array, grey or in colour, with or
                without alpha; see `smiledet.photographs.decode.to_image`.
            color: Order of an array's channels: `bgr`, as OpenCV has it, or `rgb`.

        Raises:
            ImageError: It is none of these, or cannot be decoded.
            UsageError: The reader was closed.
        """
        return self._submit(self._read, picture, color).result()

    def read_many(self, pictures: Any, color: Color = "bgr", progress: bool = False) -> Table:
        """Read many pictures, several at a time.

        Args:
            pictures: A folder, which is searched with the folders in it, or an iterable of what `read` takes; it is
                taken from as reading goes on.
            color: See `read`.
            progress: Show a progress bar on standard error.

        Returns:
            A reading for each picture that could be read, in order, and what could not be read. Pictures that come from
            files are not kept in memory, see `Reading.image`.

        Raises:
            ImageError: There is no such folder, or no photograph in it.
            UsageError: The reader was closed.
        """
        found, unread = _pictures(pictures)
        readings, failures = [], [(each.file, each.why) for each in unread]
        for picture, reading in self.read_each(_watched(found, progress), color):
            if isinstance(reading, ImageError):
                failures.append((_name(picture) or type(picture).__name__, str(reading)))
            else:
                readings.append(reading.without_image())
        return Table(tuple(readings), tuple(failures))

    def read_each(self, pictures: Iterable[Any], color: Color = "bgr") -> Iterator[tuple[Any, Reading | ImageError]]:
        """Read many pictures, several at a time, and hand out each as soon as it and those before it are read.

        Args:
            pictures: What `read` takes, one after the other; few are taken ahead of what is handed out.
            color: See `read`.

        Yields:
            The picture as it was given, and its reading, or what is wrong with it.

        Raises:
            UsageError: The reader was closed.
        """
        for picture, future in self._queued(pictures, color):
            try:
                yield picture, future.result()
            except ImageError as problem:  # noqa: PERF203 - reading takes ten thousand times longer
                yield picture, problem

    def _queued(self, pictures: Iterable[Any], color: Color) -> Iterator[tuple[Any, Future[Reading]]]:
        """The pictures and what becomes of them, in order; few are ahead: an interrupt need not wait for all."""
        ahead: deque[tuple[Any, Future[Reading]]] = deque()
        for picture in pictures:
            ahead.append((picture, self._submit(self._read, picture, color)))
            if len(ahead) > 2 * self._workers:
                yield ahead.popleft()
        yield from ahead

    def read_crops(
        self, crops: Sequence[Any], tasks: Sequence[str] | None = None, color: Color = "bgr"
    ) -> list[dict[str, Prediction]]:
        """Read faces that are cut out already: each picture is one face, framed as Viola-Jones frames it.

        Nothing is searched for or aligned. Such a crop shows the face from the middle of the forehead to the chin.

        Args:
            crops: Pictures as `read` takes them, or an array of several, (n, height, width, channels).
            tasks: Some of the reader's tasks; None for all.
            color: See `read`.

        Returns:
            For each crop the answers by task.

        Raises:
            ImageError: A crop is no picture.
            UsageError: The reader does not read one of the tasks, or was closed.
        """
        wanted = names(tasks, "tasks") if tasks is not None else tuple(task.name for task in self._plan.tasks)
        if others := [name for name in wanted if name not in self._plan.models]:
            raise UsageError(f"this reader does not read {', '.join(others)}; it reads {', '.join(self._plan.models)}")
        if not _are_many(crops) or isinstance(crops, (str, os.PathLike)):
            raise ImageError(f"read_crops takes a sequence of pictures; {_words(crops)} was given")
        pictures = [to_image(crop, color) for crop in crops]
        return self._submit(PhotographStages.read_crops, pictures, wanted).result()

    def track(self) -> Tracker:
        """Follow and read the faces of a video that you take the pictures of, with the reader's tasks and models.

        Each video takes a tracker of its own. It finds faces as `smiledet run` does in video: by Viola-Jones, unless
        the reader was told another detector.

        Returns:
            A context manager, with models of its own: it outlives the reader.

        Raises:
            UsageError: The reader was closed.

        Examples:
            >>> from smiledet.sources.demo import scene
            >>> with FaceReader(tasks=("smile",)) as reader, reader.track() as tracker:
            ...     for number in range(20):
            ...         reading = tracker.update(scene(number), timestamp=number / 30)
            >>> [(face.track, face.smile.label) for face in reading.faces]
            [(1, 'smiling'), (2, 'not smiling')]
        """
        self._submit(lambda _: None)  # is it open?
        return Tracker(self._config, self._plan)

    def close(self) -> None:
        """Free the models; closing twice does no harm."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        try:
            return self._pool.submit(function, *arguments)
        except RuntimeError as problem:
            raise UsageError("this FaceReader was closed") from problem

    def _read(self, stages: PhotographStages, picture: Any, color: Color) -> Reading:
        started = time.monotonic_ns()
        found = stages.read(open_picture(picture, color), _name(picture))
        return replace(found.reading, started_ns=started)


def _pictures(given: Any) -> tuple[Iterable[Any], Sequence[Unread]]:
    """The pictures, and what was found on the way and is none."""
    if isinstance(given, (str, os.PathLike)):
        folder = Path(os.path.expanduser(given))  # noqa: PTH111 - raises at nothing
        if not os.path.isdir(folder):  # noqa: PTH112 - Path's raises at what is too long for a name
            raise ImageError(
                f"no folder {folder}: read_many takes a folder or a list of pictures; read takes one picture"
            )
        try:
            found = list_images([folder])
        except SourceError as problem:
            raise ImageError(str(problem)) from problem
        return found.files, found.unread
    if not _are_many(given):
        raise ImageError(f"read_many takes a folder or a list of pictures; {_words(given)} was given")
    return given, ()


def _are_many(given: Any) -> bool:
    """Whether something is several pictures: of an array the rows of one picture would pass for grey pictures."""
    if isinstance(given, np.ndarray):
        return given.ndim == 4
    return isinstance(given, Iterable) and not isinstance(given, (bytes, bytearray, memoryview, Mapping))


def _words(given: Any) -> str:
    return f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"


def _watched(pictures: Iterable[Any], progress: bool) -> Iterable[Any]:
    if not progress:
        return pictures
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(pictures, unit="picture")
    return bar


def _name(picture: Any) -> str | None:
    return str(picture) if isinstance(picture, (str, os.PathLike)) else None
