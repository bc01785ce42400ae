"""One page of plots from events or a store: who was there, smiles and emotions, hour by hour.

FILE is what `smiledet run --events` wrote, as JSON lines or CSV, or a store of
`smiledet run --store`. The page is one file: it opens in any browser, loads nothing from
elsewhere, and can be printed.

Example:
  smiledet report day.sqlite -o report.html
  smiledet report events.jsonl
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.sessions.report.gather import Gathered

log = logging.getLogger(__name__)

SQLITE = b"SQLite format 3\0"
"""What a store begins with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="events (.jsonl, .csv) or a store")
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

    path: Path = arguments.file
    output: Path = arguments.output or Path(f"{path.stem}.html")
    check_suffix(output, (".html", ".htm"))
    check_outputs({"--output": output}, [path])
    found = _gathered(path, quiet=getattr(arguments, "quiet", False))
    if found.damaged.count:
        log.warning("%s: %s", path, found.damaged)
    if not found.people:
        raise UsageError(f"{path}: no faces in it, so there is nothing to report")
    check_writable(output)
    write_file(output, report_page(found).encode("utf-8", "replace"))
    log.info("wrote %s", output)
    return 0


def _gathered(path: Path, quiet: bool) -> Gathered:
    from tqdm import tqdm

    from smiledet.sessions.report.gather import gather_events, gather_store

    if path.suffix.lower() == ".parquet":
        raise UsageError(f"cannot read {path}: reports are made from JSON lines, CSV or a store")
    try:
        with path.open("rb") as file:
            store = file.read(len(SQLITE)) == SQLITE
    except (OSError, ValueError) as problem:
        raise UsageError(f"cannot read {path}: {getattr(problem, 'strerror', None) or problem}") from problem
    if store:
        return gather_store(path)
    hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
    with tqdm(unit="row", delay=2, leave=False, disable=hidden) as bar:
        return gather_events(path, lambda: bar.update())
