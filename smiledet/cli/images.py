"""Read the faces of photographs into a table, a file or onto copies; pick the best of each burst.

PATH is a photograph, a folder (searched with the folders in it), a pattern ('photos/**/*.jpg') or a
store (s3://BUCKET/PREFIX; pip install 'smiledet[ray]').
Without --output a table is printed: a line a face, and one for a photograph without a face.

The output has one row a face, see `smiledet run --events`; `track` is the face's number in its
photograph, the largest first. It appears under its name when all photographs are read; after an
interrupt what was read stands in OUT.partial.csv. Originals are never written to. Copies are named
as the originals and never take the place of another file.

What was read is kept in a store: the next run reads only what is new. A photograph that was moved
or renamed is known by what is in it.

Example:
  smiledet images party.jpg
  smiledet images photos/ --output photos.csv --annotate annotated
  smiledet images 'photos/*.jpg' --tasks smile,age --output -
  smiledet images photos/ --best --sort smile --copy-to best
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.cli._arguments import add_reading, files_read, reading_flags
from smiledet.errors import ImageError, OutputError, UsageError

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.photographs.index import Indexer
    from smiledet.photographs.records import PhotographRow, StoredPhotograph
    from smiledet.sources.images import ImageFiles, Unread

log = logging.getLogger(__name__)

LEAST_MEMORY = 300
"""Megabytes below which no photograph could be read."""

SORTS: dict[str, Callable[[PhotographRow], Any]] = {
    "date": lambda row: row.dated,
    "smile": lambda row: -1.0 if row.smile is None else row.smile,
    "doubt": lambda row: -1.0 if row.doubt is None else row.doubt,
    "faces": lambda row: row.face_count,
}
"""What --sort puts first the largest of."""


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
        photographs = "1 photograph" if self.photographs == 1 else f"{self.photographs} photographs"
        faces = "1 face" if self.faces == 1 else f"{self.faces} faces"
        return f"{photographs}, {faces}, {self.without} without a face"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="see above")
    how = add_reading(parser)
    how.add_argument(
        "--every",
        type=_seconds,
        metavar="SECONDS",
        help="read videos, too: a picture every so many seconds",
    )
    how.add_argument(
        "--memory",
        type=_megabytes,
        metavar="MB",
        help="megabytes to stay under: fewer photographs are read at once, what does not fit alone is named",
    )
    how.add_argument("--ray", metavar="ADDRESS", help="read on a Ray cluster: HOST:PORT, auto or local")
    store = how.add_mutually_exclusive_group()
    store.add_argument("--store", type=Path, metavar="FILE", help="keep what is read here, not in your data folder")
    store.add_argument("--no-store", action="store_true", help="keep nothing of what is read")
    which = parser.add_argument_group("which come out, and in which order")
    which.add_argument("--best", action="store_true", help="of a burst and of near-duplicates only the best")
    which.add_argument("--sort", choices=SORTS, help="the largest first; else in the order of their names")
    out = parser.add_argument_group("what comes out")
    out.add_argument(
        *("-o", "--output"),
        type=Path,
        metavar="OUT",
        help="one row a face, instead of the table: OUT.csv, .jsonl or .parquet; - for JSON lines on standard output",
    )
    out.add_argument("--annotate", type=Path, metavar="FOLDER", help="write annotated copies into FOLDER")
    out.add_argument("--xmp", action="store_true", help="write PHOTO.jpg.xmp beside each: labels and face regions")
    sort = out.add_mutually_exclusive_group()
    sort.add_argument("--copy-to", type=Path, metavar="FOLDER", help="copy each into FOLDER/LABEL of the first task")
    sort.add_argument("--link-to", type=Path, metavar="FOLDER", help="the same with symbolic links")


def run(arguments: argparse.Namespace) -> int:
    """Read the photographs."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.cli._photograph_outputs import Shown, make_takers
    from smiledet.config import load_config
    from smiledet.photographs.discover import discover, is_video
    from smiledet.photographs.readings import reading_of
    from smiledet.platform.choice import pick_platform
    from smiledet.sources.images import unread_lines
    from smiledet.system.own_process import settle_process

    config = load_config(pick_platform(arguments.platform).name, arguments.config, reading_flags(arguments)).config
    written = [folder for folder in (arguments.annotate, arguments.copy_to, arguments.link_to) if folder is not None]
    listed = discover(arguments.paths, written, videos=arguments.every is not None)
    _check_outputs(arguments, config, listed)
    settle_process(config.opencv_threads, config.source.read_timeout)
    unread, counts = list(listed.unread), Counts()
    with ExitStack() as stack:
        indexer = stack.enter_context(_indexer(arguments, config, stack))
        takers = make_takers(arguments, listed, indexer.tasks, stack)
        for file, stored in _chosen(arguments, indexer, listed, unread, stack):
            reading = reading_of(stored, indexer.tasks, str(file))
            for take in takers:
                take(Shown(counts.photographs, file, reading, stored, is_video(file)))
            counts.photographs += 1
            counts.faces += len(reading.faces)
            counts.without += not reading.faces
        if not counts.photographs:
            raise ImageError(f"no photograph that can be read; {unread_lines(unread)[0]}")
    for line in unread_lines(unread):
        log.warning("%s", line)
    log.info("%s, %d not read", counts, len(unread))
    return 0


