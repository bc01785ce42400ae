"""Seed `003_*`'s Tables 4 and 5 on this machine: what each network takes in training and in testing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NoReturn

from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.models.converting import Job, convert
from smiledet.lab.benchmark.models.networks import architecture_names, together
from smiledet.lab.benchmark.resources.usage_process import READY, Usage

TRAINING, TESTING = "training", "testing"

PAPER_NETWORKS = ("vgg-net-003", "resnet-50-003", "plain-cnn-003", "light-weight-cnn")
"""The paper's four, in its order."""

PAPER = {
    TRAINING: {
        "vgg-net-003": (18.50, 22.05, 3.11, 4.6),
        "resnet-50-003": (25.00, 29.50, 5.92, 5.9),
        "plain-cnn-003": (8.67, 16.00, 4.62, 12.5),
        "light-weight-cnn": (16.67, 18.97, 1.38, 4.3),
    },
    TESTING: {
        "vgg-net-003": (21.50, 24.67, 5.90, 3.2),
        "resnet-50-003": (49.78, 53.67, 15.73, 2.9),
        "plain-cnn-003": (10.83, 15.12, 3.95, 12.0),
        "light-weight-cnn": (17.5, 21.12, 2.65, 3.1),
    },
}
"""Tables 4 and 5 as printed: the process' CPU, user and system of the machine, memory of 16 GB; per cent each."""

AT_ONCE = 4
"""Networks whose processes are held side by side: a training one has the most of a gigabyte for TensorFlow alone."""

PAPER_MACHINE = "Intel i5-8400 at 2.80 GHz with 16 GB and an NVIDIA GTX 1060"


@dataclass(frozen=True, slots=True)
class Measured:
    """One network in one stage.

    Attributes:
        network: The architecture.
        stage: `training` or `testing`.
        median: Of the rounds, figure by figure.
        quartiles: Of the rounds' share of the processor, in per cent.
        peak: The most megabytes that a round ended with.
    """

    network: str
    stage: str
    median: Usage
    quartiles: tuple[float, float]
    peak: float


def measure_resources(
    names: Sequence[str], stages: Sequence[str], seconds: float, pace: float, rounds: int, folder: Path
) -> list[Measured]:
    """Let each network learn and read in a fresh process, in turn within each round.

    Starting TensorFlow and compiling a network's first step takes longer than measuring it, so a process serves all
    rounds. A few networks take turns at a time; the others have no process yet, or none any more.

    Args:
        names: Architectures.
        stages: `training`, `testing` or both.
        seconds: Seconds a stage, after its warm-up.
        pace: Faces a second in testing; 0 for as many as can be read.
        rounds: Rounds to take the median of.
        folder: Where the LiteRT files for testing go.

    Raises:
        SmiledetError: A process failed: not enough memory, say.
    """
    from smiledet.lab.progress import progress

    files = _converted(names, folder) if TESTING in stages else {}
    groups = [(stage, group) for stage in stages for group in _groups(names)]
    measured = []
    for stage, group in progress(groups, "groups measured"):
        with ExitStack() as stack:
            watched = [
                stack.enter_context(closing(Watched(_words(stage, name, files, pace), f"{stage} {name}")))
                for name in group
            ]
            taken = [[each.measure(seconds) for each in watched] for _ in range(rounds)]
        measured += [_summary(name, stage, each) for name, each in zip(group, zip(*taken, strict=True), strict=True)]
    return measured


def _groups(names: Sequence[str]) -> Iterator[list[str]]:
    """Networks whose processes are held side by side."""
    for rows in together(names):
        of_rows = [row.name for row in rows]
        yield from (of_rows[start : start + AT_ONCE] for start in range(0, len(of_rows), AT_ONCE))


def _words(stage: str, name: str, files: Mapping[str, Path], pace: float) -> list[str]:
    """The arguments of a network's process; see `smiledet.lab.benchmark.resources.usage_process`."""
    from smiledet.lab.networks.base import find_architecture

    if stage == TRAINING:
        return [stage, name]
    return [stage, str(files[name]), "--pace", str(pace), "--shape", *map(str, find_architecture(name).input_shape)]


def _converted(names: Sequence[str], folder: Path) -> Mapping[str, Path]:
    """LiteRT files of architectures with random weights."""
    files = {name: folder / f"{name}.tflite" for name in names}
    jobs = [Job(architecture=name, files={"litert": str(path)}) for name, path in files.items()]
    for name, done in zip(names, convert(jobs), strict=True):
        if done.failed:
            raise SmiledetError(f"{name} cannot be converted: {done.failed['litert']}")
    return files


class Watched:
    """A network's process, as seen from the one that asks; warm when this returns.

    Args:
        arguments: See `smiledet.lab.benchmark.resources.usage_process`.
        what: It in words.

    Raises:
        SmiledetError: It ended instead.
    """

    def __init__(self, arguments: Sequence[str], what: str) -> None:
        self._what = what
        # Into a file: nobody reads a pipe meanwhile, and TensorFlow has much to say.
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "smiledet.lab.benchmark.resources.usage_process", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            start_new_session=True,
        )
        try:
            if self._answer() != READY:
                raise SmiledetError(f"{what}: not {READY}")
        except BaseException:
            self.close()
            raise

    def measure(self, seconds: float) -> Usage:
        """What the network takes, working for so long.

        Raises:
            SmiledetError: The process ended: not enough memory, say.
        """
        assert self._process.stdin is not None
        try:
            print(seconds, file=self._process.stdin, flush=True)
        except OSError:
            self._raise()
        return Usage(**json.loads(self._answer()))

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip() or self._raise()

    def _raise(self) -> NoReturn:
        code = self._process.wait()
        self._complaints.seek(0)
        last = self._complaints.read().strip().splitlines()[-1:] or [f"ended with {code}"]
        raise SmiledetError(f"{self._what}: {last[0]}")


def _summary(name: str, stage: str, rounds: Sequence[Usage]) -> Measured:
    rows = [asdict(each) for each in rounds]
    median = Usage(**{each.name: statistics.median(row[each.name] for row in rows) for each in fields(Usage)})
    shares = [each.cpu for each in rounds]
    low, high = shares[0], shares[0]
    if len(shares) > 1:
        low, _, high = statistics.quantiles(shares, n=4, method="inclusive")
    return Measured(name, stage, median, (low, high), max(each.megabytes for each in rounds))


def check_architectures(names: Sequence[str]) -> None:
    """See that psutil and Keras are installed, and that every name is an architecture's.

    Raises:
        UsageError: Not so.
    """
    from importlib.util import find_spec

    if find_spec("psutil") is None:
        raise UsageError("measuring resources needs psutil: pip install 'smiledet[bench,train]'")
    there = architecture_names()
    for name in names:
        if name not in there:
            raise UsageError(f"--only {name!r}: there are {', '.join(there)}")
