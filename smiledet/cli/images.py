"""Read the faces of photographs, into a table, CSV or JSON lines, and draw them onto copies.

PATH is a photograph, a folder (searched with the folders in it) or a pattern ('photos/**/*.jpg').
Without --output a table is printed: a line a face, and one for a photograph without a face.

The output has one row a face, see `smiledet run --events`; `track` is the face's number in its
photograph, the largest first. It appears under its name when all photographs are read; after an
interrupt what was read stands in OUT.partial.csv. Annotated copies are named as the originals and
never take the place of a file.

Example:
  smiledet images party.jpg
  smiledet images photos/ --output photos.csv --annotate annotated
  smiledet images 'photos/*.jpg' --tasks smile,age --output -
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.cli._arguments import add_reading, files_read, reading_flags
from smiledet.errors import ImageError

if TYPE_CHECKING:
    from smiledet.results import Reading
    from smiledet.sources.images import ImageFiles
    from smiledet.tasks.base import Task

log = logging.getLogger(__name__)

Taker = Callable[[int, "Reading"], None]
"""What is done with a photograph: its number, and what was read."""


@dataclass
class Counts:
    """What was met.

    Attributes:
        photographs: Photographs that were read.
        faces: Faces in them.
        without: Photographs without a face.
    """

    photographs: int = 0
    faces: int = 0
    without: int = 0

    def __str__(self) -> str:
        return f"{self.photographs} photographs, {self.faces} faces, {self.without} without a face"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="see above")
    add_reading(parser)
    out = parser.add_argument_group("what comes out")
    out.add_argument(
        *("-o", "--output"),
        type=Path,
        metavar="OUT.csv|OUT.jsonl|-",
        help="one row a face, instead of the table; - for JSON lines on standard output; overwritten if it is there",
    )
    out.add_argument("--annotate", type=Path, metavar="FOLDER", help="write annotated copies into FOLDER")


def run(arguments: argparse.Namespace) -> int:
    """Read the photographs."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.config import load_config
    from smiledet.photographs.copies import plan_copies
    from smiledet.platform.choice import pick_platform
    from smiledet.reader import FaceReader
    from smiledet.sources.images import Unread, list_images, unread_lines
    from smiledet.system.own_process import settle_process

    config = load_config(pick_platform(arguments.platform).name, arguments.config, reading_flags(arguments)).config
    listed = list_images(arguments.paths, leave_out=arguments.annotate)
    if arguments.output is not None:
        _check_output(arguments, listed)
    copies = plan_copies(listed.given, arguments.annotate) if arguments.annotate is not None else {}
    settle_process(config.opencv_threads, config.source.read_timeout)
    unread, counts = list(listed.unread), Counts()
    with ExitStack() as stack:
        reader = stack.enter_context(FaceReader(config.tasks, config=config))
        tasks = reader.tasks
        takers = [_writer(arguments.output, listed, tasks, stack) if arguments.output else _printer(listed, tasks)]
        takers += [_annotator(copies)] if copies else []
        advance = _progress(arguments, len(listed.files), stack)
        for file, reading in reader.read_each(listed.files):
            advance()
            if isinstance(reading, ImageError):
                unread.append(Unread(str(file), str(reading).partition(f"{file}: ")[2] or str(reading)))
                continue
            for take in takers:
                take(counts.photographs, reading)
            counts.photographs += 1
            counts.faces += len(reading.faces)
            counts.without += not reading.faces
        if not counts.photographs:
            raise ImageError(f"no photograph that can be read; {unread_lines(unread)[0]}")
    for line in unread_lines(unread):
        log.warning("%s", line)
    log.info("%s, %d not read", counts, len(unread))
    return 0


def _check_output(arguments: argparse.Namespace, listed: ImageFiles) -> None:
    path: Path = arguments.output
    from smiledet.sinks.rows import STANDARD_OUTPUT, SUFFIXES
    from smiledet.system.output_checks import check_outputs
    from smiledet.system.output_files import check_suffix, check_writable

    if path == STANDARD_OUTPUT:
        return
    check_suffix(path, SUFFIXES)
    check_outputs({"--output": path}, [*listed.files, *files_read(arguments)])
    check_writable(path)


def _writer(path: Path, listed: ImageFiles, tasks: tuple[Task, ...], stack: ExitStack) -> Taker:
    """Writes the rows, into a file that gets its name at the end."""
    import numpy as np

    from smiledet.frame import Annotation, Frame
    from smiledet.sinks.events import EventsSink

    source = {str(file): given for file, given in listed.given.items()}
    nothing = np.empty((0, 0, 3), np.uint8)  # rows need no pixels
    sink = stack.enter_context(EventsSink(stack.enter_context(_partial(path)), source, tasks))

    def write(number: int, reading: Reading) -> None:
        frame = Frame(number, reading.started_ns, float(number), nothing, file=reading.file, full_size=reading.size)
        sink.write(frame, Annotation(nothing, reading.faces))

    return write


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """The file to write to instead of `path`; takes its name if all goes well, and goes if nothing was read."""
    from smiledet.sinks.rows import STANDARD_OUTPUT

    if path == STANDARD_OUTPUT or (path.exists() and not path.is_file()):
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

    def show(number: int, reading: Reading) -> None:
        if number == 0:
            print(table.header())
        print(*table.lines(reading), sep="\n", flush=True)

    return show


def _annotator(copies: dict[Path, Path]) -> Taker:
    from smiledet.photographs.copies import write_copy

    return lambda _, reading: write_copy(reading.annotated(), copies[Path(str(reading.file))])


def _progress(arguments: argparse.Namespace, total: int, stack: ExitStack) -> Callable[[], object]:
    """What moves the progress bar on; there is none where the table shows how far it is."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if arguments.output is None or getattr(arguments, "quiet", False) or not on_terminal:
        return lambda: None
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    bar = stack.enter_context(tqdm(total=total, unit="photograph", delay=2, leave=False))
    stack.enter_context(logging_redirect_tqdm())
    return lambda: bar.update()
