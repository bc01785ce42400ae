"""Measure the whole pipeline on the demo or on clips, read through and played live.

With --scale instead: on clips of 1 to 16 faces in pictures of 320x240 to 1920x1080, and what a face and a million
pixels cost. With --soak: whether memory grows while a clip is looped.

Example:
  smiledet bench pipeline --clip clip.mp4 --rounds 5
  smiledet bench pipeline --clip clip.mp4 --rate 60 --trace trace.json
  smiledet bench pipeline --scale
  smiledet bench pipeline --soak 30 --clip clip.mp4
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.lab.benchmark.pipeline.measure import PipelineRun
    from smiledet.report import Section

FIGURES = {
    "FPS": "fps",
    "CPU ms": "cpu_ms",
    "latency ms": "latency_ms",
    "95 %": "latency_95_ms",
    "99 %": "latency_99_ms",
    "dropped": "dropped",
    "% of a core": "core_percent",
    "MB": "memory_mb",
}
"""Columns that the runs of a clip and those of --scale share, and where they come from."""

RUNS = {"source": "source", "mode": "mode", "frames": "frames", "faces": "faces", **FIGURES, "start s": "start_up_s"}
SCALE = {"size": "size", "faces": "faces", "found": "found", "live FPS": "live_fps", **FIGURES}
SOAK = {
    "source": "source",
    "mode": "mode",
    "minutes": "minutes",
    "frames": "frames",
    "own MB after warm-up": "warm_mb",
    "own MB at the end": "end_mb",
    "growth MB": "growth_mb",
    "files MB after warm-up": "warm_files_mb",
    "files MB at the end": "end_files_mb",
    "peak MB": "peak_mb",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="what to run on (default: demo)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs to take the median of (default: 3)")
    parser.add_argument(
        "--rate", type=float, default=0.0, metavar="FPS", help="frames a second, live (default: its own)"
    )
    parser.add_argument("--trace", type=Path, metavar="OUT.json", help="trace a further run of the one clip")
    parser.add_argument("--scale", action="store_true", help="1 to 16 faces, 320x240 to 1920x1080")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="loop each clip for so long and watch the memory")
    parser.add_argument("--accelerated", action="store_true", help="soak as fast as frames go, not live")


def check(arguments: argparse.Namespace) -> None:
    """Refuse counts, rates and times that are none, and combinations that make no sense."""
    if arguments.rounds < 1:
        raise UsageError(f"--rounds {arguments.rounds}: expected at least 1")
    if not (arguments.rate == 0 or 0 < arguments.rate <= 1000):
        raise UsageError(f"--rate {arguments.rate:g}: expected more than 0, at most 1000")
    if arguments.soak is not None and not 0 < arguments.soak <= 10080:
        raise UsageError(f"--soak {arguments.soak:g}: expected minutes, more than 0 and at most a week")
    if arguments.scale and (arguments.clip or arguments.soak is not None):
        raise UsageError("--scale makes its own clips: leave out --clip and --soak")
    if arguments.accelerated and arguments.soak is None:
        raise UsageError("--accelerated says how to --soak MINUTES")
    if arguments.trace is not None:
        _check_trace(arguments)


def _check_trace(arguments: argparse.Namespace) -> None:
    from smiledet.system.output_files import check_writable

    if arguments.scale or arguments.soak is not None or len(arguments.clip) > 1:
        raise UsageError("--trace is of one run: give it one --clip, and neither --scale nor --soak")
    check_writable(arguments.trace)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the pipeline on every source, in both modes; or what --scale or --soak ask for."""
    if arguments.scale:
        return _measure_scale(arguments)
    if arguments.soak is not None:
        from smiledet.lab.benchmark.pipeline.soak import soak

        live = not arguments.accelerated
        soaked = [soak(source, arguments.soak, live, arguments.rate) for source in arguments.clip or ["demo"]]
        return {"soak": [asdict(each) | {"growth_mb": each.growth_mb} for each in soaked]}
    from smiledet.lab.benchmark.pipeline.measure import measure_run

    sources = [(source, live) for source in arguments.clip or ["demo"] for live in (False, True)]
    taken: dict[tuple[str, bool], list[PipelineRun]] = {key: [] for key in sources}
    for _ in range(arguments.rounds):  # in turn, so that a slow moment of the machine touches all
        for source, live in sources:
            taken[source, live].append(measure_run(source, live, rate=arguments.rate))
    if arguments.trace is not None:  # a run of its own: writing it down costs time
        measure_run(sources[0][0], trace=arguments.trace)
    medians = [sorted(runs, key=lambda each: each.fps)[len(runs) // 2] for runs in taken.values()]
    return {"rounds": arguments.rounds, "pipeline": [_row(each) for each in medians]}


def _measure_scale(arguments: argparse.Namespace) -> dict[str, Any]:
    from smiledet.lab.benchmark.pipeline.scale import fit_growth, measure_scale

    rows = measure_scale(rounds=arguments.rounds, rate=arguments.rate)
    grown = fit_growth(rows)
    return {"rounds": arguments.rounds, "scale": [asdict(row) for row in rows], "growth": grown and asdict(grown)}


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """One row a source and mode, a clip of --scale, or a looped clip."""
    if "scale" in result:
        yield "", *_table(SCALE, [{**row, "size": f"{row['width']}x{row['height']}"} for row in result["scale"]])
    if "soak" in result:
        yield "", *_table(SOAK, result["soak"])
    if rows := result.get("pipeline", []):
        yield "", *_table({name: key for name, key in RUNS.items() if key in rows[0]}, rows)
        watched = [
            {"source": row["source"], "mode": row["mode"], **row["telemetry"]} for row in rows if "telemetry" in row
        ]
        if watched:
            yield "", *_table({name: name for name in watched[0]}, watched)


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """What a face and a million pixels cost; what the columns of a soak mean."""
    if grown := result.get("growth"):
        yield (
            f"CPU of a frame: {grown['base_ms']:.2f} ms + {grown['face_ms']:.2f} ms a face "
            f"+ {grown['megapixel_ms']:.2f} ms a million pixels (off by {grown['error_ms']:.2f} ms)"
        )
    if any("warm_files_mb" in row for row in result.get("soak", [])):  # earlier figures are of both together
        yield "own: memory that the run wrote to; files: pages of libraries and models, as many as the kernel keeps"


def _table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[list[str]]]:
    """Header and cells."""
    return list(columns), [[_cell(row.get(key, "-")) for key in columns.values()] for row in rows]


def plots(result: dict[str, Any], folder: Path) -> Iterator[Path]:
    """Throughput and latency."""
    from smiledet.lab.benchmark.plots import plot_pipeline

    yield from plot_pipeline(result, folder)


def _row(run: PipelineRun) -> dict[str, Any]:
    """A run's figures; those of the machine where it was watched, as it is on a Jetson."""
    values = asdict(run)
    if not values["telemetry"]:
        del values["telemetry"]
    return values


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
