"""Whether a long run grows: a clip over and over, and the memory of the process meanwhile.

What counts is the memory that the process wrote to (`RssAnon`). Pages of libraries and models come and go as the
kernel pleases, which takes back those that were not used for a while: OpenCV's code alone comes in pieces of 2 MB.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.pipeline.measure import PipelineRun, raise_for, run_command

SAMPLE_EVERY = 0.5
"""Seconds between two looks at the memory."""

WARM_UP = 0.1
"""Share of the run after which caches, thread pools and the allocator have what they take."""

WINDOW = 0.1
"""Share of the run over which memory is averaged, after the warm-up and at the end."""

STARTED = "smiledet: platform "
"""Begins the line with which a run starts."""

KINDS = ("RssAnon", "RssShmem", "RssFile")
"""Parts of the resident set: the process's own, shared with other processes, of files."""

ENDS_WITHIN = 30.0
"""Seconds that the process gets to end."""


@dataclass(frozen=True, slots=True)
class Soak:
    """A long run.

    Attributes:
        source: What was looped.
        mode: `every frame` or `live`.
        minutes: How long it ran.
        frames: Frames annotated.
        warm_mb: Resident memory after the warm-up, libraries' and models' files left out.
        end_mb: The same at the end.
        warm_files_mb: Resident pages of files after the warm-up.
        end_files_mb: The same at the end.
        peak_mb: The most that both were together.
        run: The run's own figures.
    """

    source: str
    mode: str
    minutes: float
    frames: int
    warm_mb: float
    end_mb: float
    warm_files_mb: float
    end_files_mb: float
    peak_mb: float
    run: PipelineRun

    @property
    def growth_mb(self) -> float:
        """What memory grew by after the warm-up."""
        return self.end_mb - self.warm_mb


def resident_memory(process: int) -> tuple[float, float] | None:
    """A process's own resident memory and that of the files that it has mapped, in MB.

    None where it is gone, or the system does not say (Linux does from 4.5 on).
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) * 1024 / 1e6 for name, _, rest in map(_parted, lines) if name in KINDS}
    if len(sizes) < len(KINDS):
        return None
    own, shared, files = (sizes[name] for name in KINDS)
    return own + shared, files


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def growth(samples: Sequence[float]) -> tuple[float, float]:
    """Memory after the warm-up and at the end: medians over a window of evenly spaced samples.

    >>> growth([10.0] * 10 + [20.0] * 80 + [26.0] * 10)
    (20.0, 26.0)
    """
    skip, width = int(WARM_UP * len(samples)), max(1, int(WINDOW * len(samples)))
    return median(samples[skip : skip + width]), median(samples[-width:])


def _until_started(process: subprocess.Popen[str]) -> str:
    """Wait until a run has said what it runs on, which it does just before it starts; what it said until then."""
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if line.startswith(STARTED):
            break
    return told


def soak(source: str, minutes: float, live: bool = True, rate: float = 0.0) -> Soak:
    """Loop a source for so long and watch the memory.

    Args:
        source: As on the command line; a file or the demo.
        minutes: How long.
        live: Play it at its own pace; otherwise as fast as it goes.
        rate: Frames a second, live; 0 for the source's own.

    Raises:
        UsageError: The run refused, or this system does not say how large a process is, or how much of it is its own.
        SmiledetError: It failed midway.
    """
    if resident_memory(os.getpid()) is None:
        raise UsageError("--soak reads the memory of a process from /proc (Linux 4.5 on), which this system lacks")
    command = run_command(source, live, rate=rate, loop=True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    samples: list[tuple[float, float]] = []
    try:
        told = _until_started(process)
        began = time.monotonic()
        end = began + 60 * minutes
        while time.monotonic() < end and process.poll() is None:
            if (resident := resident_memory(process.pid)) is not None:
                samples.append(resident)
            time.sleep(SAMPLE_EVERY)
        seconds = time.monotonic() - began
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        output, complaints = process.communicate(timeout=ENDS_WITHIN)
        complaints = told + complaints
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode not in (0, 130) or not output:
        raise_for(process.returncode, complaints, source)
    run = PipelineRun(**json.loads(output))
    if not samples:
        raise SmiledetError(f"the run on {source} ended before its memory was looked at")
    own, files = zip(*samples, strict=True)
    return Soak(
        run.source, run.mode, seconds / 60, run.frames, *growth(own), *growth(files), peak_mb=run.memory_mb, run=run
    )
