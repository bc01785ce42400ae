"""Watching a camera, a stream or a clip from Python: the pipeline's threads, as an iterator."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from typing import TypeAlias

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
from smiledet.sources.choose import create_source, distinct
from smiledet.sources.pacing import Paced
from smiledet.supervisor import Supervisor
from smiledet.system.redaction import shown_source

AHEAD = 2
"""Frames that may wait for the caller where every frame is handed out."""

END_WITHIN = 2.0
"""Seconds that the threads get to end."""


Spec: TypeAlias = "str | int | PathLike[str] | Source"
"""What may be watched: see `watch`."""


def watch(
    source: Spec | Sequence[Spec] | Mapping[str, Spec] | None = None,
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
    """Watch cameras, streams, clips and folders of photographs, and read every face.

    The same threads run as under `smiledet run`. They begin at once, and end when the iterator does, is closed, or is
    not used any more.

    Args:
        source: What `smiledet run` takes: a camera (0, "/dev/video0"), a stream ("rtsp://…"), a clip, a folder of
            photographs, "demo"; or a `Source` of your own, not yet open. Or several of them, as a list or by names of
            your own: `reading.source` then says whose frame it is, and what is lost does not end the others. None for
            the first camera, and the demo where there is none.
        tasks: What to read: `smile`, `emotion`, `gender`, `age`.
        live: True for the newest frame each time, the others being dropped: a file is then played at its own pace.
            False for every frame, the threads waiting for the caller; of a camera, as far as they fit in the buffer.
            None for what suits the source: cameras and streams live, files frame by frame. Of several sources the
            newest frame of each is handed out where all are live.
        model: A model's name by task, for other than the default ones; or a file.
        models: A folder with models of your own, searched before those that ship.
        detector: The face detector; None or `auto` for Viola-Jones in video and `fcos` in photographs.
        engine: What runs the networks: `auto`, `litert`, `onnx`, `tensorrt` or `tensorflow`.
        max_frames: Where to end, in frames taken from each source; None for no limit.
        duration: Where to end, in seconds of each source; None for no limit.
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
        >>> sorted({reading.source for reading in watch({"hall": "demo", "yard": "demo"}, max_frames=2)})
        ['hall', 'yard']
    """
    chosen = choose(config, tasks, model, detector, engine, models)
    for name, limit in (("max_frames", max_frames), ("duration", duration)):
        if limit is not None and not (isinstance(limit, (int, float)) and limit > 0):
            raise UsageError(f"{name}={limit!r}: expected a number above 0")
    specs = _by_name(source)
    if not specs:
        raise UsageError("there is no source to watch")
    given = {name: _source(spec, chosen, bool(live)) for name, spec in specs.items()}
    whether = all(each.live for each in given.values()) if live is None else live
    return Watch(chosen, given, live=whether, limits=Limits(max_frames, duration))


def _by_name(source: Spec | Sequence[Spec] | Mapping[str, Spec] | None) -> Mapping[str, Spec | None]:
    """The sources by name; a single one has none."""
    if isinstance(source, Mapping):
        return source
    if isinstance(source, (str, int, PathLike, Source)) or source is None:
        return {"": source}
    if isinstance(source, bytes) or not isinstance(source, Sequence):
        raise UsageError(f"source is {source!r}: expected a text, a path, a Source, or several of them")
    shown = (each.description if isinstance(each, Source) else shown_source(_spec(each)) for each in source)
    return dict(zip(distinct(shown), source, strict=True))


def _spec(spec: str | int | PathLike[str]) -> str:
    return str(spec) if isinstance(spec, int) else path_text(spec, "source")


def _source(spec: Spec | None, config: Config, live: bool) -> Source:
    """What is watched, not yet open."""
    if isinstance(spec, Source):
        return Paced(spec) if live and not spec.live else spec
    smallest = config.photographs.smallest_face
    return create_source(spec if spec is None else _spec(spec), config.source, realtime=live, smallest_face=smallest)


class Watch(Iterator[Reading]):
    """The readings of one source or several, one frame after the other; `watch` makes it.

    Attributes:
        sources: What is watched, by name, open: its `fps`, `size`, `length` and `description`.

    Args:
        config: Every setting.
        sources: By name, not yet open; the only one may have an empty name.
        live: Whether the newest frame is handed out, or every one.
        limits: Where to end before the source does.

    Raises:
        UsageError: The source cannot be opened, or see `Pipeline`.

    Examples:
        >>> with watch("demo", tasks=["smile"], max_frames=20) as readings:
        ...     [(each.size, each.fps) for each in readings.sources.values()], next(readings).frame
        ([((640, 480), 30.0)], 0)
    """

    def __init__(self, config: Config, sources: Mapping[str, Source], live: bool, limits: Limits) -> None:
        self.sources = sources
        self._detectors = {
            name: detector_name(config.photographs) if source.still else name_of(config.detector)
            for name, source in sources.items()
        }
        self._handover = _Handover(AHEAD, waits=not live)
        supervisor = Supervisor()
        with ExitStack() as stack:
            for source in sources.values():
                stack.enter_context(supervisor.opened(source))
            pipeline = Pipeline(config, sources, [self._handover], limits=limits, supervisor=supervisor)
            self.device, self._tasks = pipeline.device, pipeline.tasks
            whole = stack.pop_all()
        # What the thread holds must not lead back here: who drops the iterator ends the run.
        self._thread = threading.Thread(
            target=_run, args=(pipeline, whole, self._handover), name="smiledet-watch", daemon=True
        )
        self._end = weakref.finalize(self, _end, pipeline, self._thread)
        self._thread.start()

    @property
    def source(self) -> Source:
        """What is watched; the first of several."""
        return next(iter(self.sources.values()))

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
        if self.sources[frame.source].live:  # a stage may still read the picture, which the caller may draw on
            frame = replace(frame, image=frame.image.copy())
        return video_reading(frame, annotation.readings, self._tasks, self._detectors[frame.source])

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
        most: Frames that may lie there, where the pipeline waits.
        waits: Whether the pipeline waits while it is full; otherwise a frame takes the place of its source's last.
    """

    description = "the program's own loop"
    may_wait = True
    uses_drawing = False

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
            else:
                self._frames = deque(each for each in self._frames if each[0].source != frame.source)
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
            self._changed.notify_all()

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
