"""The virtual environment that the peers live in, since what they need must not get in smiledet's way."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from smiledet.errors import UsageError
from smiledet.lab.benchmark.peers.worker import PeerError
from smiledet.system.resources import cache_folder

log = logging.getLogger(__name__)

MADE, INSTALLED = "pyvenv.cfg", "smiledet-peers.json"
"""What tells that a folder is a virtual environment, and what lists the calls of pip that have gone well in it."""

INSTALL_LIMIT = 1800.0
"""Seconds that one call of pip may take: TensorFlow alone is 600 MB."""


def default_folder() -> Path:
    """Where the environment is made unless another folder is given: one for each version of Python."""
    return cache_folder() / f"peers-python{sys.version_info.major}.{sys.version_info.minor}"


class PeerEnvironment:
    """A virtual environment, made when something is first installed.

    Args:
        folder: Where it is, or will be.
        limit: Seconds that one call of pip may take.

    Raises:
        UsageError: The folder holds something else.
    """

    def __init__(self, folder: Path, limit: float = INSTALL_LIMIT) -> None:
        self._folder = folder.absolute()
        self._limit = limit
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--environment {folder}: expected a folder")
        if folder.is_dir() and not (folder / MADE).is_file() and any(folder.iterdir()):
            raise UsageError(f"--environment {folder}: it holds files but no {MADE}; expected a virtual environment")

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._folder / "bin" / "python"

    def problem_with(self, name: str, packages: Sequence[Sequence[str]]) -> PeerError | None:
        """See to it that a peer is installed; what went wrong if it is not. See `install`."""
        try:
            self.install(name, packages)
        except PeerError as problem:
            return problem
        return None

    def install(self, name: str, packages: Sequence[Sequence[str]]) -> None:
        """Install what a peer needs, or nothing if that has been done before.

        Args:
            name: The peer, for the log.
            packages: What each call of pip is asked for.

        Raises:
            PeerError: It cannot be; the message is the first line of the cause.
        """
        missing = [list(words) for words in packages if list(words) not in self._installed()]
        if not missing:
            return
        if not (self._folder / MADE).is_file():
            log.info("making a virtual environment in %s", self._folder)
            self._call("venv", [sys.executable, "-m", "venv", str(self._folder)])
        for words in missing:
            log.info("installing for %s: %s", name, " ".join(words))
            pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
            self._call("pip", [*pip, "install", "--progress-bar", "off", *words])
            self._note([*self._installed(), words])

    def _installed(self) -> list[list[str]]:
        try:
            calls: list[list[str]] = json.loads((self._folder / INSTALLED).read_text())
        except (OSError, ValueError):
            return []
        return calls

    def _note(self, calls: list[list[str]]) -> None:
        try:
            (self._folder / INSTALLED).write_text(json.dumps(calls))
        except OSError as problem:
            raise PeerError(f"cannot write to {self._folder}: {problem.strerror}") from problem

    def _call(self, what: str, command: list[str]) -> None:
        """Run something to its end.

        Raises:
            PeerError: It failed, or took too long.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        try:
            process = subprocess.Popen(
                command,
                env=inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as problem:
            raise PeerError(f"does not install: {problem.strerror}: {command[0]}") from problem
        try:
            output, _ = process.communicate(timeout=self._limit)
        except subprocess.TimeoutExpired:
            raise PeerError(f"does not install: {what} took longer than {self._limit:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            raise PeerError(f"does not install: {first_cause(output) or f'{what} gave up'}")


def first_cause(output: str) -> str:
    r"""The line of a program's output that says best what went wrong.

    >>> first_cause("WARNING: slow\nERROR: No matching distribution found for tensorflow\nhint: none")
    'No matching distribution found for tensorflow'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error:", "error "))]
    return (errors or lines[-1:] or [""])[0].removeprefix("ERROR: ").removeprefix("Error: ")
