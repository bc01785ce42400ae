"""What `smiledet.FaceReader` and `smiledet.watch` hand out: a picture, and the faces that were read in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from smiledet.alignment.head import describe_head
from smiledet.columns import face_columns
from smiledet.errors import ImageError, UsageError
from smiledet.frame import FaceReading, Frame, Image
from smiledet.photographs.decode import to_image
from smiledet.tasks.base import Task
from smiledet.workers.aligner import aligned_faces_of

if TYPE_CHECKING:
    import pandas as pd


SHOWN = 1024
"""Pixels of the longer side with which a notebook shows a picture; notebooks keep every picture in their file."""

ROWS_SHOWN = 20
"""Rows of a table that a notebook shows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture and its faces.

    It can be iterated over, has a length, and shows itself in a notebook as the annotated picture.

    Attributes:
        size: (width, height) of the picture in pixels.
        faces: What was found: in a photograph the largest face first, in a video in order of appearance.
        tasks: What was read from each face.
        file: The file's name as it was given; None where the picture came from no file.
        frame: Number of the frame, from 0, in a video; None for a photograph.
        time: Seconds on the source's time line in a video; None for a photograph.
        detector: The face detector that ran.
        source: The name of the frame's source, where several are watched; empty otherwise.
        turned: Degrees clockwise by which a photograph had to be turned until its faces were found.
        started_ns: `time.monotonic_ns()` when reading a photograph began; 0 in a video.

    Examples:
        >>> from smiledet import FaceReader
        >>> from smiledet.sources.demo import scene
        >>> with FaceReader(("smile",)) as reader:
        ...     photo = reader.read(scene(0))
        >>> len(photo), photo.size, [face.smile.label for face in photo]
        (2, (640, 480), ['smiling', 'not smiling'])
        >>> photo.to_dicts(flat=True)[0]["smile"]
        'smiling'
    """

    _image: Image | None = field(repr=False, compare=False)
    size: tuple[int, int]
    faces: tuple[FaceReading, ...]
    tasks: tuple[Task, ...] = field(repr=False)
    file: str | None = None
    frame: int | None = None
    time: float | None = None
    detector: str = ""
    turned: int = 0
    source: str = ""
    started_ns: int = field(default=0, repr=False, compare=False)

    @property
    def image(self) -> Image:
        """The picture, BGR uint8 (height, width, 3).

        `FaceReader.read_many` does not keep the pictures of files, and of large photographs none is kept: they are read
        again, whole, where they are asked for.

        Raises:
            ImageError: The file is gone, or holds another picture by now.
        """
        if self._image is not None:
            return self._image
        image = to_image(self.file)
        if (image.shape[1], image.shape[0]) != self.size:
            raise ImageError(f"{self.file} holds another picture than the one that was read")
        return image

    def without_image(self) -> Reading:
        """The same without the pixels, where they can be had from the file again; so a thousand fit into memory."""
        return self if self.file is None else replace(self, _image=None)

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
        start: dict[str, Any] = ({"source": self.source} if self.source else {}) | {"file": self.file}
        if self.frame is not None:
            start |= {"frame": self.frame, "timestamp": self.time}
        rows: Sequence[FaceReading | None] = self.faces or (None,)
        return [
            start
            | ({"track": face.track if face else None} if self.frame is not None else {})
            | face_columns(face, self.tasks, self.size, flat)
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
        """The annotated picture, for notebooks: at most `SHOWN` pixels long."""
        import cv2

        image = self.annotated()
        scale = SHOWN / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".png", image)
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Table:
    """Many pictures, read.

    Attributes:
        readings: One a picture that could be read, in the order in which they were given.
        failures: For each picture that could not be read, what it was and why.

    Examples:
        >>> from smiledet import FaceReader
        >>> from smiledet.sources.demo import scene
        >>> with FaceReader(("smile",)) as reader:
        ...     table = reader.read_many([scene(0), b"no picture"])
        >>> len(table), len(table.failures), [row["smile"] for row in table.to_dicts()]
        (1, 1, ['smiling', 'not smiling'])
    """

    readings: tuple[Reading, ...]
    failures: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.readings)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self.readings)

    def to_dicts(self, flat: bool = False) -> list[dict[str, Any]]:
        """The rows of every reading.

        Args:
            flat: See `Reading.to_dicts`.
        """
        return [row for reading in self.readings for row in reading.to_dicts(flat)]

    def to_pandas(self) -> pd.DataFrame:
        """The rows of every reading as a data frame; see `Reading.to_pandas`."""
        return data_frame(self.to_dicts(flat=True))

    def _repr_html_(self) -> str:
        """The first rows, for notebooks."""
        rows = self.to_dicts()
        left_out = f", {len(rows) - ROWS_SHOWN} rows more" if len(rows) > ROWS_SHOWN else ""
        unread = f", {len(self.failures)} not read" if self.failures else ""
        return html_table(rows, f"{len(self)} pictures{unread}{left_out}")


def html_table(rows: Sequence[dict[str, Any]], below: str) -> str:
    """The first rows as an HTML table, with a line below it."""
    shown = [{name: value for name, value in row.items() if not isinstance(value, dict)} for row in rows[:ROWS_SHOWN]]
    names = list(dict.fromkeys(name for row in shown for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    cells = ("".join(f"<td>{_cell(row.get(name))}</td>" for name in names) for row in shown)
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(below)}</p>"


def _cell(value: Any) -> str:
    return "" if value is None else escape(str(value))


def video_reading(frame: Frame, faces: Sequence[FaceReading], tasks: tuple[Task, ...], detector: str) -> Reading:
    """The reading of a frame that has been through the stages.

    Args:
        frame: The frame, with what the stages attached.
        faces: Its faces, labelled.
        tasks: What was read.
        detector: The detector that ran.
    """
    landmarks = {face.track: aligned.landmarks for face, aligned in aligned_faces_of(frame)}
    placed = (replace(face, landmarks=landmarks.get(face.track)) for face in faces)
    described = (describe_head(face, frame.image).times(frame.scale) for face in placed)
    image = frame.image if frame.scale == 1 else None
    return Reading(
        *(image, frame.size, tuple(described), tasks, frame.file, frame.id, frame.timestamp, detector),
        source=frame.source,
    )


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
