"""`board_python.py` as a program of its own, under smiledet's Python or the board's."""

from __future__ import annotations

import json
import os
import platform
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from smiledet.engines._tensorrt import board_python

Message = dict[str, Any]

OF_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONPLATLIBDIR", "PYTHONSAFEPATH", "VIRTUAL_ENV")
"""Would lead another Python to packages that are not its own."""

PATIENCE = 2.0
"""Seconds that a program has to end by itself, once it is told nothing more."""


class Lost(Exception):  # noqa: N818 - it is told to the user as it stands
    """The program has died or hangs; one line that says how."""


class BoardProgram:
    """A running `board_python.py`, and the lines that go to it and come from it.

    Args:
        python: The Python to run it under.
        arguments: Its command line.

    Raises:
        Lost: There is no such Python.
    """

    def __init__(self, python: str, *arguments: str) -> None:
        self._complaints = TemporaryFile()  # noqa: SIM115 - as long as the program
        self._unread = b""
        lifeline, self._lifeline = os.pipe()  # the end of this process closes our end, however it comes
        try:
            self._process = subprocess.Popen(
                [python, board_python.__file__, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                bufsize=0,
                env={**environment_for(python), board_python.LIFELINE: str(lifeline)},
                pass_fds=[lifeline],
                start_new_session=True,  # Ctrl-C is for this process, which ends the other
            )
        except OSError as problem:
            os.close(self._lifeline)
            self._complaints.close()
            raise Lost(f"{python}: {problem.strerror}") from problem
        finally:
            os.close(lifeline)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._from.fileno(), select.POLLIN)

    def send(self, message: Message) -> None:
        """Ask for something.

        Raises:
            Lost: It has died.
        """
        try:
            self._to.write(json.dumps(message).encode() + b"\n")
        except OSError as problem:
            raise Lost(self._death()) from problem

    def receive(self, limit: float) -> Message | None:
        """The next line; None where none came in time.

        Args:
            limit: Seconds to wait.

        Raises:
            Lost: It has died, or says that it fails.
        """
        end = time.monotonic() + limit
        while b"\n" not in self._unread:
            if not self._poll.poll(1000 * max(0.0, end - time.monotonic())):
                return None
            more = os.read(self._from.fileno(), 65536)
            if not more:
                raise Lost(self._death())
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        message: Message = json.loads(line)
        if "error" in message:
            raise Lost(message["error"])
        return message

    def answer(self, limit: float) -> Message:
        """The next line, which has to come in time.

        Raises:
            Lost: It has not; or see `receive`.
        """
        message = self.receive(limit)
        if message is None:
            raise Lost(f"no answer within {limit:g} s")
        return message

    def stop(self, patience: float = PATIENCE) -> None:
        """End it: by itself if it does so in time, else by force; stopping twice does no harm."""
        if self._from.closed:
            return
        with suppress(OSError):
            self._to.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._lifeline)
        self._from.close()
        self._complaints.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self.stop()

    def _death(self) -> str:
        """How it ended, in one line: the last that it wrote to stderr, its signal or its exit code."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "it has closed its output"
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        end = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"{end}: {last}" if last else end


def environment_for(python: str) -> dict[str, str]:
    """The environment that `board_python.py` runs in: ours, without what would lead another Python astray."""
    environment = dict(os.environ)
    if not is_own(python):
        for name in OF_OUR_PYTHON:
            environment.pop(name, None)
    if platform.machine() == "aarch64":
        # numpy 1.19.5, the last for Python 3.6, dies of an illegal instruction on a TX2 or Nano without it.
        environment.setdefault("OPENBLAS_CORETYPE", "ARMV8")
    return environment


def is_own(python: str) -> bool:
    """Whether a Python is the one that runs this."""
    return bool(sys.executable) and Path(python) == Path(sys.executable)


def run_to_end(python: str, *arguments: str, limit: float, tick: Callable[[Message | None], object] = bool) -> Message:
    """Run `board_python.py` until it says something other than `progress`.

    Args:
        python: The Python to run it under.
        arguments: Its command line.
        limit: Seconds that it may be silent; `tick` is called once a second until then.
        tick: Told of progress, and of seconds without.

    Raises:
        Lost: It has died, is silent for too long, or fails.
        board_python.Refused: It says why it cannot.
    """
    program = BoardProgram(python, *arguments)
    try:
        silent_since = time.monotonic()
        while True:
            message = program.receive(min(1.0, limit))
            if message is not None and "progress" not in message:
                break
            tick(message)
            if message is not None:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since >= limit:
                raise Lost(f"silent for {limit:g} s")
    except BaseException:  # Ctrl-C as well: nobody waits for it any more
        program.kill()
        raise
    program.stop()
    if "refused" in message:
        raise board_python.Refused(message["refused"])
    return message
