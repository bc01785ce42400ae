"""The command line: one file a command, imported only when it is asked for."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn

from smiledet.__main__ import INTERRUPTED
from smiledet.errors import SmiledetError, UsageError
from smiledet.system.messages import log_to_standard_error, quieten_warnings, redact_tracebacks, say
from smiledet.system.output_files import NO_ROOM, is_without_room
from smiledet.system.own_process import quieten_opencv
from smiledet.system.redaction import holds_secret, redact_address
from smiledet.system.signals import IGNORED, Heard, get_handlers, interrupt, on_signals, set_handlers
from smiledet.system.standard_streams import (
    fill_closed_streams,
    flush_standard_output,
    give_up_standard_output,
    keep_standard_error_quiet,
    redacted_standard_error,
)

log = logging.getLogger(__name__)

ORDER = (
    *("run", "images", "gallery", "web-app", "report", "review", "demo-photos", "models", "platform"),
    *("train", "evaluate", "export", "explain", "datasets", "bench"),
)
"""Commands in the order in which people come to need them; any other follows."""

SHELLS = ("bash", "zsh", "tcsh")
"""What `--print-completion` knows."""

COMPLETION = "--print-completion"


def command_names() -> list[str]:
    """The commands that there are: one a file in this folder, in the order of `ORDER`."""
    found = [module.name.replace("_", "-") for module in iter_modules(__path__) if not module.name.startswith("_")]
    return sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _module(command: str) -> str:
    """The name of a command's file, without its suffix."""
    return command.replace("-", "_")


class _Parser(argparse.ArgumentParser):
    """Complains on one line, as everything else does, and says what was probably meant."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not None:  # else standard output is closed, and argparse would take standard error instead
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.dest == "command" and action.choices is not None and value not in action.choices:
            raise UsageError(
                f"no command {value!r}{_nearest(value, action.choices)}; there are {', '.join(action.choices)}"
            )
        super()._check_value(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse`; a flag that this command does not have is refused here, where its own are known.

        Where a command takes any number of words, `argparse` takes those that stand together: those behind a flag are
        added here.
        """
        parsed, unknown = super().parse_known_args(args, namespace)
        several = next((each.dest for each in self._actions if each.nargs == "*" and not each.option_strings), None)
        if several is not None and all(word == "-" or not word.startswith("-") for word in unknown):
            setattr(parsed, several, [*getattr(parsed, several), *unknown])
            unknown = []
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            hint = _nearest(unknown[0].partition("=")[0], flags) if unknown[0].startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(map(redact_address, unknown))}{hint}")
        return parsed, unknown


def _nearest(word: str, known: Iterable[str]) -> str:
    """What was probably meant, in words; empty where nothing is near."""
    found = get_close_matches(word, list(known), 1)
    return f", did you mean {found[0]}?" if found else ""


