"""`python -m smiledet`, and what the command `smiledet` starts with."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def start() -> NoReturn:
    """Run the command that this process was started with, and end it with the command's exit code.

    Signals are heard from here on: the rest has yet to be imported, which takes a tenth of a second or more. SIGINT is
    also heard where it was ignored: a shell's script does that to what it starts with `&`, and may send it later.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as under `nohup`
            signal.signal(number, _end)
    codes: list[int] = []
    atexit.register(_leave, codes)  # what is registered first is called last
    from smiledet.cli import main
    from smiledet.system.own_process import end_process

    codes.append(main())
    end_process(codes[0])


def _leave(codes: list[int]) -> None:
    """End the process before the native libraries take themselves down, in which they have crashed and hung."""
    if codes:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or its reader has gone
                stream.flush()
        os._exit(codes[0])


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    os.write(2, b"smiledet: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    start()
