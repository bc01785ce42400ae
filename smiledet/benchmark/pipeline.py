"""The whole pipeline, each run in a process of its own, as its user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
        dropped: Frames taken but never drawn.
        start_up_s: Process start to the first annotated frame.
        cpu_ms: Processor time a frame, all threads, start-up included.
        memory_mb: Peak resident set.
        telemetry: Load, temperature and power meanwhile, where they were watched; see `smiledet.telemetry.reading`.
    """

    source: str
    mode: str
    frames: int
    faces: int
    fps: float
    latency_ms: float
    latency_95_ms: float
    dropped: int
    start_up_s: float
    cpu_ms: float
    memory_mb: float
    telemetry: Mapping[str, Any] = field(default_factory=dict)


def measure_run(source: str, live: bool = False, max_frames: int | None = None) -> PipelineRun:
    """Run the pipeline on a source in a fresh process.

    Args:
        source: As on the command line.
        live: Play it at its own pace.
        max_frames: Frames to take at most; None for all.

    Raises:
        UsageError: The run refused; the message is its own.
        SmiledetError: It failed midway.
    """
    command = [sys.executable, "-m", "smiledet", "run", source, "--no-show", "--report", "-"]
    command += ["--realtime"] if live else []
    command += ["--max-frames", str(max_frames)] if max_frames else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"smiledet run {source} ended with {done.returncode}"]
        kind = UsageError if done.returncode == UsageError.exit_code else SmiledetError
        raise kind(last[0].removeprefix("smiledet: "))
    return PipelineRun(**json.loads(done.stdout))
