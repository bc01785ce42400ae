"""What `smiledet.FaceReader` and `smiledet.watch` hand out: a picture, and the faces that were read in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smiledet.alignment.head import describe_head
from smiledet.columns import face_columns
from smiledet.errors import UsageError
from smiledet.frame import FaceReading, Frame, Image
from smiledet.tasks.base import Task
from smiledet.workers.aligner import aligned_faces_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture and its faces.

    It can be iterated over, has a length, and shows itself in a notebook as the annotated picture.

    Attributes:
        image: The picture, BGR uint8 (height, width, 3).
        faces: What was found: in a photograph the largest face first, in a video in order of appearance.
        tasks: What was read from each face.
        file: The file's name as it was given; None where the picture came from no file.
        frame: Number of the frame, from 0, in a video; None for a photograph.
        time: Seconds on the source's time line in a video; None for a photograph.
        detector: The face detector that ran.
        turned: Degrees clockwise by which a photograph had to be turned until its faces were found.
    """

    image: Image = field(repr=False)
    faces: tuple[FaceReading, ...]
    tasks: tuple[Task, ...] = field(repr=False)
    file: str | None = None
    frame: int | None = None
    time: float | None = None
    detector: str = ""
    turned: int = 0

    def __len__(self) -> int:
        return len(self.faces)

    def __bool__(self) -> bool:
        return True  # a picture without a face is a reading as well

    def __iter__(self) -> Iterator[FaceReading]:
        return iter(self.faces)

    def to_dicts(self, flat: bool = False) -> list[dict[str, Any]]:
        """One row a face, of plain numbers, texts and None; one row with empty columns where there is no face.

        Args:
            flat: Write the probabilities of all labels as one column a label (`smile_smiling`), as in the CSV, instead
                of an object (`smile_scores`), as in the JSON lines.
        """
        height, width = self.image.shape[:2]
        start: dict[str, Any] = {"file": self.file}
        if self.frame is not None:
            start |= {"frame": self.frame, "timestamp": self.time}
        rows: Sequence[FaceReading | None] = self.faces or (None,)
        return [
            start
            | ({"track": face.track if face else None} if self.frame is not None else {})
            | face_columns(face, self.tasks, (width, height), flat)
            for face in rows
        ]

    def to_pandas(self) -> pd.DataFrame:
        """The rows of `to_dicts(flat=True)` as a data frame.

        Raises:
            UsageError: pandas is not installed.
        """
        return data_frame(self.to_dicts(flat=True))

    def annotated(self) -> Image:
        """A copy of the picture with boxes and labels drawn on it, BGR uint8 (height, width, 3)."""
        from smiledet.drawing.annotate import annotate

        return annotate(self.image, self.faces, self.tasks)

    def _repr_png_(self) -> bytes:
        """The annotated picture, for notebooks."""
        import cv2

        _, data = cv2.imencode(".png", self.annotated())
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Table:
    """Many pictures, read.

    Attributes:
        readings: One a picture that could be read, in the order in which they were given.
        failures: For each picture that could not be read, what it was and why.
    """

    readings: tuple[Reading, ...]
    failures: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.readings)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self.readings)

    def to_dicts(self, flat: bool = False) -> list[dict[str, Any]]:
        """The rows of every reading; see `Reading.to_dicts`."""
        return [row for reading in self.readings for row in reading.to_dicts(flat)]

    def to_pandas(self) -> pd.DataFrame:
        """The rows of every reading as a data frame; see `Reading.to_pandas`."""
        return data_frame(self.to_dicts(flat=True))


def video_reading(frame: Frame, faces: Sequence[FaceReading], tasks: tuple[Task, ...], detector: str) -> Reading:
    """The reading of a frame that has been through the stages.

    Args:
        frame: The frame, with what the stages attached.
        faces: Its faces, labelled.
        tasks: What was read.
        detector: The detector that ran.
    """
    landmarks = {face.track: aligned.landmarks for face, aligned in aligned_faces_of(frame)}
    described = (describe_head(replace(face, landmarks=landmarks.get(face.track))) for face in faces)
    return Reading(frame.image, tuple(described), tasks, None, frame.id, frame.timestamp, detector)


def data_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a data frame.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as problem:
        raise UsageError("a data frame needs pandas: pip install 'smiledet[pandas]'") from problem
    return pd.DataFrame(list(rows))
