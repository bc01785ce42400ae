"""What a run did, as figures and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.errors import SmiledetError
from smiledet.stage_count import StageCount
from smiledet.system.processes import ProcessorTimes, process_start_ns
from smiledet.workers import drawer

Section: TypeAlias = "tuple[str, Sequence[str], Sequence[Sequence[str]]]"
"""A table with its title: title, header, rows."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """Figures of a run.

    Attributes:
        seconds: From the first thread's start to the end.
        published: Frames taken from the sources.
        stages: What became of them, by stage.
        ready: Processor time up to the first frame, with everything set up; None where it was not measured.
        over: The same at the end.
        sources: The report of each source, by its name; empty in those.
        lost: What ended a source before its end, by its name.
    """

    seconds: float
    published: int
    stages: Mapping[str, StageCount]
    ready: ProcessorTimes | None = None
    over: ProcessorTimes | None = None
    sources: Mapping[str, RunReport] = field(default_factory=dict)
    lost: Mapping[str, SmiledetError] = field(default_factory=dict)

    @property
    def drawn(self) -> int:
        """Frames that were annotated."""
        return self.stages[drawer.STAGE].processed

    @property
    def fps(self) -> float:
        """Annotated frames a second, from the first to the last of them; 0 for fewer than two."""
        count = self.stages[drawer.STAGE]
        seconds = (count.last_ns - count.first_ns) / 1e9
        return (count.processed - 1) / seconds if seconds > 0 else 0.0

    @property
    def start_up(self) -> float | None:
        """Seconds from the process's start to the first annotated frame; None without one, or off Linux."""
        first = self.stages[drawer.STAGE].first_ns
        started = process_start_ns()
        return (first - started) / 1e9 if first and started is not None else None

    @property
    def processor(self) -> tuple[float, float, float]:
        """Processor time of the run itself, start-up left out: user and system seconds, and share of one core."""
        if self.ready is None or self.over is None:
            return 0.0, 0.0, 0.0
        user, system = self.over.user - self.ready.user, self.over.system - self.ready.system
        seconds = self.over.clock - self.ready.clock
        return user, system, (user + system) / seconds if seconds > 0 else 0.0

    def latency_ms(self, percentile: float = 50) -> float:
        """Capture to drawn, in milliseconds, over the latest frames; 0 if none was drawn."""
        ages = self.stages[drawer.STAGE].ages_ns
        return float(np.percentile(ages, percentile)) / 1e6 if ages else 0.0


def summarise(
    buffer: FrameBuffer | BufferGroup,
    seconds: float,
    ready: ProcessorTimes | None = None,
    over: ProcessorTimes | None = None,
    lost: Mapping[str, SmiledetError] | None = None,
) -> RunReport:
    """The report of a run that is over, or that has come this far; see `RunReport` for the arguments."""
    sources = {name: summarise(each, seconds) for name, each in getattr(buffer, "sources", {}).items()}
    return RunReport(seconds, buffer.published, buffer.counts(), ready, over, sources, lost or {})


def summary_line(report: RunReport) -> str:
    """The run in one line."""
    rate = f"{report.fps:.1f} FPS, " if report.drawn > 1 else ""
    return (
        f"{report.published} frames taken, {report.drawn} annotated, {rate}"
        f"latency {report.latency_ms():.1f} ms (95 %: {report.latency_ms(95):.1f} ms)"
    )


def stage_table(report: RunReport) -> str:
    """A row a stage: frames processed, failed and dropped by cause, and their age at the stage's end."""
    header = ("stage", "processed", "failed", "dropped", "age ms, median", "95 %")
    rows = []
    for name, count in report.stages.items():
        ages = np.array(count.ages_ns) / 1e6 if count.ages_ns else np.zeros(1)
        causes = ", ".join(f"{number} {cause.value}" for cause, number in sorted(count.dropped.items(), key=str))
        median, late = np.percentile(ages, (50, 95))
        rows.append((name, str(count.processed), str(count.failed), causes or "0", f"{median:.1f}", f"{late:.1f}"))
    return table(header, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns padded to their widest cell.

    >>> print(table(("stage", "frames"), [("draw", "300")]))
    stage  frames
    draw   300
    """
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
