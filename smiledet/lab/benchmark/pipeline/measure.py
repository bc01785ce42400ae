"""The whole pipeline, each run in a process of its own, as its user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from smiledet.errors import SmiledetError, UsageError


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """Figures of one run, as `smiledet run --report` wrote them.

    Attributes:
        source: What was read.
        mode: `every frame` or `live`.
        frames: Frames annotated.
        faces: Faces in them, one a face and frame.
        fps: Annotated frames a second, from the first to the last.
        latency_ms: Capture to drawn, median.
        latency_95_ms: The 95th percentile of it.
        latency_99_ms: The 99th.
        dropped: Frames taken but never drawn.
        start_up_s: Process start to the first annotated frame.
        cpu_ms: Processor time an annotated frame, all threads, from the first frame to the end.
        cpu_user_ms: What of it was spent in the program and its libraries.
        cpu_system_ms: What of it was spent in the kernel.
        core_percent: Processor time from the first frame to the end, in percent of one core.
        start_up_cpu_s: Processor time before the first frame.
        memory_mb: Peak resident set.
        telemetry: Load, temperature and power meanwhile, where they were watched: what `summarise` makes of them.
    """

    source: str
    mode: str
    frames: int
    faces: int
    fps: float
    latency_ms: float
    latency_95_ms: float
    latency_99_ms: float
    dropped: int
    start_up_s: float
    cpu_ms: float
    cpu_user_ms: float
    cpu_system_ms: float
    core_percent: float
    start_up_cpu_s: float
    memory_mb: float
    telemetry: Mapping[str, Any] = field(default_factory=dict)


def run_command(
    source: str,
    live: bool = False,
    max_frames: int | None = None,
    rate: float = 0.0,
    loop: bool = False,
    trace: Path | None = None,
) -> list[str]:
    """The command of a run that prints its figures as JSON; see `measure_run` for the arguments."""
    command = [sys.executable, "-m", "smiledet", "run", source, "--no-show", "--report", "-"]
    command += ["--realtime"] if live else []
    command += ["--max-frames", str(max_frames)] if max_frames else []
    command += ["--rate", str(rate)] if live and rate else []
    command += ["--loop"] if loop else []
    return command + (["--trace", str(trace)] if trace is not None else [])


def measure_run(
    source: str,
    live: bool = False,
    max_frames: int | None = None,
    rate: float = 0.0,
    loop: bool = False,
    trace: Path | None = None,
) -> PipelineRun:
    """Run the pipeline on a source in a fresh process.

    Args:
        source: As on the command line.
        live: Play it at its own pace.
        max_frames: Frames to take at most; None for all.
        rate: Frames a second of a live run; 0 for the source's own.
        loop: Begin the source again when it ends.
        trace: Where to write what every thread did.

    Raises:
        UsageError: The run refused; the message is its own.
        SmiledetError: It failed midway.
    """
    command = run_command(source, live, max_frames, rate, loop, trace)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise_for(done.returncode, done.stderr, source)
    return PipelineRun(**json.loads(done.stdout))


def raise_for(code: int, complaints: str, source: str) -> NoReturn:
    """Say what a run of a process said that ended badly, and end as it did.

    Args:
        code: Its exit code.
        complaints: What it wrote to stderr.
        source: What it ran on.

    Raises:
        UsageError: The run refused.
        SmiledetError: It failed midway.
    """
    last = complaints.strip().splitlines()[-1:] or [f"smiledet run {source} ended with {code}"]
    kind = UsageError if code == UsageError.exit_code else SmiledetError
    raise kind(last[0].removeprefix("smiledet: "))
