"""Look through photographs in a browser: filter them by expression, and pick the best shots.

Needs `pip install 'smiledet[web]'`. The page is reached from this machine alone, unless --serve
names another address; then it asks for the token that is printed. Photographs are read when you
press "Filter all", into the store that `smiledet images` uses, too. They are never changed.

Example:
  smiledet gallery photos/
  smiledet gallery photos/ more/ --tasks smile,emotion,age --copies best/
  smiledet gallery photos/ --serve 0.0.0.0:8600
"""

from __future__ import annotations

import argparse
from pathlib import Path

from smiledet.cli._arguments import add_reading, files_read, reading_flags
from smiledet.cli._serving import add_page, keep_serving
from smiledet.errors import UsageError

PORT = 8600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="searched with the folders in it")
    add_reading(parser)
    page = add_page(parser, PORT)
    page.add_argument("--store", type=Path, metavar="FILE", help="where readings are kept, instead of the usual store")
    page.add_argument("--copies", type=Path, metavar="DIR", help="where selected photographs are copied on request")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until the program is interrupted."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.config import load_config
    from smiledet.platform.choice import pick_platform
    from smiledet.system.output_checks import check_folder, check_outputs
    from smiledet.system.own_process import settle_process
    from smiledet.web.address import split_address

    host, port = split_address(arguments.serve, PORT)
    config = load_config(pick_platform(arguments.platform).name, arguments.config, reading_flags(arguments)).config
    settle_process(config.opencv_threads, config.source.read_timeout)
    folders = [_folder(each) for each in arguments.folders]
    check_outputs({"--store": arguments.store}, [*folders, *files_read(arguments, config)])
    if arguments.copies is not None:
        check_folder("--copies", arguments.copies, folders)
    try:
        from smiledet.web.gallery.serve import serve_gallery
    except ModuleNotFoundError as problem:
        raise UsageError(f"the gallery needs {problem.name}: pip install 'smiledet[web]'") from problem
    with serve_gallery(folders, config, host, port, arguments.store, arguments.copies) as (address, ended):
        keep_serving("the gallery", address, ended, arguments.open)
    return 0


def _folder(given: Path) -> Path:
    try:
        folder = given.expanduser().resolve()
    except (OSError, RuntimeError) as problem:
        raise UsageError(f"no folder {given}: {problem}") from problem
    if not folder.is_dir():
        raise UsageError(f"no folder {given}: `smiledet gallery` takes folders of photographs")
    return folder