def _indexer(arguments: argparse.Namespace, config: Config, stack: ExitStack) -> Indexer:
    """The indexer, on the user's store or on one that goes with the command."""
    from tempfile import TemporaryDirectory

    from smiledet.photographs.index import EVERY, Indexer
    from smiledet.photographs.store import default_store

    store: Path = arguments.store or default_store()
    if arguments.no_store:
        store = Path(stack.enter_context(TemporaryDirectory(prefix="smiledet-")), "photographs.sqlite")
    memory, every = arguments.memory, arguments.every or EVERY
    cluster = None
    if arguments.ray is not None:
        from smiledet.photographs.ray_cluster import RayCluster

        cluster = RayCluster(arguments.ray, config, memory, every)
    try:
        return Indexer(config, store, memory=memory, every=every, cluster=cluster)
    except OutputError as problem:
        raise OutputError(f"{problem}; name another with --store, or give --no-store") from problem


def _chosen(
    arguments: argparse.Namespace,
    indexer: Indexer,
    listed: ImageFiles,
    unread: list[Unread],
    stack: ExitStack,
) -> Iterator[tuple[Path, StoredPhotograph]]:
    """The photographs in the order in which they come out; as soon as each is read, unless all have to be compared."""
    from smiledet.photographs.discover import absolute
    from smiledet.sources.images import Unread

    compared = arguments.best or arguments.sort is not None
    held: dict[int, Path] = {}
    advance = _progress(arguments, len(listed.files), compared, stack)
    for file in indexer.each(listed.files):
        advance()
        if file.unread is not None:
            unread.append(Unread(str(file.path), file.unread))
            continue
        for number in indexer.store.ids_of(absolute(file.path)):
            if compared:
                held.setdefault(number, file.path)
            else:
                yield file.path, indexer.store.photograph(number)
    indexer.forget_missing(map(Path, arguments.paths), listed.files)
    if arguments.best:
        indexer.restack()
    rows = indexer.store.rows(list(held))
    lost = held.keys() - {row.id for row in rows}
    unread += [Unread(str(held[each]), f"the store {indexer.store.path} has lost it") for each in sorted(lost)]
    if arguments.best:
        rows = _best(rows)
    if arguments.sort is not None:
        rows.sort(key=SORTS[arguments.sort], reverse=True)
    for row in rows:
        yield held[row.id], indexer.store.photograph(row.id)


def _best(rows: list[PhotographRow]) -> list[PhotographRow]:
    """Of each stack the best of these photographs, and what is in no stack."""
    best: dict[int | None, int] = {}
    for row in rows:
        best[row.stack] = min(row.place, best.get(row.stack, row.place))
    return [row for row in rows if row.stack is None or row.place == best[row.stack]]


def _check_outputs(arguments: argparse.Namespace, config: Config, listed: ImageFiles) -> None:
    """See before anything is read that no output overwrites what is read or another, and that it can be written."""
    from smiledet.photographs.copies import check_folder_of_copies
    from smiledet.photographs.stored_objects import is_address
    from smiledet.sinks.rows import STANDARD_OUTPUT, SUFFIXES
    from smiledet.system.output_checks import check_outputs
    from smiledet.system.output_files import check_suffix, check_writable, is_same_file

    path: Path | None = arguments.output
    if any(map(is_address, arguments.paths)):
        wanting = [flag for flag in ("annotate", "xmp", "copy_to", "link_to") if getattr(arguments, flag)]
        if wanting:
            raise UsageError(
                f"--{wanting[0].replace('_', '-')} takes photographs of this machine; a store's are only read"
            )
    check_outputs({"--output": path, "--store": arguments.store}, [*listed.files, *files_read(arguments, config)])
    if path is not None and path != STANDARD_OUTPUT:
        check_suffix(path, SUFFIXES)
        check_writable(path, seekable=path.suffix.lower() == ".parquet")
    for flag in ("annotate", "copy_to", "link_to"):
        folder: Path | None = getattr(arguments, flag)
        if folder is not None and any(is_same_file(folder, Path(given)) for given in arguments.paths):
            name = flag.replace("_", "-")
            raise OutputError(f"--{name} {folder}: it is the folder that is read; name another, or one in it")
        if folder is not None and flag != "annotate":
            check_folder_of_copies(folder)


def _progress(arguments: argparse.Namespace, total: int, compared: bool, stack: ExitStack) -> Callable[[], object]:
    """What moves the progress bar on; there is none where the table shows how far it is."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    told = arguments.output is None and not compared
    if told or getattr(arguments, "quiet", False) or not on_terminal:
        return lambda: None
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    bar = stack.enter_context(tqdm(total=total, unit="photograph", delay=2, leave=False))
    stack.enter_context(logging_redirect_tqdm())
    return lambda: bar.update()


def _seconds(text: str) -> float:
    return _number("--every", text, 0.01, 1e6, "seconds")


def _megabytes(text: str) -> float:
    return _number("--memory", text, LEAST_MEMORY, 1e6, "megabytes")


def _number(option: str, text: str, least: float, most: float, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise UsageError(f"{option} {text!r}: expected {unit}, {least:g} to {most:,.0f}")
    return value
