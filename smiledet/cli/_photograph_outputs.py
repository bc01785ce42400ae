"""What `smiledet images` makes of each photograph: rows, lines of a table, annotated copies, sidecars, sorted files."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import ImageError, SmiledetError
from smiledet.system.output_files import is_without_room

if TYPE_CHECKING:
    from smiledet.photographs.records import StoredPhotograph
    from smiledet.results import Reading
    from smiledet.sources.images import ImageFiles
    from smiledet.tasks.base import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph, or a frame of a video.

    Attributes:
        number: How many came before it.
        file: As it was given.
        reading: What was read.
        stored: The same as the store has it.
        of_video: Whether it is a frame of a video.
    """

    number: int
    file: Path
    reading: Reading
    stored: StoredPhotograph
    of_video: bool


Taker = Callable[[Shown], None]
"""What is done with a photograph."""


def make_takers(
    arguments: argparse.Namespace, listed: ImageFiles, tasks: tuple[Task, ...], stack: ExitStack
) -> list[Taker]:
    """What the arguments ask for.

    Args:
        arguments: The command's.
        listed: The photographs.
        tasks: What is read.
        stack: Ends with the command.
    """
    takers = [_writer(arguments.output, listed, tasks, stack) if arguments.output else _printer(listed, tasks)]
    if arguments.annotate is not None:
        takers.append(_annotator(_photographs(listed), arguments.annotate))
    if arguments.xmp:
        takers.append(_sidecars())
    for folder, link in ((arguments.copy_to, False), (arguments.link_to, True)):
        if folder is not None:
            takers.append(_sorter(listed, tasks[0], folder, link))
    return takers


def _photographs(listed: ImageFiles) -> dict[Path, str]:
    from smiledet.photographs.discover import is_video

    return {file: given for file, given in listed.given.items() if not is_video(file)}


def _writer(path: Path, listed: ImageFiles, tasks: tuple[Task, ...], stack: ExitStack) -> Taker:
    """Writes the rows, into a file that gets its name at the end."""
    import numpy as np

    from smiledet.frame import Annotation, Frame
    from smiledet.sinks.events import EventsSink

    source = {str(file): given for file, given in listed.given.items()}
    nothing = np.empty((0, 0, 3), np.uint8)  # rows need no pixels
    sink = stack.enter_context(EventsSink(stack.enter_context(_partial(path)), source, tasks))

    def write(shown: Shown) -> None:
        reading = shown.reading
        time = float(shown.number) if reading.time is None else reading.time
        file = str(shown.file)
        frame = Frame(shown.number, reading.started_ns, time, nothing, file=file, full_size=reading.size)
        sink.write(frame, Annotation(nothing, reading.faces))

    return write


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """The file to write to instead of `path`; takes its name if all goes well, and goes if nothing was read."""
    from smiledet.sinks.rows import STANDARD_OUTPUT
    from smiledet.system.output_files import is_stream

    if path == STANDARD_OUTPUT or is_stream(path):
        yield path
        return
    target = path.resolve()  # of a link it is the file that is written
    partial = target.with_suffix(f".partial{target.suffix}")
    try:
        yield partial
    except ImageError:
        partial.unlink(missing_ok=True)
        raise
    except BaseException:
        if partial.exists():
            log.warning("what was read until then stands in %s", partial)
        raise
    partial.replace(target)
    log.info("wrote %s", path)


def _printer(listed: ImageFiles, tasks: tuple[Task, ...]) -> Taker:
    from smiledet.cli._photograph_table import PhotographTable

    table = PhotographTable([str(file) for file in listed.files], tasks)

    def show(shown: Shown) -> None:
        if shown.number == 0:
            print(table.header())
        print(*table.lines(shown.reading), sep="\n", flush=True)

    return show


def _annotator(given: dict[Path, str], folder: Path) -> Taker:
    from smiledet.photographs.copies import plan_copies, write_copy

    copies = plan_copies(given, folder)

    def annotate(shown: Shown) -> None:
        if not shown.of_video:
            write_copy(shown.reading.annotated(), copies[shown.file])

    return annotate


def _sidecars() -> Taker:
    from smiledet.photographs.xmp import write_sidecar

    def write(shown: Shown) -> None:
        if not shown.of_video:
            _warned(lambda: write_sidecar(shown.stored, shown.file))

    return write


def _sorter(listed: ImageFiles, task: Task, folder: Path, link: bool) -> Taker:
    from smiledet.photographs.copies import put_sorted, relative_paths
    from smiledet.photographs.readings import class_of

    places = relative_paths(_photographs(listed))

    def sort(shown: Shown) -> None:
        if not shown.of_video:
            label = class_of(shown.stored, task).replace("/", "_")
            _warned(lambda: put_sorted(shown.file, folder / label / places[shown.file], link))

    return sort


def _warned(write: Callable[[], object]) -> None:
    """Do something to one of many files; what goes wrong is said, and the others go on unless there is no room left."""
    try:
        write()
    except SmiledetError as problem:
        if is_without_room(problem):
            raise
        log.warning("%s", problem)
