"""Where the time of a run goes, read from its trace."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from smiledet.errors import SmiledetError
from smiledet.lab.benchmark.pipeline.measure import measure_run


@dataclass(frozen=True, slots=True)
class StageTime:
    """What one stage took.

    Attributes:
        stage: Its name; `read` is the grabber's.
        frames: Frames that it worked on.
        median_ms: Time a frame, waiting for the processor and for Python's lock included.
        late_ms: The 95th percentile of it.
        cpu_ms: Processor time a frame of the stage's own threads.
        share: Its busy time in shares of the run's; above 1 with several workers.
    """

    stage: str
    frames: int
    median_ms: float
    late_ms: float
    cpu_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class StageTimes:
    """A run, stage by stage.

    Attributes:
        source: What was read.
        mode: `every frame` or `live`.
        frames: Frames read.
        seconds: From the first frame's reading to the last one's last stage.
        overlap: Busy time of all stages in shares of that time: how many stages worked at once, on average.
        cpu_share: Processor time of all stages in shares of it: how many cores they used, on average.
        stages: In the order of the pipeline.
    """

    source: str
    mode: str
    frames: int
    seconds: float
    overlap: float
    cpu_share: float
    stages: tuple[StageTime, ...]


def read_trace(path: Path) -> list[dict[str, Any]]:
    """The bars of a trace that `smiledet run --trace` wrote: those that belong to a frame.

    Raises:
        SmiledetError: It cannot be read, or shows no frame.
    """
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SmiledetError(f"cannot read the trace {path}: {problem}") from problem
    bars = [event for event in events if event["ph"] == "X" and "frame" in event["args"]]
    if not bars:
        raise SmiledetError(f"the trace {path} shows no frame")
    return bars


def sum_up(bars: Sequence[Mapping[str, Any]], source: str, mode: str) -> StageTimes:
    """The figures of a trace.

    Args:
        bars: See `read_trace`; live, the reading's time holds the wait for the next picture, so its busy time is taken
            to be its processor time.
        source: What was read.
        mode: `every frame` or `live`.
    """
    of_stage: dict[str, list[tuple[float, float]]] = defaultdict(list)
    places: dict[str, list[float]] = defaultdict(list)
    first = {bar["args"]["frame"]: bar["ts"] for bar in bars if bar["name"] == "read"}
    for bar in bars:
        waits = mode == "live" and bar["name"] == "read"
        of_stage[bar["name"]].append((bar["tdur"] if waits else bar["dur"], bar["tdur"]))
        places[bar["name"]].append(bar["ts"] - first.get(bar["args"]["frame"], bar["ts"]))
    wall = max(bar["ts"] + bar["dur"] for bar in bars) - min(bar["ts"] for bar in bars)
    stages = []
    for name in sorted(of_stage, key=lambda stage: median(places[stage])):
        took, busy = np.array(of_stage[name]).T
        middle, late = np.percentile(took, (50, 95)) / 1000
        stages.append(
            StageTime(name, len(took), float(middle), float(late), float(busy.mean()) / 1000, float(took.sum() / wall))
        )
    return StageTimes(
        source=source,
        mode=mode,
        frames=len(of_stage.get("read", ())),
        seconds=wall / 1e6,
        overlap=sum(stage.share for stage in stages),
        cpu_share=sum(stage.cpu_ms * stage.frames for stage in stages) * 1000 / wall,
        stages=tuple(stages),
    )


def measure_stages(source: str, live: bool = False, max_frames: int | None = None) -> StageTimes:
    """Run the pipeline on a source in a fresh process and look at where its time goes.

    Args:
        source: As on the command line.
        live: Play it at its own pace.
        max_frames: Frames to take at most; None for all.

    Raises:
        UsageError: The run refused; the message is its own.
        SmiledetError: It failed midway.
    """
    with TemporaryDirectory(prefix="smiledet-") as folder:
        path = Path(folder) / "trace.json"
        measured = measure_run(source, live, max_frames, trace=path)
        return sum_up(read_trace(path), measured.source, measured.mode)


def middle_run(runs: Sequence[StageTimes]) -> StageTimes:
    """Of several runs of one source, the one of median length."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
