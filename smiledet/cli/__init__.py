"""The command line: one file a command, imported only when it is asked for."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import NoReturn

from smiledet.errors import SmiledetError, UsageError
from smiledet.system.own_process import quieten_opencv
from smiledet.system.signals import IGNORED, Heard, get_handlers, interrupt, on_signals, set_handlers

INTERRUPTED = 130


def command_names() -> list[str]:
    """The commands that there are: one a file in this folder."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


class _Parser(argparse.ArgumentParser):
    """Complains on one line, as everything else does."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _summary(command: str) -> str:
    """The first line of a command's docstring, without importing it."""
    # Not parsed: that of every command would take a tenth of the time in which a run starts.
    with Path(__path__[0], f"{command}.py").open(encoding="utf-8") as source:
        return source.readline().strip().strip('"')


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of every command; only the one that was asked for is imported."""
    parser = _Parser(prog="smiledet", description="Reads faces, smiles and emotions in real time.")
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument("-v", "--verbose", action="store_true", help="say more, with tracebacks")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name in command_names():
        if name != command:
            commands.add_parser(name, help=_summary(name))
            continue
        module = import_module(f"smiledet.cli.{name}")
        chosen = commands.add_parser(
            name,
            help=_summary(name),
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(chosen)
        chosen.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; None for the process's own.

    Returns:
        0 done; 2 usage or bad input, said in one line; 1 a fault; 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((word for word in words if word in command_names()), None)
    verbose = "-v" in words or "--verbose" in words
    logging.basicConfig(format="smiledet: %(message)s", level=logging.WARNING)  # other packages' news is none of ours
    logging.getLogger("smiledet").setLevel(logging.DEBUG if verbose else logging.INFO)
    quieten_opencv()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no terminal's encoding may end a run
    before = get_handlers()
    heard = Heard()
    if arguments is None:
        # What `on_signals` gives back: as a process nothing follows but its end, which a signal would litter.
        set_handlers(IGNORED)
    try:
        with on_signals(interrupt) as heard:
            parsed = build_parser(wanted).parse_args(words)
            code: int = parsed.run(parsed)
        sys.stdout.flush()
    except Exception as problem:
        if heard.yes:  # it is what an import made of the interrupt, or came of its being half done
            return _interrupted()
        if isinstance(problem, BrokenPipeError) or isinstance(problem.__cause__, BrokenPipeError):
            # Whoever read our output has gone (`smiledet … | head`); keep Python from complaining about it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if not isinstance(problem, SmiledetError):
            raise
        print("smiledet:", *str(problem).splitlines(), file=sys.stderr)  # on one line, even if a file's name is not
        return problem.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    finally:
        set_handlers(IGNORED if arguments is None else before)
    return code


def _version() -> str:
    from smiledet import __version__

    return f"smiledet {__version__}"


def _interrupted() -> int:
    # Where it fell into the `exec` of a text, as dataclasses are made by, Python has noted it, and under `-m` would end
    # by sending itself SIGINT whatever is returned here; the next text that is executed clears the note.
    exec("")
    print("smiledet: interrupted", file=sys.stderr)
    return INTERRUPTED
