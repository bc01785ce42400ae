"""Look at a clip with its curves in a browser, jump to what changes, and correct labels.

CLIP is a video; EVENTS what `smiledet run CLIP --events FILE.jsonl` wrote of it. Without EVENTS the
clip is read first, every frame. Needs `pip install 'smiledet[web]'`. Corrections are kept, and
exported as a set of labelled faces that `smiledet train NAME --data folders:FOLDER` reads. The clip
is never changed.

Example:
  smiledet review clip.mp4
  smiledet review clip.mp4 events.jsonl --open
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.cli._arguments import add_reading, reading_flags
from smiledet.cli._serving import add_page, keep_serving
from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.web.review.readings import Readings

log = logging.getLogger(__name__)

PORT = 8700


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video")
    parser.add_argument("events", nargs="?", type=Path, metavar="EVENTS", help="its events, as JSON lines")
    add_reading(parser)
    add_page(parser, PORT)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until the program is interrupted."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.config import load_config
    from smiledet.platform.choice import pick_platform
    from smiledet.system.own_process import settle_process
    from smiledet.web.address import split_address

    host, port = split_address(arguments.serve, PORT)
    clip = arguments.clip.expanduser()
    if not clip.is_file():
        raise UsageError(f"no clip {clip}: `smiledet review` takes a video file")
    try:
        from smiledet.web.review.app import serve_review
    except ModuleNotFoundError as problem:
        raise UsageError(f"the review page needs {problem.name}: pip install 'smiledet[web]'") from problem
    config = load_config(pick_platform(arguments.platform).name, arguments.config, reading_flags(arguments)).config
    settle_process(config.opencv_threads, config.source.read_timeout)
    readings = _readings(clip, arguments, config)
    if readings.damaged.count:
        log.warning("%s: %s", arguments.events, readings.damaged)
    if not readings.tracks:
        raise UsageError(f"{arguments.events or clip}: no faces in it, so there is nothing to review")
    with serve_review(clip, readings, host, port) as (address, ended):
        keep_serving("the review page", address, ended, arguments.open)
    return 0


def _readings(clip: Path, arguments: argparse.Namespace, config: Config) -> Readings:
    from tqdm import tqdm

    from smiledet.web.review.readings import read_clip, read_clip_events

    if arguments.events is not None:
        return read_clip_events(arguments.events)
    hidden = getattr(arguments, "quiet", False) or sys.stderr is None or not sys.stderr.isatty()
    with tqdm(unit="frame", delay=2, leave=False, disable=hidden) as bar:
        return read_clip(clip, config, lambda: bar.update())
