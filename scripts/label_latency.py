"""How long a label takes to follow a face, and how often it changes, on clips.

Every frame of each clip is read once without smoothing. A face has truly changed where a label leads clearly in the
mean of the readings of the next 0.4 seconds, and another one in that of the last 0.4. The latency is the time from
there to the label that is shown; a change that is not shown within a second counts as missed. The readings are then
smoothed again with each pair of settings, as a run would.

    python scripts/label_latency.py --task smile --data-folder ../shared/data --settings 0.35:0.2 0.25:0.2
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smiledet import watch
from smiledet.config import Config, TaskSettings
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.tasks.base import Task, get_task
from smiledet.workers.track_labels import LabelSmoother

AROUND = 0.4
"""Seconds before and after a true change that have to differ."""

CLEAR = 0.3
"""Lead of a label in each of them."""

LATEST = 1.0
"""Seconds after which a change is missed."""


@dataclass(frozen=True, slots=True)
class Track:
    """What was read from one face of a clip.

    Attributes:
        times: Seconds, (n,).
        scores: (n, labels).
    """

    times: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """A true change: when, and to which label."""

    time: float
    label: str


def read_tracks(task: Task, model: str, clip: Path) -> list[Track]:
    """Every face of a clip, frame by frame, without smoothing."""
    settings = TaskSettings(model=model, smoothing=0, hysteresis=0, unsure_below=0)
    rows: dict[int, list[tuple[float, list[float]]]] = {}
    for reading in watch(str(clip), config=replace(Config(), tasks=(task.name,), task={task.name: settings})):
        for face in reading.faces:
            if task.name in face.predictions:
                scores = face.predictions[task.name].scores
                rows.setdefault(face.track, []).append((reading.time, [scores[label] for label in task.labels]))
    return [
        Track(np.array([time for time, _ in track]), np.array([scores for _, scores in track]))
        for track in rows.values()
    ]


def true_changes(task: Task, track: Track) -> list[Change]:
    """Where a face clearly goes from one label to another: of neighbouring moments the clearest."""
    found: list[tuple[float, float, int]] = []
    for time in track.times:
        before = track.scores[(track.times > time - AROUND) & (track.times <= time)]
        after = track.scores[(track.times > time) & (track.times <= time + AROUND)]
        if len(before) < 3 or len(after) < 3:
            continue
        means = before.mean(axis=0), after.mean(axis=0)
        leads = [_lead(mean) for mean in means]
        if means[0].argmax() != means[1].argmax() and min(leads) >= CLEAR:
            found.append((float(time), sum(leads), int(means[1].argmax())))
    changes: list[tuple[float, float, int]] = []
    for moment in found:
        if changes and moment[0] - changes[-1][0] <= AROUND and moment[2] == changes[-1][2]:
            changes[-1] = max(changes[-1], moment, key=lambda each: each[1])
        else:
            changes.append(moment)
    return [Change(time, task.labels[label]) for time, _, label in changes]


def _lead(scores: npt.NDArray[np.float64]) -> float:
    ordered = np.sort(scores)
    return float(ordered[-1] - ordered[-2])


def shown_labels(task: Task, track: Track) -> list[str]:
    """The label that a run would show at each reading."""
    smoother = LabelSmoother(task)
    labels = []
    for time, scores in zip(track.times, track.scores, strict=True):
        smoother.update(dict(zip(task.labels, scores.tolist(), strict=True)), float(time))
        assert smoother.prediction is not None
        labels.append(smoother.prediction.label)
    return labels


def latencies(task: Task, track: Track) -> tuple[list[float], int]:
    """Seconds from each true change to its label, nan for a missed one; and how often the label changed."""
    labels = np.array(shown_labels(task, track))
    found = []
    for change in true_changes(task, track):
        due = (track.times > change.time - AROUND) & (track.times <= change.time + LATEST)
        after = track.times[due & (labels == change.label) & (track.times >= change.time)]
        found.append(float(after[0] - change.time) if len(after) else float("nan"))
    return found, int((labels[1:] != labels[:-1]).sum())


def table(task: Task, tracks: Sequence[Track], settings: Sequence[tuple[float, float]]) -> Iterator[list[str]]:
    """A row a pair of settings."""
    for smoothing, hysteresis in settings:
        measured = [latencies(replace(task, smoothing=smoothing, hysteresis=hysteresis), track) for track in tracks]
        every = np.array([value for found, _ in measured for value in found])
        seen = every[~np.isnan(every)]
        yield [
            f"{smoothing:g}",
            f"{hysteresis:g}",
            str(len(every)),
            str(int(np.isnan(every).sum())),
            f"{np.median(seen):.2f}" if len(seen) else "-",
            f"{seen.max():.2f}" if len(seen) else "-",
            str(sum(changes for _, changes in measured)),
        ]


def pair(text: str) -> tuple[float, float]:
    """SMOOTHING:HYSTERESIS."""
    smoothing, colon, hysteresis = text.partition(":")
    try:
        values = float(smoothing), float(hysteresis)
    except ValueError:
        values = -1.0, -1.0
    if not colon or not (0 <= values[0] <= 60 and 0 <= values[1] <= 1):
        raise UsageError(f"--settings {text!r}: expected SMOOTHING:HYSTERESIS, seconds and 0 to 1")
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")))
    parser.add_argument("--task", default="smile", help="the task (default: smile)")
    parser.add_argument("--model", default="", help="its model (default: the task's)")
    parser.add_argument("--clips", nargs="+", type=Path, help="clips (default: all of DATA-FOLDER/clips)")
    parser.add_argument("--settings", nargs="+", default=[], help="SMOOTHING:HYSTERESIS, beside the task's own")
    given = parser.parse_args(arguments)
    task = get_task(given.task)
    settings = [(task.smoothing, task.hysteresis), *map(pair, given.settings)]
    clips = given.clips or sorted((given.data_folder / "clips").glob("*.m*"))
    tracks = [track for clip in clips for track in read_tracks(task, given.model, clip)]
    header = [
        "smoothing, s",
        "hysteresis",
        "true changes",
        "missed",
        "median latency, s",
        "longest, s",
        "changes shown",
    ]
    print(markdown(header, table(task, tracks, settings)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"label_latency: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
