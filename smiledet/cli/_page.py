"""The live page of a run: `--serve`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError
from smiledet.system.messages import UNREDACTED

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.pipeline import Pipeline
    from smiledet.sinks.recorder import Recorder
    from smiledet.sources.base import Source
    from smiledet.web.live.shutter import Shutter
    from smiledet.web.live.sink import PageSink

log = logging.getLogger(__name__)

PORT = 8500


def add_serve(group: argparse._ActionsContainer) -> None:
    """Declare `--serve`."""
    group.add_argument(
        "--serve",
        nargs="?",
        const=f"127.0.0.1:{PORT}",
        metavar="HOST:PORT",
        help=f"show the run on a page in the browser (default: 127.0.0.1:{PORT}; needs the extra `web`); on another "
        "address than loopback it asks for the token that is printed",
    )
    group.add_argument(
        "--shutter",
        nargs="?",
        type=Path,
        const=Path("photo-booth"),
        metavar="FOLDER",
        help="with --serve: a photo booth, which counts down when everybody smiles with open eyes and saves the "
        "sharpest picture of a burst in FOLDER (default: photo-booth)",
    )
    group.add_argument(
        "--recordings",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where the page's record button writes (default: the current folder)",
    )


def page_sink(arguments: argparse.Namespace, config: Config, sources: Mapping[str, Source]) -> PageSink | None:
    """What takes the frames; None where no page is wanted.

    Raises:
        UsageError: The address is none, or the extra is not installed.
    """
    if arguments.serve is None:
        return None
    from smiledet.model_plan import configured_tasks
    from smiledet.web.address import split_address

    split_address(arguments.serve, PORT)
    try:
        import smiledet.web.live.serve  # noqa: F401 - said before anything is opened
    except ModuleNotFoundError as problem:
        raise UsageError(f"--serve needs {problem.name}: pip install 'smiledet[web]'") from problem
    from smiledet.web.live.sink import PageSink

    return PageSink(list(sources), configured_tasks(config), uses_drawing=config.stats)


def page_recorder(arguments: argparse.Namespace, config: Config, sources: Mapping[str, Source]) -> Recorder | None:
    """What writes when somebody records on the page; None where there is none, or no picture is to leave."""
    if arguments.serve is None or not config.privacy.images:
        return None
    from smiledet.sinks.recorder import Recorder

    return Recorder(arguments.recordings, sources)


def shutter_sink(arguments: argparse.Namespace, config: Config, sources: Mapping[str, Source]) -> Shutter | None:
    """The photo booth; None where none is wanted. After `page_sink`, which says what is not installed.

    Raises:
        UsageError: There is no page, several sources, smiles are not read, or no picture is to leave.
    """
    if arguments.shutter is None:
        return None
    if arguments.serve is None:
        raise UsageError("--shutter is a page: give --serve too")
    if len(sources) > 1:
        raise UsageError(f"--shutter watches one source, and there are {len(sources)}")
    if "smile" not in config.tasks:
        raise UsageError(f"--shutter waits for smiles, and the tasks are {', '.join(config.tasks)}")
    if not config.privacy.images:
        raise UsageError("--shutter takes pictures, and no picture is to leave (--no-images, privacy.images)")
    from smiledet.web.live.shutter import Shutter

    return Shutter(arguments.shutter.expanduser())


@contextmanager
def served_page(
    arguments: argparse.Namespace,
    page: PageSink,
    recorder: Recorder | None,
    pipeline: Pipeline,
    sources: Mapping[str, Source],
    machine: Callable[[], dict[str, Any]] | None,
    shutter: Shutter | None = None,
) -> Iterator[None]:
    """Serve the page while the block runs, and say where.

    Raises:
        UsageError: The address cannot be had.
    """
    from smiledet.system.redaction import redact
    from smiledet.web.address import split_address
    from smiledet.web.live.app import Live
    from smiledet.web.live.serve import serve_live
    from smiledet.web.live.status import Status
    from smiledet.web.security import is_loopback

    host, port = split_address(arguments.serve, PORT)
    told = {name: redact(source.description) for name, source in sources.items()}
    rates = {name: source.fps for name, source in sources.items()}
    status = Status(pipeline.buffer, rates=rates, lost=lambda: pipeline.lost)
    live = Live(page, pipeline, status, told, machine or dict, recorder)
    with serve_live(live, host, port, shutter) as address:
        # Its token is for whoever reads this. With `-q`, too: without it nobody could open the page.
        level = logging.INFO if is_loopback(host) else logging.ERROR
        log.log(level, "the page is at %s", address, extra=UNREDACTED)
        yield
