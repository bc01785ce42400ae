"""Measure inferences a second of every model, and the whole pipeline on the demo or on clips.

TARGET measures something else, or one of the two alone; `smiledet bench TARGET --help` says what
it takes. `--output` keeps the figures as JSON: in one file if its name ends in .json, else in a
folder, a file a target. Targets that serve this project's own figures (locator, peers, resources)
are in its repository alone.

Example:
  smiledet bench
  smiledet bench --clip clip.mp4 --rounds 5 --plots plots --output figures.json
  smiledet bench detectors --data genki4k:/data/genki4k --clip clip.mp4
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from smiledet.cli._arguments import add_models, data_path, files_read, use_models
from smiledet.system.text import printable

log = logging.getLogger(__name__)

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
    parser.set_defaults(target=None, flags=_flags(parser))
    _add_shared(parser)
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
        chosen.set_defaults(target=name, flags=_flags(chosen))
        _add_shared(chosen)
        _keep_what_came_before(chosen, parser)


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    """What the figures depend on: the names of the arguments so far."""
    return [action.dest for action in parser._actions if action.dest != "help"]


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """What every target takes."""
    add_models(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--output", type=Path, metavar="PATH", help="keep the JSON: FILE.json, or a folder")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw plots into a folder")


def _keep_what_came_before(chosen: argparse.ArgumentParser, parser: argparse.ArgumentParser) -> None:
    """Let a flag that `bench` has too stand on either side of the target's name: no default may undo what is given."""
    shared = {action.dest for action in parser._actions}
    for action in chosen._actions:
        if action.dest in shared and action.dest != "help":
            action.default = argparse.SUPPRESS


def run(arguments: argparse.Namespace) -> int:
    """Measure, keep, draw and print."""
    use_models(arguments)
    from smiledet.lab.benchmark.records import check_output, check_plots, circumstances, keep

    names = [arguments.target] if arguments.target else list(USUAL)
    modules = {name: target(name) for name in names}
    _check_outputs(arguments)
    for module in modules.values():
        module.check(arguments)
    if arguments.output is not None:
        check_output(arguments.output)
    if arguments.plots is not None:
        check_plots(arguments.plots)
    about = circumstances(arguments)
    measured: dict[str, dict[str, Any]] = {}
    for name, module in modules.items():
        measured[name] = _measure(name, module, arguments, about, measured)
    if arguments.output is not None:
        keep(about, measured, arguments.output)
    drawn = [] if arguments.plots is None else _draw(modules, measured, arguments.plots)
    result: dict[str, Any] = dict(about)
    for part in measured.values():
        result |= part
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(about["machine"])
    for name, module in modules.items():
        for text in as_text(module, measured[name]):
            print()
            print(text)
    if drawn:
        print(f"\nplots: {', '.join(map(printable, drawn))}")
    return 0


def as_text(module: ModuleType, result: dict[str, Any]) -> Iterator[str]:
    """A target's tables for the terminal, then the sentences that belong to them."""
    from smiledet.report import table

    for title, header, rows in module.sections(result):
        yield f"{title}\n{table(header, rows)}".lstrip("\n")
    if hasattr(module, "remarks") and (remarks := "\n".join(module.remarks(result))):
        yield remarks


def _check_outputs(arguments: argparse.Namespace) -> None:
    """See that what is written overwrites neither what is measured nor other output."""
    from smiledet.system.output_checks import check_folder, check_outputs

    given = vars(arguments)
    data = [data_path(given["data"])] if given.get("data") else []
    read = [*(given.get("clip") or ()), *data, *files_read(arguments)]
    outputs = {f"--{name}": given.get(name) for name in ("output", "sheet", "plot", "trace")}
    for flag in ("output", "plots"):
        folder = given.get(flag)
        if folder is not None and folder.suffix.lower() != ".json":
            check_folder(f"--{flag}", folder, data)
            outputs.pop(f"--{flag}", None)
    check_outputs(outputs, read)


def _measure(
    name: str,
    module: ModuleType,
    arguments: argparse.Namespace,
    about: dict[str, Any],
    before: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """What a target measures; of one that grows, all of it is kept as it comes, with that of the targets before."""
    from smiledet.lab.benchmark.records import begun, keep

    if not hasattr(module, "grow"):
        whole: dict[str, Any] = module.measure(arguments)
        return whole
    kept = begun(about, name, arguments.output) if arguments.output is not None else {}
    if kept:
        # Figures of both runs: the date is that of the first.
        about["resumed"], about["date"] = about["date"], kept["date"]
        log.info("going on with what was begun at %s in %s", kept["date"], arguments.output)
    result: dict[str, Any] = {}
    for result in module.grow(arguments, kept):
        if arguments.output is not None:
            keep({**about, "unfinished": name}, {**before, name: result}, arguments.output)
    return result


def _draw(modules: dict[str, ModuleType], measured: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
    """The plots of every target that has some."""
    return [
        path
        for name, module in modules.items()
        if hasattr(module, "plots")
        for path in module.plots(measured[name], folder)
    ]
