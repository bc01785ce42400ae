"""A process that times networks on one engine with one number of threads.

Each engine and number of threads has a process of its own: no thread pool stands in another's way, TensorFlow's number
of threads is one setting for a whole process, and an engine that crashes takes nothing else with it: the next question
starts another process, which loads a network again when it is asked about it.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.models.openvino import load_runner
from smiledet.system.memory import first_to_go


def random_chips(shape: Sequence[int], batch: int) -> npt.NDArray[np.uint8]:
    """Chips uint8 (batch, height, width, channels), the same ones each time; what they show costs nothing."""
    return np.random.default_rng(1).integers(0, 256, (batch, *shape), dtype=np.uint8)


def time_calls(engine: Engine, chips: npt.NDArray[Any], calls: int) -> float:
    """Median seconds of single calls of `predict`: a call that another process broke into does not count for more."""
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        engine.predict(chips)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


class TimingProcess:
    """The process, as seen from the one that asks.

    Args:
        runner: One of `smiledet.lab.benchmark.models.openvino.runner_names()`.
        threads: Threads that an inference may use.
    """

    def __init__(self, runner: str, threads: int) -> None:
        self.runner, self.threads = runner, threads
        self._process = _start(runner, threads)
        self._networks: list[dict[str, Any]] = []
        self._loaded: set[int] = set()

    def load(self, path: Path, shape: Sequence[int]) -> str:
        """Load a further network, and run it once; they are counted from 0.

        Args:
            path: In the engine's format.
            shape: (height, width, channels) of its chips.

        Returns:
            What runs it, in the engine's words.

        Raises:
            UsageError: The engine refuses it.
            SmiledetError: The process ended over it.
        """
        request = {"load": len(self._networks), "path": str(path), "shape": list(shape)}
        answer = self._ask(request)
        self._loaded.add(len(self._networks))
        self._networks.append(request)
        return str(answer["device"])

    def time(self, network: int, batch: int, calls: int) -> float:
        """Median seconds of a call with so many chips.

        Args:
            network: Which, in the order of loading.
            batch: Chips a call.
            calls: How often.

        Raises:
            UsageError: The engine refuses.
            SmiledetError: The process ended over it.
        """
        if network not in self._loaded:
            self._ask(self._networks[network])
            self._loaded.add(network)
        return float(self._ask({"time": network, "batch": batch, "calls": calls})["seconds"])

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise SmiledetError(f"timing on {self.runner} ended with {self._begin_again()}") from None
        if "refused" in answer:
            raise UsageError(answer["refused"])
        return answer

    def _begin_again(self) -> str:
        """Another process in the place of one that has ended; how that did."""
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what was not sent any more
                pipe.close()
        self._process = _start(self.runner, self.threads)
        self._loaded.clear()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return how + (": too little memory?" if code == -signal.SIGKILL else "")


def _start(runner: str, threads: int) -> subprocess.Popen[str]:
    # In a session of its own: an interrupt reaches the asking process alone, and this one ends with its input.
    return subprocess.Popen(
        [sys.executable, "-m", __name__, runner, str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def serve(runner: str, threads: int, requests: IO[str], answers: IO[str]) -> None:
    """Do what is asked, one JSON object a line, until the requests end."""
    networks: dict[int, tuple[Engine, list[int]]] = {}
    for line in requests:
        try:
            answer = _answer(json.loads(line), runner, threads, networks)
        except Exception as problem:  # the engines' own, memory among them; one network's end is not that of all
            answer = {"refused": (str(problem) or repr(problem)).splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(
    request: dict[str, Any], runner: str, threads: int, networks: dict[int, tuple[Engine, list[int]]]
) -> dict[str, Any]:
    if "load" in request:
        engine = load_runner(runner, Path(request["path"]), threads)
        engine.predict(random_chips(request["shape"], 1))  # the first call prepares: it is slow, and is not timed
        networks[request["load"]] = engine, request["shape"]
        return {"device": engine.device}
    engine, shape = networks[request["time"]]
    return {"seconds": time_calls(engine, random_chips(shape, request["batch"]), request["calls"])}


def main() -> None:
    """The process."""
    first_to_go()
    # Native code may print what it likes; it goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.argv[1], int(sys.argv[2]), sys.stdin, answers)


if __name__ == "__main__":
    main()
