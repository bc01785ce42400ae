"""What the command line says on standard error: one line a message, without secrets and without control characters."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from types import TracebackType

from typing_extensions import override

from smiledet.system.redaction import redact
from smiledet.system.text import printable

UNREDACTED = {"unredacted": True}
"""As `extra` of a log line: it tells its reader a secret of our own making, the token of a page."""


def one_line(text: object) -> str:
    r"""A message as it may be shown: without secrets, and on one line even where a file's name is not.

    >>> one_line("cannot read rtsp://me:secret@host/x\n\x1b[31m.jpg")
    'cannot read rtsp://host/x \\x1b[31m.jpg'
    """
    return printable(redact(" ".join(str(text).splitlines())))


class MessageFormatter(logging.Formatter):
    """Makes each message one line and hides the secrets in it; a traceback keeps its lines."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        whole = getattr(record, "unredacted", False)
        record.message = printable(record.message) if whole else one_line(record.message)
        return super().formatMessage(record)

    @override
    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return redact(super().formatException(ei))


def say(message: object) -> None:
    """Write a line to standard error; where that is closed, nothing."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print("smiledet:", one_line(message), file=sys.stderr)


def log_to_standard_error() -> None:
    """Write the log to standard error, from warnings on; a program that has set up its logging keeps it."""
    handler = logging.StreamHandler()
    handler.setFormatter(MessageFormatter("smiledet: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)  # other packages' news is none of ours


def quieten_warnings(show: bool) -> None:
    """Keep other packages' warnings off standard error, unless the user has asked Python for them (`-W`).

    Args:
        show: Write them to the log instead, without secrets as all of it.
    """
    if show:
        logging.captureWarnings(True)
    elif not sys.warnoptions:
        warnings.simplefilter("ignore")


def redact_tracebacks() -> None:
    """Hide the secrets in what Python prints of an exception that nobody handles, in any thread."""

    def show(kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None) -> None:
        if sys.stderr is not None and kind is not SystemExit:
            with suppress(OSError, ValueError):
                print(redact("".join(traceback.format_exception(kind, problem, trace))), end="", file=sys.stderr)

    sys.excepthook = show
    threading.excepthook = lambda given: show(given.exc_type, given.exc_value, given.exc_traceback)
