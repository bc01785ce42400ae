"""Write the page that reads faces in the browser itself, as static files for any web server.

The page works offline after one visit, on phones and laptops; nothing leaves the device. Browsers
give it the camera over https:// or on localhost. `python -m http.server --directory public` serves
it for a try; `smiledet gallery` and `smiledet run --serve` serve it, too, at /app/.

Example:
  smiledet web-app build public/
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from smiledet.cli._arguments import add_models, use_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="build")
    build = actions.add_parser("build", help="write the page", description="Write the page into a folder.")
    build.add_argument("folder", type=Path, metavar="DIR", help="an empty one, or an earlier build, which is replaced")
    build.add_argument(
        "--tasks", default="smile,emotion", metavar="LIST", help="what it reads (default: smile,emotion)"
    )
    add_models(build)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and say how large it is."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.errors import UsageError
    from smiledet.system.text import printable
    from smiledet.web.app.build import build, is_loaded

    use_models(arguments)
    tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    if not tasks or len(set(tasks)) != len(tasks):
        raise UsageError(f"--tasks {arguments.tasks!r}: expected names of tasks, each once, with commas between")
    folder = arguments.folder.expanduser()
    files = build(folder, tasks)
    packed = sum(len(gzip.compress(content, 6)) for name, content in files.items() if is_loaded(name))
    networks = sum(len(content) for name, content in files.items() if name.startswith("models/"))
    print(
        f"wrote {len(files)} files into {printable(folder)}: {sum(map(len, files.values())) / 1e6:.1f} MB, "
        f"{packed / 1e6:.1f} MB to download where the server compresses; networks {networks / 1e6:.2f} MB"
    )
    return 0
