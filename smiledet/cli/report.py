"""One page of plots from events or a store: who was there, smiles and emotions, hour by hour.

FILE is what `smiledet run --events` wrote, as JSON lines or CSV, or a store of
`smiledet run --store`. The page is one file: it opens in any browser, loads nothing from
elsewhere, and can be printed.

Example:
  smiledet report day.sqlite -o report.html
  smiledet report events.jsonl
  smiledet run clip.mp4 --no-show --events - | smiledet report -
"""

from __future__ import annotations

import argparse
import logging
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.sessions.report.gather import Gathered

log = logging.getLogger(__name__)

STANDARD_INPUT = Path("/dev/stdin")

SQLITE = b"SQLite format 3\0"
"""What a store begins with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="events (.jsonl, .csv; - for standard input) or a store"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.html",
        help="the page (default: FILE's name with .html, in this folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page."""
    from smiledet.sessions.report.page import report_page
    from smiledet.system.output_checks import check_outputs
    from smiledet.system.output_files import check_suffix, check_writable, write_file

    path: Path = STANDARD_INPUT if str(arguments.file) == "-" else arguments.file
    output: Path = arguments.output or Path(f"{'report' if path == STANDARD_INPUT else path.stem or 'report'}.html")
    check_suffix(output, (".html", ".htm"))
    check_outputs({"--output": output}, [path])
    found = _gathered(path, quiet=getattr(arguments, "quiet", False))
    if found.damaged.count:
        log.warning("%s: %s", path, found.damaged)
    if not found.people:
        raise UsageError(f"{path}: no faces in it, so there is nothing to report")
    check_writable(output)
    write_file(output, report_page(found).encode("utf-8", "replace"), _is_private(path))
    log.info("wrote %s", output)
    return 0


def _begins_as_store(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _is_private(path: Path) -> bool:
    """Whether nobody else may read the file, and so neither what is made of it."""
    mode = path.stat().st_mode
    return stat.S_ISREG(mode) and not mode & (stat.S_IRGRP | stat.S_IROTH)


def _gathered(path: Path, quiet: bool) -> Gathered:
    from tqdm import tqdm

    from smiledet.sessions.report.gather import gather_events, gather_store

    if path.suffix.lower() == ".parquet":
        raise UsageError(f"cannot read {path}: reports are made from JSON lines, CSV or a store")
    try:
        store = path.is_file() and _begins_as_store(path)  # what is read of a pipe is gone
    except (OSError, ValueError) as problem:
        raise UsageError(f"cannot read {path}: {getattr(problem, 'strerror', None) or problem}") from problem
    if store:
        return gather_store(path)
    hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
    with tqdm(unit="row", delay=2, leave=False, disable=hidden) as bar:
        return gather_events(path, lambda: bar.update())
