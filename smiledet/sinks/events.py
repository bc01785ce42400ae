"""What was read from every face, one line a face and frame: JSON lines or CSV.

`events.schema.json` describes a line.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from typing_extensions import override

from smiledet.errors import OutputError, SmiledetError
from smiledet.frame import Annotation, FaceReading, Frame, Prediction
from smiledet.sinks.base import Sink
from smiledet.system.output_files import check_suffix, claim_file
from smiledet.tasks.base import Task, get_task

SUFFIXES = (".jsonl", ".csv")

SCHEMA = Path(__file__).with_name("events.schema.json")
"""The JSON schema of one line."""

FACE_KEYS = ("frame", "timestamp", "track", "x", "y", "width", "height", "detection_score")
"""What every line begins with."""

Event = dict[str, Any]
"""One line: numbers, texts, None, and for the scores of all classes a mapping."""


@dataclass(frozen=True, slots=True)
class TaskColumns:
    """How a task's prediction is written; the label always stands under the task's own name.

    Attributes:
        score_of: Write the probability of this class as NAME_score; '' for that of the label itself, None for no score.
        all_scores: Write the probability of every class as NAME_scores.
        number: The label is a number, and is written as one.
    """

    score_of: str | None = ""
    all_scores: bool = False
    number: bool = False


COLUMNS: Mapping[str, TaskColumns] = {
    "smile": TaskColumns(score_of="smiling"),
    "emotion": TaskColumns(score_of=None, all_scores=True),
    "gender": TaskColumns(),
    "age": TaskColumns(score_of=None, number=True),
}
"""The columns of every file, empty where the task is not run. Any other task has its label and the label's score."""


class EventsSink(Sink):
    """A .jsonl or .csv file, flushed line by line, so that a killed run loses its last line at most.

    Args:
        path: The file; one that is there is overwritten.
        source: What is written in the column of that name.
        tasks: The tasks that are run.
        clock_ns: Monotonic nanoseconds, for the latency; tests bring their own.
        machine: Further columns at the end of every line, always of the same names: load, power and temperature at
            that moment; None for none.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        tasks: Sequence[Task] = (),
        clock_ns: Callable[[], int] = time.monotonic_ns,
        machine: Callable[[], Mapping[str, float | str | None]] | None = None,
    ) -> None:
        self.description = f"events {path}"
        self._path = path
        self._source = source
        self._labels = {task.name: task.labels for task in tasks}
        self._names = [*COLUMNS, *(task.name for task in tasks if task.name not in COLUMNS)]
        self._clock_ns = clock_ns
        self._machine = machine or dict
        self._file: TextIO | None = None
        self._keys: list[str] = []
        self._format: Callable[[Event], str] = json_line

    @override
    def open(self) -> None:
        suffix = check_suffix(self._path, SUFFIXES)
        claim_file(self._path)
        header = ""
        if suffix == ".csv":
            self._keys = self._csv_keys()
            self._format = self._csv_event
            header = csv_line(self._keys)
        try:
            # File names may hold bytes that are no UTF-8; they must not stop a run.
            self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            self._file.write(header)
            self._file.flush()
        except OSError as problem:
            self._abandon()
            raise OutputError(f"cannot write {self._path}: {problem.strerror}") from problem

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if self._file is None:
            raise SmiledetError(f"{self.description} is not open")
        try:
            for reading in annotation.readings:
                self._file.write(self._format(self._event(frame, reading)))
                self._file.flush()
        except OSError as problem:
            self._abandon()
            raise SmiledetError(f"cannot write {self._path}: {problem.strerror}") from problem

    @override
    def close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as problem:
            raise SmiledetError(f"cannot finish {self._path}: {problem.strerror}") from problem

    def _abandon(self) -> None:
        """Close after a failed write; what is still buffered would only fail again."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _event(self, frame: Frame, reading: FaceReading) -> Event:
        height, width = frame.image.shape[:2]
        left, top, right, bottom = reading.face.box.clipped(width, height)
        left, top = min(left, width), min(top, height)
        box = (left, top, max(0, right - left), max(0, bottom - top))
        face = reading.face
        start = (frame.id, number(frame.timestamp, 6), face.track, *box, number(face.score, 4))
        event: Event = dict(zip(FACE_KEYS, start, strict=True))
        for name in self._names:
            event.update(task_entries(name, reading.predictions.get(name)))
        event["latency_ms"] = number((self._clock_ns() - frame.captured_ns) / 1e6, 3)
        event["source"] = self._source
        event.update(self._machine())
        return event

    def _csv_keys(self) -> list[str]:
        """The CSV's columns: those of a line, the scores of all classes spread out."""
        keys = list(FACE_KEYS)
        for name in self._names:
            for key in task_entries(name, None):
                if key == f"{name}_scores":
                    labels = self._labels.get(name) or get_task(name).labels
                    keys += [f"{name}_{label}" for label in labels]
                else:
                    keys.append(key)
        return [*keys, "latency_ms", "source", *self._machine()]

    def _csv_event(self, event: Event) -> str:
        flat = flatten(event)
        return csv_line([flat.get(key) for key in self._keys])


def task_entries(name: str, prediction: Prediction | None) -> Event:
    """What a line says of one task; None throughout where the face has not been read.

    >>> task_entries("smile", Prediction.of(["not smiling", "smiling"], [0.75, 0.25]))
    {'smile': 'not smiling', 'smile_score': 0.25}
    """
    columns = COLUMNS.get(name, TaskColumns())
    label = prediction.label if prediction else None
    entries: Event = {name: float(label) if label is not None and columns.number else label}
    if columns.score_of is not None:
        score = None
        if prediction:
            score = number(prediction.scores[columns.score_of] if columns.score_of else prediction.score, 4)
        entries[f"{name}_score"] = score
    if columns.all_scores:
        scores = {label: number(score, 4) for label, score in prediction.scores.items()} if prediction else None
        entries[f"{name}_scores"] = scores
    return entries


def number(value: float, digits: int) -> float | None:
    """A plain rounded number; None for what JSON has no number for.

    >>> number(0.123456, 4), number(float("nan"), 4)
    (0.1235, None)
    """
    value = float(value)
    return round(value, digits) if math.isfinite(value) else None


def flatten(event: Event) -> Event:
    """Mappings spread out over columns, as the CSV has them.

    >>> flatten({"frame": 3, "emotion_scores": {"happy": 1.0}})
    {'frame': 3, 'emotion_happy': 1.0}
    """
    flat: Event = {}
    for key, value in event.items():
        if isinstance(value, Mapping):
            flat.update({f"{key.removesuffix('_scores')}_{label}": score for label, score in value.items()})
        else:
            flat[key] = value
    return flat


def json_line(event: Event) -> str:
    """One line of JSON, with its end."""
    return json.dumps(event, allow_nan=False) + "\n"


def csv_line(values: Sequence[Any]) -> str:
    """One line of CSV, with its end; None is an empty field."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
