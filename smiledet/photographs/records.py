"""What goes into the store of photographs and comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from smiledet.frame import Box, HeadPose

FACES = "faces"
"""Stands where a task's name stands: how many faces a photograph shows is a class of it, like a task's label."""

NO_FACE, ONE_FACE, SEVERAL_FACES = "no face", "one face", "more than one face"
FACE_COUNTS = (NO_FACE, ONE_FACE, SEVERAL_FACES)

Order = Literal["name", "date", "smile", "doubt", "faces", "sharpness"]
"""`name`: natural order of the paths. The others begin with the largest: newest, most smiling, least sure, most faces,
sharpest."""

Mark = Literal["keep", "reject"]

STILL = -1.0
"""The position of what is no frame of a video."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What photographs are read with: everything that changes what is read.

    Attributes:
        tasks: The labels of each task, in the order of the scores.
        settings: Whatever else matters: the models' editions, detector, sizes.
    """

    tasks: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same tasks, models and settings, and for no other.

        >>> Edition({"smile": ("no", "yes")}).key == Edition({"smile": ("yes", "no")}).key
        False
        """
        told = json.dumps([dict(self.tasks), dict(self.settings)], sort_keys=True)
        return blake2b(told.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class NewReading:
    """What one task reads from a face.

    Attributes:
        label: What is shown; of a number its text.
        scores: The probability of each label, float32, in the order of the edition's labels.
        score: Of `label`.
        number: The label's value where the answer is a number; None for classes.
    """

    label: str
    score: float
    scores: Sequence[float]
    number: float | None = None


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face to store; see `StoredFace`."""

    box: Box
    detection_score: float
    readings: Mapping[str, NewReading]
    pose: HeadPose | None = None
    eyes_open: float | None = None
    smile_intensity: float | None = None
    sharpness: float | None = None
    mouth_open: float | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was when it was read.

    Attributes:
        path: Absolute.
        hash: Of its content; of a frame of a video with its position.
        mtime_ns: When it was last changed.
        bytes: Its size.
        position: Seconds from a video's start; `STILL` for a photograph.
    """

    path: Path
    hash: str
    mtime_ns: int
    bytes: int
    position: float = STILL


@dataclass(frozen=True, slots=True)
class NewPhotograph:
    """A photograph to store.

    Attributes:
        file: Where it was found.
        width: Pixels, upright.
        height: Pixels, upright.
        faces: The largest first.
        taken: When, by the camera's clock (EXIF), ISO 8601 without a zone; None where the file does not say.
        sharpness: See `smiledet.photographs.quality`.
        phash: Perceptual hash of 64 bits, as a signed number.
        detector: The face detector that ran.
        turned: Degrees clockwise until faces were found.
        failed: Why it could not be read; None if it could.
    """

    file: StoredFile
    width: int = 0
    height: int = 0
    faces: tuple[NewFace, ...] = ()
    taken: str | None = None
    sharpness: float | None = None
    phash: int | None = None
    detector: str = ""
    turned: int = 0
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What one task read from a stored face.

    Attributes:
        label: What is shown: the correction where there is one, else the model's answer.
        score: The probability of the model's answer; 1 of a correction.
        scores: The model's probability of each label.
        corrected: Whether a person gave the label.
    """

    label: str
    score: float
    scores: Mapping[str, float]
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class StoredFace:
    """A face in the store.

    Attributes:
        id: In the store.
        number: Its rank by size, from 1.
        box: Pixels of the upright photograph.
        detection_score: The detector's own score.
        readings: By task.
        pose: Which way the head faces; None where it is not known.
        eyes_open: 0 closed, 1 open; None where it is not known.
        smile_intensity: Probability that it smiles; None where smiles were not read.
        sharpness: See `smiledet.photographs.quality`.
        mouth_open: 0 closed, 1 wide open; None where it is not known.
    """

    id: int
    number: int
    box: Box
    detection_score: float
    readings: Mapping[str, StoredReading]
    pose: HeadPose | None = None
    eyes_open: float | None = None
    smile_intensity: float | None = None
    sharpness: float | None = None
    mouth_open: float | None = None


@dataclass(frozen=True, slots=True)
class PhotographRow:
    """A photograph as a grid shows it.

    Attributes:
        id: In the store; another edition gives the same content another one.
        path: Its file; of several copies the first by name.
        position: Seconds from a video's start; `STILL` for a photograph.
        hash: Of the content.
        width: Pixels, upright.
        height: Pixels, upright.
        taken: See `NewPhotograph`.
        dated: `taken`, or else when the file was last changed, local time.
        face_count: Faces in it.
        readings: What was read from the largest face: label and score by task; empty where there is none.
        smile: Mean smile intensity of its faces, 0 to 1; None without a face.
        doubt: 1 - the score of the least sure reading; None without a face.
        mark: What a person decided.
        stack: The stack that it belongs to; None for none.
        place: 0 for a stack's best and for what is in no stack, else 1, 2 …, best first.
        stack_size: Photographs in its stack; 1 for none.
        failed: Why it could not be read; None if it could.
    """

    id: int
    path: Path
    position: float
    hash: str
    width: int
    height: int
    taken: str | None
    dated: str
    face_count: int
    readings: Mapping[str, tuple[str, float]]
    smile: float | None
    doubt: float | None
    mark: Mark | None
    stack: int | None
    place: int
    stack_size: int
    failed: str | None


@dataclass(frozen=True, slots=True)
class StoredPhotograph:
    """A photograph with all that is known of it.

    Attributes:
        row: As a grid shows it.
        faces: The largest first.
        files: Every copy of it.
        sharpness: See `NewPhotograph`.
        phash: See `NewPhotograph`.
        detector: The face detector that ran.
        turned: Degrees clockwise until faces were found.
        reasons: Of a photograph in a stack, what spoke for and against it, in words, the weightiest first.
    """

    row: PhotographRow
    faces: tuple[StoredFace, ...]
    files: tuple[StoredFile, ...]
    sharpness: float | None
    phash: int | None
    detector: str
    turned: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """A label that a person gave.

    Attributes:
        path: A file that shows the face.
        position: Seconds from a video's start; `STILL` for a photograph.
        box: The face, pixels of the upright photograph.
        task: What was corrected.
        label: What it is.
        at: When, UTC, ISO 8601.
    """

    path: Path
    position: float
    box: Box
    task: str
    label: str
    at: str


@dataclass(frozen=True, slots=True)
class Look:
    """What tells whether two photographs are of one moment.

    Attributes:
        id: Of the photograph.
        taken: Seconds on the camera's clock; None where nobody knows.
        phash: See `NewPhotograph`.
    """

    id: int
    taken: float | None
    phash: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Photographs of one moment.

    Attributes:
        photographs: Ids, best first.
        reasons: Of each of them, what speaks for and against it, in words.
    """

    photographs: tuple[int, ...]
    reasons: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack as it is stored.

    Attributes:
        photographs: Ids.
        weights: What the best was chosen by; empty where a member has been corrected since, or is gone.
    """

    photographs: frozenset[int]
    weights: str


@dataclass(frozen=True, slots=True)
class PhotographFilter:
    """Which photographs are wanted; every condition that is given must hold.

    Attributes:
        labels: By task: some face has one of the labels. `FACES` has the labels of `FACE_COUNTS`; a task that reads a
            number has those of `decade`.
        folders: Only what lies in one of them or in the folders in it; absolute. Empty for all.
        text: Part of the path, whatever its case.
        taken_from: First day or moment, ISO 8601.
        taken_to: Last day or moment, ISO 8601, itself included.
        least_faces: How many faces at least.
        most_faces: How many faces at most.
        least_smile: Everybody smiles with this intensity at least, 0 to 1.
        least_eyes_open: Everybody's eyes are open this far at least, 0 to 1.
        numbers: By task that reads a number: some face's lies between the two, both included. `{"age": (20, 30)}`.
        marks: Of photographs, what a person decided: `keep`, `reject`, and `""` for nothing; empty for any.
        best_only: Of a stack only the best.
        stack: Only that stack's.
        failed: What could not be read instead of what could.
    """

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    text: str = ""
    taken_from: str | None = None
    taken_to: str | None = None
    least_faces: int | None = None
    most_faces: int | None = None
    least_smile: float | None = None
    least_eyes_open: float | None = None
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    best_only: bool = False
    stack: int | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the photographs, summed up.

    Attributes:
        name: The part: a month `2026-05`, or a folder's path.
        photographs: How many.
        faces: How many in them.
        smile: Mean smile intensity of those with a face, 0 to 1; None where there is none.
    """

    name: str
    photographs: int
    faces: int
    smile: float | None


EVERYTHING = PhotographFilter()


def decade(number: float) -> str:
    """The class of a number.

    >>> decade(27.0)
    '20 to 29'
    """
    low = int(number // 10) * 10
    return f"{low} to {low + 9}"
