"""A peer in a process of its own, asked and answering in JSON lines, and given up when it dies or hangs."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

from smiledet.errors import SmiledetError
from smiledet.lab.benchmark.peers import loops

SCRIPTS = Path(loops.__file__).parent

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENCV_LOG_LEVEL": "ERROR"}
"""Set in every worker's environment."""

GOODBYE = 2.0
"""Seconds that a worker gets to end by itself."""


class PeerError(SmiledetError):
    """A peer that cannot be measured, or no further; the message says why, on one line."""


class PeerWorker:
    """One peer's process. A context manager: leaving ends the process and whatever it has started.

    Args:
        python: The interpreter.
        loop: The peer's loop; see `smiledet.lab.benchmark.peers.loops.serve`.
        limit: Seconds after which a question counts as never to be answered.
        environment: Variables to set besides.
    """

    def __init__(self, python: Path, loop: Path, limit: float, environment: Mapping[str, str] | None = None) -> None:
        self._limit = limit
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        try:
            self._process = subprocess.Popen(
                [str(python), str(SCRIPTS / "serve.py"), str(loop)],
                env={**inherited, **QUIET, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                text=True,
                start_new_session=True,  # so that Ctrl-C comes to us alone, and `close` ends its children too
            )
        except OSError as problem:
            self._complaints.close()
            raise PeerError(f"cannot start {python}: {problem.strerror}") from problem
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="peer", daemon=True).start()

    def _listen(self) -> None:
        with suppress(ValueError):  # closed meanwhile
            for line in self._process.stdout or ():
                self._lines.put(line)
        self._lines.put(None)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send a question and wait for its answer.

        Raises:
            PeerError: It says that it cannot, died, hangs, or answers nonsense. It is of no use afterwards.
        """
        with suppress(OSError):  # it has died: what it left behind says more than a broken pipe
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=self._limit)
        except queue.Empty:
            raise PeerError(f"no answer within {self._limit:g} s") from None
        if line is None:
            raise PeerError(self._last_words())
        try:
            answer = json.loads(line)
        except json.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise PeerError(f"not an answer: {line.strip()[:80]!r}")
        if "problem" in answer:
            raise PeerError(str(answer["problem"]))
        return answer

    def _last_words(self) -> str:
        """How it ended, and the last line that it left on standard error."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE)
        code = self._process.poll()
        if code is None:
            end = "stopped answering"
        elif code < 0:
            end = f"died of {signal.Signals(-code).name}"
        else:
            end = f"ended with exit code {code}"
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"{end}: {lines[-1].strip()}" if lines else end

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            # One that is in the middle of something would not hear of the closed pipe.
            self._process.wait(GOODBYE if self._lines.empty() else 0)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
