"""From what the store knows of a photograph to a `Reading`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from smiledet.frame import Face, FaceReading, Prediction
from smiledet.photographs.records import NO_FACE, SEVERAL_FACES, STILL, StoredFace, StoredPhotograph, decade
from smiledet.results import Reading
from smiledet.tasks.base import Task


def reading_of(stored: StoredPhotograph, tasks: Sequence[Task], file: str) -> Reading:
    """A stored photograph as `FaceReader` hands it out, without its landmarks.

    Args:
        stored: The photograph, or a frame of a video.
        tasks: What was read.
        file: The file's name as it was given.
    """
    row = stored.row
    return Reading(
        None,
        (row.width, row.height),
        tuple(_face(face) for face in stored.faces),
        tuple(tasks),
        file,
        time=None if row.position == STILL else row.position,
        detector=stored.detector,
        turned=stored.turned,
        started_ns=time.monotonic_ns(),
    )


def class_of(stored: StoredPhotograph, task: Task) -> str:
    """The one class of a photograph: its face's label, `no face` or `more than one face`; of a number its decade."""
    if len(stored.faces) != 1:
        return SEVERAL_FACES if stored.faces else NO_FACE
    label = stored.faces[0].readings[task.name].label
    return label if task.numbers is None else decade(float(label))


def _face(face: StoredFace) -> FaceReading:
    predictions = {
        task: Prediction(reading.label, reading.score, reading.scores) for task, reading in face.readings.items()
    }
    found = Face(face.box, face.detection_score, face.number, face.box)
    return FaceReading(found, predictions, pose=face.pose, eyes_open=face.eyes_open, mouth_open=face.mouth_open)
