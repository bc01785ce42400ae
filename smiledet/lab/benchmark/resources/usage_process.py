"""What a network takes of the machine while it learns or reads: a process of its own, which measures itself.

`training ARCHITECTURE`, or `testing FILE --shape HEIGHT WIDTH CHANNELS --pace R`. It says `ready` when it is warm, then
measures for as many seconds as each line of its input says, and waits in between.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smiledet.errors import SmiledetError

BATCH = 32
"""Faces a step of training."""

WARM_UP_SECONDS = 0.5
"""Once, before the first measurement: a network's first step is compiled."""


READY = "ready"
"""What the process says when it has warmed up."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Shares of the machine, each in per cent, as seed `003_*` has them below its Table 4.

    Attributes:
        cpu: Processor time of this process, of what all cores have.
        cpu_user: The part of it in user space.
        cpu_system: The part of it in the kernel.
        user: Of all cores' time, what every process together spent in user space meanwhile.
        system: And in the kernel.
        memory: Resident memory of this process at the end, of all there is.
        megabytes: The same, in megabytes.
        faces: Faces a second that it got through.
    """

    cpu: float
    cpu_user: float
    cpu_system: float
    user: float
    system: float
    memory: float
    megabytes: float
    faces: float


def watch(work: Callable[[], int], seconds: float) -> Usage:
    """Do some work again and again, and see what that takes.

    Args:
        work: Returns the number of faces that it got through.
        seconds: How long; the last piece of work is finished.
    """
    import psutil

    process, cores = psutil.Process(), psutil.cpu_count() or 1
    own, whole, start = process.cpu_times(), psutil.cpu_times(), time.perf_counter()
    faces = _until(work, seconds)
    taken = time.perf_counter() - start
    own_after, whole_after = process.cpu_times(), psutil.cpu_times()
    memory = process.memory_info().rss

    def share(after: float, before: float) -> float:
        return 100 * (after - before) / (taken * cores)

    mine = share(own_after.user, own.user), share(own_after.system, own.system)
    return Usage(
        cpu=sum(mine),
        cpu_user=mine[0],
        cpu_system=mine[1],
        # What runs at a lower priority is in user space as well; `top` gives it a place of its own.
        user=share(whole_after.user, whole.user) + share(getattr(whole_after, "nice", 0), getattr(whole, "nice", 0)),
        system=share(whole_after.system, whole.system),
        memory=100 * memory / psutil.virtual_memory().total,
        megabytes=memory / 1e6,
        faces=faces / taken,
    )


def _until(work: Callable[[], int], seconds: float) -> int:
    """Work until the time is up, once at least; how many faces."""
    end = time.perf_counter() + seconds
    faces = work()
    while time.perf_counter() < end:
        faces += work()
    return faces


def training(architecture: str) -> Callable[[], int]:
    """A step of training with random faces and answers: what they are costs nothing.

    Args:
        architecture: One of `smiledet.lab.networks`, at its own input and classes.
    """
    from smiledet.lab.backend import prepare

    prepare()
    import keras
    import numpy as np

    from smiledet.lab.networks.base import find_architecture
    from smiledet.lab.networks.build import build_network

    row = find_architecture(architecture)
    network = build_network(row.name, row.input_shape, row.classes)
    one = row.classes == 1
    network.compile("adam", keras.losses.BinaryCrossentropy() if one else keras.losses.SparseCategoricalCrossentropy())
    random = np.random.default_rng(1)
    chips = random.integers(0, 256, (BATCH, *row.input_shape)).astype(np.float32)
    answers = random.integers(0, max(2, row.classes), (BATCH, 1))

    def one_step() -> int:
        network.train_on_batch(chips, answers)
        return BATCH

    return one_step


def testing(path: Path, shape: Sequence[int], pace: float) -> Callable[[], int]:
    """One face read by LiteRT on one thread.

    Args:
        path: The network.
        shape: (height, width, channels) of its chips.
        pace: Faces a second that come, as a camera gives them; 0 for as many as can be read.
    """
    from smiledet.engines.litert import LiteRTEngine
    from smiledet.lab.benchmark.models.timing_process import random_chips

    engine = LiteRTEngine(path)
    chips = random_chips(shape, 1)
    due = time.perf_counter()

    def one_face() -> int:
        nonlocal due
        engine.predict(chips)
        if pace:
            due = max(due + 1 / pace, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
        return 1

    return one_face


def main() -> int:
    """The process: prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("training", "testing"))
    parser.add_argument("what")
    parser.add_argument("--shape", type=int, nargs=3)
    parser.add_argument("--pace", type=float, default=0.0)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints is no answer
    if arguments.stage == "training":
        work = training(arguments.what)
    else:
        work = testing(Path(arguments.what), arguments.shape, arguments.pace)
    _until(work, WARM_UP_SECONDS)
    print(READY, file=answers, flush=True)
    for line in sys.stdin:
        found: dict[str, Any] = asdict(watch(work, float(line)))
        print(json.dumps(found), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
