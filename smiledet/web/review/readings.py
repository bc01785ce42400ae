"""What was read of a clip, face by face: from events, or by reading the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from smiledet.config import Config
from smiledet.errors import UsageError
from smiledet.sessions.events import DamageReport, number_of, read_rows
from smiledet.tasks.smile import TASK as SMILE

MOST_ROWS = 300_000
"""Faces on frames that one page takes: of one face at 30 frames a second, nearly three hours."""

SCORES = "_scores"
"""Ends the name of a column that holds a probability by label."""

BOX = ("x", "y", "width", "height")


@dataclass(slots=True)
class Track:
    """A face over the clip; all lists are as long as `times`.

    Attributes:
        number: Its track.
        times: Seconds of the clip.
        boxes: Where it was, pixels.
        labels: What was shown, by task.
        scores: Probability by task and label.
        intensity: Of the smile.
    """

    number: int
    times: list[float] = field(default_factory=list)
    boxes: list[tuple[int, ...]] = field(default_factory=list)
    labels: dict[str, list[str | None]] = field(default_factory=dict)
    scores: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    intensity: list[float | None] = field(default_factory=list)

    def add(self, row: Mapping[str, Any], timestamp: float) -> None:
        """Take a row of events.

        Raises:
            KeyError: It lacks a column; nothing of it was taken, as below.
            TypeError: What should be a number is none.
            ValueError: It is not finite, or out of range.
        """
        box = tuple(int(number_of(row[name] or 0)) for name in BOX)
        intensity = row.get(f"{SMILE.name}_intensity")
        intensity = None if intensity is None else number_of(intensity)
        scores = {
            column.removesuffix(SCORES): {str(name): number_of(score) for name, score in (given or {}).items()}
            for column, given in row.items()
            if column.endswith(SCORES) and (given is None or isinstance(given, dict))
        }
        before = len(self.times)
        self.times.append(timestamp)
        self.boxes.append(box)
        self.intensity.append(intensity)
        for task, of_task in scores.items():
            label = row.get(task)
            self.labels.setdefault(task, [None] * before).append(label if isinstance(label, str) else None)
            curves = self.scores.setdefault(task, {})
            for name, score in of_task.items():
                curves.setdefault(name, [None] * before).append(score)
        for labels in self.labels.values():
            labels += [None] * (len(self.times) - len(labels))
        for values in (curve for curves in self.scores.values() for curve in curves.values()):
            values += [None] * (len(self.times) - len(values))


@dataclass(slots=True)
class Readings:
    """What was read of a clip.

    Attributes:
        tracks: The faces, by number.
        damaged: Lines that could not be read.
    """

    tracks: dict[int, Track] = field(default_factory=dict)
    damaged: DamageReport = field(default_factory=DamageReport)

    @property
    def tasks(self) -> dict[str, list[str]]:
        """The labels of each task."""
        found: dict[str, list[str]] = {}
        for track in self.tracks.values():
            for task, curves in track.scores.items():
                known = found.setdefault(task, [])
                known += [label for label in curves if label not in known]
        return found

    @property
    def step(self) -> float:
        """Seconds from one frame to the next."""
        times = sorted({time for track in self.tracks.values() for time in track.times})
        return median(after - before for before, after in pairwise(times)) if times[1:] else 0.04

    @property
    def end(self) -> float:
        """When the last face was seen."""
        return max((track.times[-1] for track in self.tracks.values()), default=0.0)

    def changes(self) -> Iterator[dict[str, Any]]:
        """Faces that come and go and labels that change, each with its time; not in order."""
        for track in self.tracks.values():
            yield {"time": track.times[0], "track": track.number, "task": "", "label": "appears"}
            yield {"time": track.times[-1], "track": track.number, "task": "", "label": "leaves"}
            for task, labels in track.labels.items():
                shown = None
                for time, label in zip(track.times, labels, strict=True):
                    if label is not None and label != shown:
                        if shown is not None:
                            yield {"time": time, "track": track.number, "task": task, "label": label}
                        shown = label

    def _take(self, row: Mapping[str, Any], timestamp: float) -> None:
        number = int(row["track"])
        track = self.tracks.get(number) or Track(number)
        if not track.times or timestamp > track.times[-1]:
            track.add(row, timestamp)
            self.tracks[number] = track


def read_clip_events(path: Path) -> Readings:
    """What a file of events says of a clip.

    Raises:
        UsageError: It cannot be read, is too long, or tells of several sources.
    """
    if path.suffix.lower() == ".csv":
        raise UsageError(f"{path}: the review page reads JSON lines; CSV does not tell the labels' scores apart")
    found, sources, rows = Readings(), set(), 0
    for event, row in read_rows(path, found.damaged):
        if event.face is None or event.file is not None:
            continue
        sources.add(event.source)
        rows += 1
        if len(sources) > 1:
            raise UsageError(f"{path} tells of several sources: {', '.join(sorted(sources))}")
        if rows > MOST_ROWS:
            raise UsageError(f"{path} has more than {MOST_ROWS} rows of faces: review a part of it")
        try:
            found._take(row, event.timestamp)
        except (ValueError, TypeError, KeyError, OverflowError) as problem:
            found.damaged(rows, str(problem))
    return found


def read_clip(path: Path, config: Config, on_frame: Callable[[], object]) -> Readings:
    """Read a clip now, every frame.

    Args:
        path: The clip.
        config: What is read, and what runs it.
        on_frame: Called for every frame.

    Raises:
        UsageError: There is no such clip, or it is too long.
    """
    from smiledet.watching import watch

    found, rows = Readings(), 0
    for reading in watch(path, config.tasks, live=False, config=config):
        on_frame()
        for row in _with_face(reading.to_dicts()):
            rows += 1
            found._take(row, row["timestamp"])
        if rows > MOST_ROWS:
            raise UsageError(f"{path} shows more than {MOST_ROWS} faces on its frames: review a part of it")
    return found


def _with_face(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if row["track"] is not None)