def _summary(command: str) -> tuple[str, str]:
    """The first line of a command's docstring and its first example, without importing it."""
    # Not parsed: that of every command would take a tenth of the time in which a run starts.
    with Path(__path__[0], f"{_module(command)}.py").open(encoding="utf-8") as source:
        first = source.readline().strip().strip('"')
        example = next((line.strip() for line in source if line.startswith(f"  smiledet {command}")), "")
        return first, example


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of every command; only the one that was asked for is imported."""
    summaries = {name: _summary(name) for name in command_names()}
    parser = _Parser(
        prog="smiledet",
        description="Reads faces, smiles and emotions in real time.",
        epilog="Examples:\n" + "\n".join(f"  {example}" for _, example in summaries.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument(COMPLETION, choices=SHELLS, help="print what a shell completes smiledet's words with")
    _add_loudness(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, (summary, _) in summaries.items():
        if command not in (name, EVERY):
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"smiledet.cli.{_module(name)}")
        chosen = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(chosen)
        _add_loudness(chosen)
        chosen.set_defaults(run=module.run)
    return parser


EVERY = "*"
"""Import every command, for their arguments."""


def _add_loudness(parser: argparse.ArgumentParser) -> None:
    """Declare -q and -v, which may stand before and after the command."""
    for flags, words in (
        (("-q", "--quiet"), "say nothing but errors"),
        (("-v", "--verbose"), "say more, with tracebacks"),
    ):
        parser.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=words)


def _loudness(words: Sequence[str]) -> int:
    if "-v" in words or "--verbose" in words:
        return logging.DEBUG
    return logging.ERROR if "-q" in words or "--quiet" in words else logging.INFO


def _print_completion(shell: str) -> int:
    import shtab

    print(shtab.complete(build_parser(EVERY), shell))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; None for the process's own.

    Returns:
        0 done; 2 usage or bad input, said in one line; 1 a fault; 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((word for word in words if word in command_names()), None)
    log_to_standard_error()
    logging.getLogger("smiledet").setLevel(_loudness(words))
    quieten_opencv()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no terminal's encoding may end a run
    before = get_handlers()
    heard = Heard()
    if arguments is None:
        # What `on_signals` gives back: as a process nothing follows but its end, which a signal would litter.
        set_handlers(IGNORED)
        fill_closed_streams()
        redact_tracebacks()
        quieten_warnings(show=_loudness(words) == logging.DEBUG)
    try:
        with _redacted(words), on_signals(interrupt) as heard:
            code = _run(words, wanted)
        flush_standard_output()
    except Exception as problem:
        if heard.yes:  # it is what an import made of the interrupt, or came of its being half done
            return _interrupted()
        if isinstance(problem, BrokenPipeError) or isinstance(problem.__cause__, BrokenPipeError):
            # Whoever read our output has gone (`smiledet … | head`); keep Python from complaining about it at exit.
            give_up_standard_output()
            return 0
        if isinstance(problem, OSError):
            log.debug("what the system refused", exc_info=problem)
            problem = _in_one_line(problem)
        if not isinstance(problem, SmiledetError):
            raise
        say(problem)
        return SmiledetError.exit_code if is_without_room(problem) else problem.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    finally:
        keep_standard_error_quiet()
        set_handlers(IGNORED if arguments is None else before)
    return code


TALKATIVE = ("OPENCV_LOG_LEVEL", "OPENCV_FFMPEG_LOGLEVEL", "OPENCV_VIDEOIO_DEBUG", "GST_DEBUG")
"""Environment variables by which a user has native libraries write to standard error, addresses among it."""


def _redacted(words: Sequence[str]) -> AbstractContextManager[None]:
    """Standard error without the secrets of a source, where native libraries may tell them."""
    asked = any(os.environ.get(name) not in (None, "", "SILENT", "-8") for name in TALKATIVE)
    return redacted_standard_error() if asked and any(map(holds_secret, words)) else nullcontext()


def _in_one_line(problem: OSError) -> SmiledetError:
    """What the system refused to code that has no words of its own for it."""
    if isinstance(problem, FileNotFoundError) and "temporary directory" in str(problem):  # tempfile's own words
        return SmiledetError(f"{problem.strerror}: let TMPDIR name a folder that can be written")
    what = "write" if problem.errno in NO_ROOM else "use"
    if problem.filename is not None:
        return SmiledetError(f"cannot {what} {os.fsdecode(problem.filename)}: {problem.strerror}")
    if problem.errno in NO_ROOM and problem.strerror == os.strerror(problem.errno):  # other libraries say more
        give_up_standard_output()
        return SmiledetError(f"cannot write to standard output: {problem.strerror}")
    return SmiledetError(f"cannot {what} a file: {problem.strerror or problem}")


def _run(words: Sequence[str], wanted: str | None) -> int:
    parser = build_parser(wanted)
    if not words:
        parser.print_help()
        return 0
    if words[0].partition("=")[0] == COMPLETION:
        shell = words[0].partition("=")[2] or "".join(words[1:2])
        if shell not in SHELLS:
            raise UsageError(f"{COMPLETION} {shell!r}: expected one of {', '.join(SHELLS)}")
        return _print_completion(shell)
    from smiledet.scope import own_scope

    parsed = parser.parse_args(words)
    with own_scope():  # tasks and models of a user's own are those of this command alone
        code: int = parsed.run(parsed)
    return code


def _version() -> str:
    from smiledet import __version__

    return f"smiledet {__version__}"


def _interrupted() -> int:
    # Where it fell into the `exec` of a text, as dataclasses are made by, Python has noted it, and under `-m` would end
    # by sending itself SIGINT whatever is returned here; the next text that is executed clears the note.
    exec("")  # noqa: S102
    say("interrupted")
    return INTERRUPTED
