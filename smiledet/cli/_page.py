"""The live page of a run: `--serve`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError
from smiledet.system.messages import UNREDACTED

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.pipeline import Pipeline
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


def page_sink(arguments: argparse.Namespace, config: Config) -> PageSink | None:
    """What takes the frames; None where no page is wanted.

    Raises:
        UsageError: The address is none, or the extra is not installed.
    """
    if arguments.serve is None:
        return None
    from smiledet.tasks.base import get_task
    from smiledet.web.address import split_address

    split_address(arguments.serve, PORT)
    try:
        import smiledet.web.live.serve  # noqa: F401 - said before anything is opened
    except ModuleNotFoundError as problem:
        raise UsageError(f"--serve needs {problem.name}: pip install 'smiledet[web]'") from problem
    from smiledet.web.live.hub import Hub
    from smiledet.web.live.sink import PageSink

    return PageSink(Hub(), [get_task(task) for task in config.tasks])


def shutter_sink(arguments: argparse.Namespace, config: Config) -> Shutter | None:
    """The photo booth; None where none is wanted. After `page_sink`, which says what is not installed.

    Raises:
        UsageError: There is no page, smiles are not read, or no picture is to leave.
    """
    if arguments.shutter is None:
        return None
    if arguments.serve is None:
        raise UsageError("--shutter is a page: give --serve too")
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
    pipeline: Pipeline,
    source: Source,
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

    host, port = split_address(arguments.serve, PORT)
    live = Live(
        page.hub,
        page.history,
        Status(pipeline.buffer),
        pipeline.tasks,
        redact(source.description),
        pipeline.device,
        pipeline.detector,
        machine or dict,
    )
    with serve_live(live, host, port, shutter) as address:
        log.info("the page is at %s", address, extra=UNREDACTED)  # its token is for whoever reads this
        yield
