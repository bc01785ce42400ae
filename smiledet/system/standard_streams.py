"""Standard streams that are closed, full or too talkative."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from smiledet.system.redaction import redact

TENSORFLOW_GREETING = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] "
    rb"|E\d{4} [\d:.]+ +\d+ cuda_\w+\.cc:\d+\] failed call to cuInit"
    rb"|To enable the following instructions: "
)
"""What TensorFlow says while it is imported: before it reads `TF_CPP_MIN_LOG_LEVEL`, and where there is no GPU."""


@contextmanager
def standard_error_without(unwanted: Callable[[bytes], object]) -> Iterator[None]:
    """Leave lines out of what is written to descriptor 2; the rest, other threads' too, comes out at the end.

    Args:
        unwanted: Tells from a line whether to leave it out.
    """
    if sys.platform != "linux" or sys.__stderr__ is None:  # without a stderr, 2 may be any file
        yield
        return
    kept = os.dup(2)
    with os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            with suppress(OSError):  # nobody reads it any more
                os.write(2, b"".join(line for line in held if not unwanted(line)))


@contextmanager
def redacted_standard_error() -> Iterator[None]:
    """Hide the secrets in what is written to descriptor 2, by native libraries too, line by line as it comes."""
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)

    def pass_on() -> None:
        with open(reading, "rb") as lines:  # noqa: PTH123 - a descriptor
            for line in lines:
                with suppress(OSError):  # nobody reads it any more
                    os.write(kept, redact(line.decode(errors="surrogateescape")).encode(errors="surrogateescape"))

    thread = threading.Thread(target=pass_on, name="redact", daemon=True)
    thread.start()
    try:
        yield
    finally:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
        os.dup2(kept, 2)  # closes the pipe's end, at which the thread ends, unless a child still holds it
        thread.join(1.0)


def fill_closed_streams() -> None:
    """Open the null device in the place of standard streams that whoever started us has closed (`>&-`, `2>&-`).

    Otherwise the next file that is opened gets the number of a standard stream, and native libraries print into it.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    os.close(null)


def flush_standard_output() -> None:
    """Write what is still buffered, if there is a standard output.

    Raises:
        OSError: It cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def give_up_standard_output() -> None:
    """Write no more to standard output: nobody reads it, or it is full. Python would complain at its end."""
    _turn_to_null(sys.stdout)


def give_up_closed_terminal() -> None:
    """Write no more to a terminal that was closed, which takes nothing; a stream that leads to a file goes on."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                _turn_to_null(stream)


def keep_standard_error_quiet() -> None:
    """See that what could not be written to standard error does not change the exit code: Python would end with 120."""
    if sys.stderr is not None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            _turn_to_null(sys.stderr)


def _turn_to_null(stream: TextIO | None) -> None:
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
        os.close(null)
