"""For tests of parts of your own: what a sink has to stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from smiledet.errors import UsageError
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame, HeadPose
from smiledet.sinks.base import Sink
from smiledet.tasks.base import Task, get_task

SIZES = ((64, 48), (48, 64))
"""(width, height) of the pictures: a source may change its size midway."""


def check_sink(make: Callable[[], Sink], tasks: Sequence[str] = ("smile", "emotion")) -> None:
    """Does to a sink what a run may do, and fails where it does not stand it.

    It is opened and closed without a frame, closed without having been opened, and twice; it is given frames with none,
    one and several faces, with faces of which nothing was read yet, of two sizes, from a thread of its own, while
    `interrupt` is called from another. It may raise `SmiledetError`s where it is opened, and has to leave pictures as
    they are.

    Args:
        make: Makes the sink, not yet open; called several times.
        tasks: What is read in the frames.

    Raises:
        AssertionError: It does not stand it; the message says what.

    Examples:
        >>> from smiledet.sinks.tally import Tally
        >>> check_sink(Tally)
    """
    sink = make()
    assert isinstance(sink, Sink), f"{sink!r} is no smiledet.Sink"
    assert isinstance(sink.description, str) and sink.description, "it has no description"
    _guarded("closing it before it was opened", sink.close)
    sink = make()
    _guarded("opening it", sink.open)
    _guarded("closing it without a frame", sink.close)
    _guarded("closing it twice", sink.close)
    sink = make()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            _guarded("opening it", sink.open)
            for frame, annotation in sample_frames([get_task(name) for name in tasks]):
                before = frame.image.copy(), annotation.image.copy()
                _guarded(f"frame {frame.id}", partial(sink.write, frame, annotation))
                after = frame.image, annotation.image
                assert all((old == new).all() for old, new in zip(before, after, strict=True)), "it wrote to a picture"
            _guarded("closing it", sink.close)
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="sink")
    thread.start()
    _guarded("interrupt", sink.interrupt)
    thread.join()
    if problems:
        raise problems[0]


def sample_frames(tasks: Sequence[Task], count: int = 24) -> list[tuple[Frame, Annotation]]:
    """Frames as a pipeline hands them to a sink.

    Args:
        tasks: What is read in them.
        count: How many.
    """
    frames = []
    for number in range(count):
        width, height = SIZES[number * len(SIZES) // count]
        image = np.full((height, width, 3), 40 + number, np.uint8)
        faces = tuple(_face(track, number, tasks) for track in range(1, 1 + number % 4))
        frames.append((Frame(number, 1000 * number, number / 8, image), Annotation(image.copy(), faces)))
    return frames


def _face(track: int, number: int, tasks: Sequence[Task]) -> FaceReading:
    """A face; the third is new, nothing was read of it yet."""
    box = Box(4.5 * track - 6, 8.25, 16, 16)
    face = Face(box, 9.0, track, box)
    if track == 3:
        return FaceReading(face, {})
    answers = {}
    for task in tasks:
        scores = np.full(len(task.labels), 0.2 / max(1, len(task.labels) - 1))
        scores[(number // 5) % len(task.labels)] = 0.8
        answers[task.name] = task.predict(scores)
    return FaceReading(face, answers, pose=HeadPose(3.0, -2.0, 1.0), eyes_open=0.9)


def _guarded(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except (AssertionError, UsageError):
        raise
    except Exception as problem:
        raise AssertionError(f"{what}: {problem!r}") from problem
