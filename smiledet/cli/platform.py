"""Show what this machine is, what smiledet would run on it and why, and what would make it faster.

Example:
  smiledet platform
  smiledet platform --json
  smiledet platform --platform jetson-tx2 --config mine.toml
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--platform", default="auto", metavar="NAME", help="as if it were chosen by hand")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML that overrides the platform's")
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")


def run(arguments: argparse.Namespace) -> int:
    """Ask the system, and print what it is."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.config import load_config
    from smiledet.platform.choice import pick_platform, read_machine
    from smiledet.platform.files import SystemFiles
    from smiledet.platform.survey import as_json, as_text, survey

    files = SystemFiles()
    machine = read_machine(files)
    platform = pick_platform(arguments.platform, machine)
    found = survey(machine, platform, load_config(platform.name, arguments.config), files)
    print(json.dumps(as_json(found), indent=2) if arguments.json else as_text(found))
    return 0
