"""How the cost of a frame grows with the number of faces and the size of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from smiledet.lab.benchmark.pipeline.face_grid import write_crowd
from smiledet.lab.benchmark.pipeline.measure import PipelineRun, measure_run

FACES = (1, 2, 4, 8, 16)
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
LENGTH = 90
"""Pictures of a clip."""


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """What one clip cost, in medians over the rounds.

    Attributes:
        width: Of its pictures, pixels.
        height: The same.
        faces: Faces in each picture.
        found: Faces annotated a frame, read every frame.
        fps: Frames a second, every frame.
        cpu_ms: Processor time a frame, every frame.
        live_fps: Annotated frames a second, live.
        latency_ms: Capture to drawn, live, median.
        latency_95_ms: The 95th percentile.
        latency_99_ms: The 99th percentile.
        core_percent: Processor time live, in percent of one core.
        dropped: Frames never drawn, live.
        memory_mb: Peak resident set, live.
    """

    width: int
    height: int
    faces: int
    found: float
    fps: float
    cpu_ms: float
    live_fps: float
    latency_ms: float
    latency_95_ms: float
    latency_99_ms: float
    core_percent: float
    dropped: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Processor time of a frame as a sum of parts, in least squares over all clips.

    Attributes:
        base_ms: What a frame costs whatever it shows.
        face_ms: What a face costs.
        megapixel_ms: What a million pixels cost.
        error_ms: Root mean square of what is left over.
    """

    base_ms: float
    face_ms: float
    megapixel_ms: float
    error_ms: float


def measure_scale(
    faces: Sequence[int] = FACES,
    sizes: Sequence[tuple[int, int]] = SIZES,
    rounds: int = 1,
    rate: float = 0.0,
    length: int = LENGTH,
) -> list[ScaleRow]:
    """Run every clip through the pipeline, read every frame and played live, in turn.

    Args:
        faces: Numbers of faces.
        sizes: (width, height) of the pictures.
        rounds: Runs of each.
        rate: Frames a second of the live runs; 0 for the clips' 30.
        length: Pictures of a clip.

    Raises:
        SmiledetError: A run failed.
    """
    with TemporaryDirectory(prefix="smiledet-") as folder:
        clips = {(size, count): Path(folder) / f"{size[0]}x{size[1]}-{count}.mp4" for size in sizes for count in faces}
        for (size, count), path in clips.items():
            write_crowd(path, count, *size, length)
        taken: dict[Path, tuple[list[PipelineRun], list[PipelineRun]]] = {path: ([], []) for path in clips.values()}
        for _ in range(rounds):
            for path, (through, live) in taken.items():
                through.append(measure_run(str(path)))
                live.append(measure_run(str(path), live=True, rate=rate))
        return [_row(size, count, *taken[path]) for (size, count), path in clips.items()]


def _row(size: tuple[int, int], count: int, through: Sequence[PipelineRun], live: Sequence[PipelineRun]) -> ScaleRow:
    return ScaleRow(
        width=size[0],
        height=size[1],
        faces=count,
        found=median(run.faces / max(1, run.frames) for run in through),
        fps=median(run.fps for run in through),
        cpu_ms=median(run.cpu_ms for run in through),
        live_fps=median(run.fps for run in live),
        latency_ms=median(run.latency_ms for run in live),
        latency_95_ms=median(run.latency_95_ms for run in live),
        latency_99_ms=median(run.latency_99_ms for run in live),
        core_percent=median(run.core_percent for run in live),
        dropped=median(run.dropped for run in live),
        memory_mb=median(run.memory_mb for run in live),
    )


def fit_growth(rows: Iterable[ScaleRow]) -> Growth | None:
    """What a frame, a face and a million pixels cost; None where too little was varied to tell.

    >>> row = lambda faces, side: ScaleRow(side, 1000, faces, faces, 0, 1 + 2 * faces + side / 250, *[0.0] * 7)
    >>> grown = fit_growth([row(1, 500), row(2, 500), row(1, 1000), row(4, 2000)])
    >>> round(grown.base_ms, 6), round(grown.face_ms, 6), round(grown.megapixel_ms, 6)
    (1.0, 2.0, 4.0)
    """
    kept = list(rows)
    known = np.array([(1.0, row.faces, row.width * row.height / 1e6) for row in kept]).reshape(-1, 3)
    if len(kept) < 3 or np.linalg.matrix_rank(known) < 3:
        return None
    took = np.array([row.cpu_ms for row in kept])
    parts = np.linalg.lstsq(known, took, rcond=None)[0]
    error = float(np.sqrt(np.mean((known @ parts - took) ** 2)))
    return Growth(float(parts[0]), float(parts[1]), float(parts[2]), error)
