"""Seed `003_*`'s Tables 4 and 5 on this machine: what each network takes in training and in testing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from smiledet.benchmark.converting import Job, convert
from smiledet.benchmark.networks import architecture_names
from smiledet.benchmark.occupation import Occupation
from smiledet.errors import SmiledetError, UsageError

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
    median: Occupation
    quartiles: tuple[float, float]
    peak: float


def measure_resources(
    names: Sequence[str], stages: Sequence[str], seconds: float, pace: float, rounds: int, folder: Path
) -> list[Measured]:
    """Let each network learn and read in fresh processes, in turn within each round.

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
    from smiledet.networks.base import find_architecture
    from smiledet.training.progress import progress

    files = _converted(names, folder) if TESTING in stages else {}
    pairs = [(stage, name) for stage in stages for name in names]
    taken: dict[tuple[str, str], list[Occupation]] = {pair: [] for pair in pairs}
    for stage, name in progress([pair for _ in range(rounds) for pair in pairs], "stages measured"):
        if stage == TRAINING:
            words = [stage, name, str(seconds)]
        else:
            shape = map(str, find_architecture(name).input_shape)
            words = [stage, str(files[name]), str(seconds), "--pace", str(pace), "--shape", *shape]
        taken[stage, name].append(_run(words, name))
    return [_summary(name, stage, taken[stage, name]) for stage, name in pairs]


def _converted(names: Sequence[str], folder: Path) -> Mapping[str, Path]:
    """LiteRT files of architectures with random weights."""
    files = {name: folder / f"{name}.tflite" for name in names}
    jobs = [Job(architecture=name, files={"litert": str(path)}) for name, path in files.items()]
    for name, done in zip(names, convert(jobs), strict=True):
        if done.failed:
            raise SmiledetError(f"{name} cannot be converted: {done.failed['litert']}")
    return files


def _run(arguments: Sequence[str], name: str) -> Occupation:
    command = [sys.executable, "-m", "smiledet.benchmark.occupation", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        raise SmiledetError(f"{arguments[0]} {name}: {last[0]}")
    return Occupation(**json.loads(done.stdout))


def _summary(name: str, stage: str, rounds: Sequence[Occupation]) -> Measured:
    rows = [asdict(each) for each in rounds]
    median = Occupation(**{each.name: statistics.median(row[each.name] for row in rows) for each in fields(Occupation)})
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
