"""Write a small folder of sample photographs, to try `images` and `gallery` on.

They are made from two public-domain portraits, see CREDITS.txt among them. Nothing is overwritten.

Example:
  smiledet demo-photos samples
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to write them; made where it is not there")


def run(arguments: argparse.Namespace) -> int:
    """Write them."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.photographs.samples import write_samples
    from smiledet.system.text import printable

    written = write_samples(arguments.folder)
    print(
        f"wrote {len(written)} files into {printable(arguments.folder)}; "
        f"look at them: smiledet gallery {printable(arguments.folder)}"
    )
    return 0
