"""Measure inferences a second of every model, and the whole pipeline on the demo or on clips.

TARGET measures something else, or one of the two alone; `smiledet bench TARGET --help` says what it takes.

Example:
  smiledet bench
  smiledet bench --clip clip.mp4 --rounds 5 --json
  smiledet bench detectors --data genki4k:/data/genki4k --clip clip.mp4
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

USUAL = ("models", "pipeline")
"""What is measured without a TARGET."""


def target_names() -> list[str]:
    """The targets that there are: one a file."""
    return sorted(module.name for module in iter_modules(import_module("smiledet.cli._bench").__path__))


def target(name: str) -> ModuleType:
    """The module of one target."""
    return import_module(f"smiledet.cli._bench.{name}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments, and every target's."""
    for name in USUAL:
        target(name).add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(target=None)
    targets = parser.add_subparsers(metavar="TARGET", title="targets")
    for name in target_names():
        module = target(name)
        description = module.__doc__ or ""
        chosen = targets.add_parser(
            name,
            help=description.splitlines()[0],
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(chosen)
        chosen.add_argument("--json", action="store_true", help="print one JSON object")
        _keep_what_came_before(chosen, parser)
        chosen.set_defaults(target=name)


def _keep_what_came_before(chosen: argparse.ArgumentParser, parser: argparse.ArgumentParser) -> None:
    """Let a flag that `bench` has too stand on either side of the target's name: no default may undo what is given."""
    shared = {action.dest for action in parser._actions}
    for action in chosen._actions:
        if action.dest in shared and action.dest != "help":
            action.default = argparse.SUPPRESS


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from smiledet.benchmark.machine import describe_machine

    machine = describe_machine()
    modules = [target(name) for name in ([arguments.target] if arguments.target else USUAL)]
    for module in modules:
        module.check(arguments)
    result: dict[str, Any] = {"machine": machine}
    for module in modules:
        result |= module.measure(arguments)
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(machine)
    for module in modules:
        for text in module.tables(result):
            print()
            print(text)
    return 0
