"""Watching a camera, a stream or a clip from Python: the pipeline's threads, as an iterator."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike

from typing_extensions import Self, override

from smiledet.config import Config
from smiledet.detection.detectors.choose import name_of
from smiledet.detection.photographs import detector_name
from smiledet.errors import UsageError
from smiledet.frame import Annotation, Frame
from smiledet.options import choose, path_text
from smiledet.pipeline import Limits, Pipeline
from smiledet.results import Reading, video_reading
from smiledet.sinks.base import Sink
from smiledet.sources.base import Source
from smiledet.sources.choose import create_source
from smiledet.sources.pacing import Paced
from smiledet.supervisor import Supervisor

AHEAD = 2
"""Frames that may wait for the caller where every frame is handed out."""

END_WITHIN = 2.0
"""Seconds that the threads get to end."""


def watch(
    source: str | int | PathLike[str] | Source | None = None,
    tasks: Sequence[str] = ("smile", "emotion"),
    *,
    live: bool | None = None,
    model: Mapping[str, str] | None = None,
    models: str | PathLike[str] | None = None,
    detector: str | None = None,
    engine: str = "auto",
    max_frames: int | None = None,
    duration: float | None = None,
    config: Config | None = None,
) -> Watch:
    """Watch a camera, a stream, a clip or a folder of photographs, and read every face.

    The same threads run as under `smiledet run`. They begin at once, and end when the iterator does, is closed, or is
    not used any more.

    Args:
        source: What `smiledet run` takes: a camera (0, "/dev/video0"), a stream ("rtsp://…"), a clip, a folder of
            photographs, "demo"; or a `Source` of your own, not yet open. None for the first camera, and the demo where
            there is none.
        tasks: What to read: `smile`, `emotion`, `gender`, `age`.
        live: True for the newest frame each time, the others being dropped: a file is then played at its own pace.
            False for every frame, the threads waiting for the caller; of a camera, as far as they fit in the buffer.
            None for what suits the source: cameras and streams live, files frame by frame.
        model: A model's name by task, for other than the default ones; or a file.
        models: A folder with models of your own, searched before those that ship.
        detector: The face detector; None or `auto` for Viola-Jones in video and MTCNN in photographs.
        engine: What runs the networks: `auto`, `litert`, `onnx`, `tensorrt` or `tensorflow`.
        max_frames: Where to end, in frames taken from the source; None for no limit.
        duration: Where to end, in seconds of the source; None for no limit.
        config: Every other setting; None for that of this machine's platform.

    Returns:
        An iterator over `Reading`s, and a context manager.

    Raises:
        UsageError: There is no such source, task, model, detector or engine, or it cannot run here. What breaks later
            (a camera unplugged) is raised while iterating, as a `SmiledetError`.

    Examples:
        >>> for reading in watch("demo", tasks=["smile"], max_frames=20):
        ...     labels = [face.smile.label for face in reading.faces]
        >>> reading.frame, labels
        (19, ['smiling', 'not smiling'])
    """
    chosen = choose(config, tasks, model, detector, engine, models)
    for name, limit in (("max_frames", max_frames), ("duration", duration)):
        if limit is not None and not (isinstance(limit, (int, float)) and limit > 0):
            raise UsageError(f"{name}={limit!r}: expected a number above 0")
    if isinstance(source, Source):
        given = Paced(source) if live and not source.live else source
    else:
        spec = None if source is None else str(source) if isinstance(source, int) else path_text(source, "source")
        given = create_source(spec, chosen.source, realtime=bool(live), smallest_face=chosen.photographs.smallest_face)
    return Watch(chosen, given, live=given.live if live is None else live, limits=Limits(max_frames, duration))


class Watch(Iterator[Reading]):
    """The readings of a source, one frame after the other; `watch` makes it.

    Attributes:
        source: What is watched, open: its `fps`, `size`, `length` and `description`.

    Args:
        config: Every setting.
        source: Not yet open.
        live: Whether the newest frame is handed out, or every one.
        limits: Where to end before the source does.

    Raises:
        UsageError: The source cannot be opened, or see `Pipeline`.

    Examples:
        >>> with watch("demo", tasks=["smile"], max_frames=20) as readings:
        ...     readings.source.size, readings.source.fps, next(readings).frame
        ((640, 480), 30.0, 0)
    """

    def __init__(self, config: Config, source: Source, live: bool, limits: Limits) -> None:
        self.source = source
        self._detector = detector_name(config.photographs) if source.still else name_of(config.detector)
        self._handover = _Handover(1 if live else AHEAD, waits=not live)
        supervisor = Supervisor()
        with ExitStack() as stack:
            stack.enter_context(supervisor.opened(source))
            pipeline = Pipeline(config, source, [self._handover], limits=limits, draw=False, supervisor=supervisor)
            self.device, self._tasks = pipeline.device, pipeline.tasks
            whole = stack.pop_all()
        # What the thread holds must not lead back here: who drops the iterator ends the run.
        self._thread = threading.Thread(
            target=_run, args=(pipeline, whole, self._handover), name="smiledet-watch", daemon=True
        )
        self._end = weakref.finalize(self, _end, pipeline, self._thread)
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Reading:
        taken = self._handover.take()
        if taken is None:
            self._end()
            if problem := self._handover.take_problem():
                raise problem
            raise StopIteration
        frame, annotation = taken
        if self.source.live:  # a stage may still read the picture, which the caller may draw on
            frame = replace(frame, image=frame.image.copy())
        return video_reading(frame, annotation.readings, self._tasks, self._detector)

    def close(self) -> None:
        """End the threads and let go of the source; twice does no harm. Nothing more is handed out."""
        self._end()
        self._handover.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()


class _Handover(Sink):
    """Where the pipeline leaves frames for the iterator.

    Args:
        most: Frames that may lie there.
        waits: Whether the pipeline waits while it is full; otherwise the oldest frame makes room.
    """

    description = "the program's own loop"

    def __init__(self, most: int, waits: bool) -> None:
        self._most, self._waits = most, waits
        self._frames: deque[tuple[Frame, Annotation]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._interrupted = False
        self._problem: BaseException | None = None

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        with self._changed:
            if self._waits:
                self._changed.wait_for(lambda: len(self._frames) < self._most or self._interrupted)
            elif len(self._frames) == self._most:
                self._frames.popleft()
            self._frames.append((frame, annotation))
            self._changed.notify_all()

    @override
    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    @override
    def close(self) -> None:
        pass

    def take(self) -> tuple[Frame, Annotation] | None:
        """The next frame, waiting for it; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended)
            taken = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return taken

    def discard(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._frames.clear()
            self._ended, self._problem = True, None

    def end(self, problem: BaseException | None) -> None:
        """Say that no more frames will come, and why if that was a fault."""
        with self._changed:
            self._problem, self._ended = problem, True
            self._changed.notify_all()

    def take_problem(self) -> BaseException | None:
        """What ended the run, once."""
        problem, self._problem = self._problem, None
        return problem


def _run(pipeline: Pipeline, source: ExitStack, handover: _Handover) -> None:
    problem: BaseException | None = None
    try:
        with source:
            pipeline.run()
    except BaseException as raised:  # raised again where the iterator is asked for more
        problem = raised
    handover.end(problem)


def _end(pipeline: Pipeline, thread: threading.Thread) -> None:
    pipeline.stop()
    if thread is not threading.current_thread():
        thread.join(END_WITHIN)
