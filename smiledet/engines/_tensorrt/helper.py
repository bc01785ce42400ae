"""A helper process that runs plans under the board's Python; it is watched, and started again when it is lost."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines._tensorrt import board_python
from smiledet.engines._tensorrt.program import BoardProgram, Lost, Message
from smiledet.errors import SmiledetError

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Runs of the same chips until the helper is given up; it is started anew for each."""

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - names in it are made by mkstemp
"""Where memory is shared, if it is there; else where temporary files are."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until a helper counts as hanging.

    Attributes:
        start: Until it has imported TensorRT, found the GPU, and loaded a plan.
        run: Until it has classified what takes milliseconds.
    """

    start: float = 60.0
    run: float = 0.9


class Helper:
    """One process for all networks of this one: CUDA and TensorRT take hundreds of megabytes each time.

    Any thread may call it; requests are answered one at a time, as the GPU would.

    Args:
        python: The board's.
        limits: When it counts as hanging.
    """

    def __init__(self, python: str, limits: Limits) -> None:
        self._python, self._limits = python, limits
        self._one = threading.Lock()
        self._numbers = count()
        self._networks: dict[int, HelperNetwork] = {}
        self._program: BoardProgram | None = None

    def load(self, plan: Path) -> HelperNetwork:
        """Load a plan.

        Raises:
            board_python.Refused: TensorRT does not take it.
            SmiledetError: The helper is lost again and again.
        """
        with self._one:
            network = HelperNetwork(self, next(self._numbers), plan)
            self._networks[network.number] = network
            try:
                self._insist(lambda: None, network)
            except BaseException as problem:
                del self._networks[network.number]
                if not isinstance(problem, board_python.Refused):
                    self._kill()
                elif not self._networks:  # another engine may be next, which needs the helper's memory
                    self._stop()
                raise
            return network

    def run(self, network: HelperNetwork, chips: npt.NDArray[Any], scores: npt.NDArray[np.float32]) -> None:
        """Classify chips, at most the network's rows.

        Raises:
            SmiledetError: The helper is lost again and again.
        """

        def exchange() -> None:
            shared = network.shared
            shared.chips[: len(chips)] = chips
            answer = self._ask({"do": "run", "id": network.number, "count": len(chips)}, self._limits.run)
            if "refused" in answer:  # a GPU that has failed once goes on failing in that process
                raise Lost(answer["refused"])
            scores[:] = shared.scores[: len(chips)]

        with self._one:
            self._insist(exchange, network)

    def unload(self, network: HelperNetwork) -> None:
        """Free a network; the process ends with the last."""
        with self._one:
            if self._networks.pop(network.number, None) is None:
                return
            if not self._networks:
                self._stop()
            elif network.loaded:
                try:
                    self._ask({"do": "unload", "id": network.number}, self._limits.start)
                except Lost:
                    self._kill()

    def _insist(self, exchange: Any, network: HelperNetwork) -> None:
        """Do something with a running helper; start it, and what it had loaded, anew for every time it is lost."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._program is None:
                    self._start()
                elif not network.loaded:
                    self._load(network)
                exchange()
                return
            except Lost as problem:  # noqa: PERF203 - seldom
                self._kill()
                lost = str(problem)
                log.warning("TensorRT's helper is lost (%s)%s", lost, "; starting it anew" * (attempt < ATTEMPTS))
        raise SmiledetError(f"TensorRT's helper under {self._python} was lost {ATTEMPTS} times running: {lost}")

    def _start(self) -> None:
        self._program = BoardProgram(self._python, "serve")
        greeting = self._program.answer(self._limits.start)
        if "refused" in greeting:
            raise Lost(greeting["refused"])
        for network in self._networks.values():
            self._load(network)

    def _load(self, network: HelperNetwork) -> None:
        """Load a network and share memory with it; the file is gone again once both have it mapped."""
        path = _empty_file()
        try:
            request = {"do": "load", "id": network.number, "plan": str(network.plan), "shared": path}
            facts = self._ask(request, self._limits.start)
            if "refused" in facts:
                raise board_python.Refused(facts["refused"])
            network.attach(facts, board_python.Shared(path, facts))
        finally:
            with suppress(OSError):
                Path(path).unlink()

    def _ask(self, message: Message, limit: float) -> Message:
        assert self._program is not None
        self._program.send(message)
        return self._program.answer(limit)

    def _stop(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None

    def _kill(self) -> None:
        if self._program is not None:
            self._program.kill()
            self._program = None
        for network in self._networks.values():
            network.loaded = False


class HelperNetwork:
    """A plan in a helper; like `board_python.Network`."""

    def __init__(self, helper: Helper, number: int, plan: Path) -> None:
        self._helper, self.number, self.plan = helper, number, plan
        self.loaded = False
        self.shape: tuple[int, ...] = ()
        self.classes = self.rows = 0
        self.shared: board_python.Shared

    def attach(self, facts: Message, shared: board_python.Shared) -> None:
        """Take what a helper tells of the network, and the memory that is shared with it."""
        self.shape, self.classes, self.rows = tuple(facts["shape"]), facts["classes"], facts["rows"]
        self.shared, self.loaded = shared, True

    def run(self, chips: npt.NDArray[Any], scores: npt.NDArray[np.float32]) -> None:
        """See `Helper.run`."""
        self._helper.run(self, chips, scores)

    def close(self) -> None:
        """See `Helper.unload`; closing twice does no harm."""
        self._helper.unload(self)


_helpers: dict[str, Helper] = {}
_first = threading.Lock()


def helper_under(python: str) -> Helper:
    """The helper of this process under a Python."""
    with _first:
        if python not in _helpers:
            _helpers[python] = Helper(python, Limits())
        return _helpers[python]


def _empty_file() -> str:
    try:
        folder = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None
        handle, path = tempfile.mkstemp(prefix="smiledet-", dir=folder)
    except OSError as problem:
        raise SmiledetError(f"no memory can be shared with TensorRT's helper: {problem.strerror}") from problem
    os.close(handle)
    return path
