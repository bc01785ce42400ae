"""What a face is called in tables: the columns of events, photographs and data frames.

`<task>` is the label that is shown, `<task>_score` always that label's probability, and the probabilities of all labels
stand in `<task>_scores` (an object, in JSON) or in one column a label (in CSV and data frames). `<task>_intensity` is
how much of a smile there is. The label may be `unsure`; the score is then that of the most probable label. A task that
was not asked for has no column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from smiledet.frame import Box, FaceReading, Prediction
from smiledet.tasks.base import Task

VERSION = 4
"""Of the columns. It grows when a column gets another name or meaning, or when one is added to every row.

3 had no `mouth_open`, 2 no columns of the head. 1 had the columns of four tasks in every file, `smile_score` was the
probability of `smiling` whichever label was shown, `source` was the last column, and there were no columns `file` and
`time`.
"""

PICTURE_COLUMNS = ("source", "file", "frame", "timestamp", "time", "track")
"""Which picture a row is of, and which face of it."""

BOX_COLUMNS = ("x", "y", "width", "height", "detection_score")
"""Where a face is: whole pixels of the full picture, clipped to it, and the detector's own score."""

HEAD_COLUMNS = ("yaw", "pitch", "roll", "eyes_open", "mouth_open")
"""Which way a head faces, in degrees, and how far eyes and mouth are open, 0 to 1: of its track's newest landmarks."""

LATENCY_COLUMN = "latency_ms"

TEXT_COLUMNS = ("source", "file", "time")
WHOLE_COLUMNS = ("frame", "track", "x", "y", "width", "height")
"""Columns that hold text and whole numbers, where that matters; of tasks, the label is text, and the rest numbers."""


def number(value: float, digits: int) -> float | None:
    """A plain rounded number; None for what JSON has no number for.

    >>> number(0.123456, 4), number(float("nan"), 4)
    (0.1235, None)
    """
    value = float(value)
    return round(value, digits) if math.isfinite(value) else None


def box_columns(box: Box, score: float, size: tuple[int, int]) -> dict[str, Any]:
    """A face's place, clipped to a picture of (width, height) pixels.

    >>> box_columns(Box(-4, 10, 20, 30), 0.98765, (100, 100))
    {'x': 0, 'y': 10, 'width': 16, 'height': 30, 'detection_score': 0.9877}
    """
    width, height = size
    left, top, right, bottom = box.clipped(width, height)
    left, top = min(left, width), min(top, height)
    values = (left, top, max(0, right - left), max(0, bottom - top), number(score, 4))
    return dict(zip(BOX_COLUMNS, values, strict=True))


def label_columns(task: Task) -> dict[str, str]:
    """The column of each label's probability; none for a task whose answer is a number.

    >>> label_columns(Task("smile", ("not smiling", "smiling")))
    {'not smiling': 'smile_not_smiling', 'smiling': 'smile_smiling'}
    """
    if task.numbers is not None:
        return {}
    columns: dict[str, str] = {}
    taken = {f"{task.name}_score", f"{task.name}_scores", f"{task.name}_intensity"}
    for label in task.labels:
        column = f"{task.name}_" + re.sub(r"\W+", "_", label)
        while column in taken:  # 'no hat' beside 'no-hat', or a label that is called 'score'
            column += "_"
        taken.add(column)
        columns[label] = column
    return columns


def task_columns(task: Task, prediction: Prediction | None, flat: bool = False) -> dict[str, Any]:
    """What a row says of one task; None throughout where the face has not been read.

    Args:
        task: The task. The label of one whose answer is a number is written as a number, and only its score beside it.
        prediction: Its answer.
        flat: One column a label instead of an object.
    """
    label: str | float | None = prediction.label if prediction else None
    if task.numbers is not None and label is not None:
        label = float(label)
    row: dict[str, Any] = {task.name: label, f"{task.name}_score": number(prediction.score, 4) if prediction else None}
    if task.strength:
        intensity = prediction.intensity if prediction else None
        row[f"{task.name}_intensity"] = None if intensity is None else number(intensity, 4)
    if task.numbers is not None:
        return row
    scores = {each: number(prediction.scores[each], 4) if prediction else None for each in task.labels}
    if flat:
        row.update({column: scores[each] for each, column in label_columns(task).items()})
    else:
        row[f"{task.name}_scores"] = scores if prediction else None
    return row


def face_columns(
    face: FaceReading | None, tasks: Sequence[Task], size: tuple[int, int], flat: bool = False
) -> dict[str, Any]:
    """A face's place and answers; empty columns for None, which stands for a picture without a face."""
    row: dict[str, Any] = (
        dict.fromkeys(BOX_COLUMNS) if face is None else box_columns(face.face.box, face.face.score, size)
    )
    answers: Mapping[str, Prediction] = {} if face is None else face.predictions
    for task in tasks:
        row.update(task_columns(task, answers.get(task.name), flat))
    return row | head_columns(face)


def head_columns(face: FaceReading | None) -> dict[str, Any]:
    """Where a face looks and how far eyes and mouth are open; empty columns where no landmarks were sought.

    >>> head_columns(None)
    {'yaw': None, 'pitch': None, 'roll': None, 'eyes_open': None, 'mouth_open': None}
    """
    if face is None or face.pose is None:
        return dict.fromkeys(HEAD_COLUMNS)
    angles = [number(angle, 1) for angle in (face.pose.yaw, face.pose.pitch, face.pose.roll)]
    opened = [None if share is None else number(share, 2) for share in (face.eyes_open, face.mouth_open)]
    return dict(zip(HEAD_COLUMNS, (*angles, *opened), strict=True))


def column_names(tasks: Sequence[Task], flat: bool = False) -> list[str]:
    """Every column in order, without those of the machine.

    >>> column_names([])[-2:]
    ['mouth_open', 'latency_ms']
    """
    return [*PICTURE_COLUMNS, *face_columns(None, tasks, (0, 0), flat), LATENCY_COLUMN]
