"""What was read from every face, one row a face and frame: JSON lines or CSV.

`events.schema.json` describes a line; `smiledet.columns` makes the columns. A photograph without a face has one row,
whose columns of the face are empty; a frame of a video without a face has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from typing_extensions import override

from smiledet.columns import (
    LATENCY_COLUMN,
    PICTURE_COLUMNS,
    TEXT_COLUMNS,
    WHOLE_COLUMNS,
    column_names,
    face_columns,
    number,
)
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, FaceReading, Frame
from smiledet.sinks.base import Sink
from smiledet.sinks.parquet import ParquetFile, types_of
from smiledet.sinks.rows import STANDARD_OUTPUT, RowsFile, is_flat
from smiledet.sinks.shortage import Shortage
from smiledet.system.output_files import DISK_FULL
from smiledet.system.redaction import holds_secret, shown_source
from smiledet.tasks.base import Task

SCHEMA = Path(__file__).with_name("events.schema.json")
"""The JSON schema of one line."""


class EventsSink(Sink):
    """A .jsonl or .csv file, or JSON lines on standard output, written row by row; or a .parquet file.

    A file that is there is replaced when the first row comes, or at the end of a run without a face. That of a source
    with a password or key is for its owner's eyes alone (mode 0600).

    Args:
        path: The file. `-` is standard output.
        source: What is written in the column of that name, an address without its secrets; or that by a photograph's
            file. In a run of several sources each frame tells its own.
        tasks: The tasks that are run; others have no columns.
        clock_ns: Monotonic nanoseconds, for the latency; tests bring their own.
        wall_ns: Nanoseconds since 1970, for the column `time`; tests bring their own.
        machine: Further columns at the end of every row, always of the same names: load, power and temperature at
            that moment; None for none.
        private: Whether nobody else may read the file, whatever `source` is.
        goes_on: Whether a full disk is waited out: rows are left out until there is room again. Not so a Parquet file,
            which is nothing without its end, and standard output.
    """

    reads_heads = True

    def __init__(
        self,
        path: Path,
        source: str | Mapping[str, str],
        tasks: Sequence[Task] = (),
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        machine: Callable[[], Mapping[str, float | str | None]] | None = None,
        private: bool = False,
        goes_on: bool = False,
    ) -> None:
        self.description = f"events {path}"
        self.uses_drawing = False
        self._flat = is_flat(path)
        self._source = shown_source(source) if isinstance(source, str) else source
        self._tasks = tasks
        self._clock_ns, self._wall_ns = clock_ns, wall_ns
        self._machine = machine or dict
        private = private or (isinstance(source, str) and holds_secret(source))
        columns = [*column_names(tasks, flat=True), *self._machine()]
        self._file: RowsFile | ParquetFile = (
            ParquetFile(path, self._types(columns), private)
            if path.suffix.lower() == ".parquet"
            else RowsFile(path, columns, private)
        )
        self._path = path
        goes_on = goes_on and isinstance(self._file, RowsFile) and path != STANDARD_OUTPUT
        self._shortage = Shortage("rows", DISK_FULL if goes_on else ())
        self._seen = False

    @override
    def open(self) -> None:
        self._file.open()

    def _types(self, columns: Sequence[str]) -> dict[str, type]:
        """The type of each column in Parquet."""
        labels = [task.name for task in self._tasks if task.numbers is None]
        texts = [name for name, value in self._machine().items() if isinstance(value, str)]
        return types_of(columns, (*TEXT_COLUMNS, *labels, *texts), WHOLE_COLUMNS)

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self._seen = True
        faces: Sequence[FaceReading | None] = annotation.readings
        if frame.file is not None and not faces:
            faces = (None,)
        if not faces:
            return
        captured = self._wall_ns() - (self._clock_ns() - frame.captured_ns)
        for face in faces:
            self._put(self._row(frame, face, iso_time(captured)))

    def _put(self, row: Mapping[str, Any]) -> None:
        try:
            self._file.write(row)
        except SmiledetError as problem:
            if not self._shortage.waits_out(problem):
                self._seen = False  # there is nothing to finish any more
                raise
        else:
            self._shortage.over(str(self._path))

    @override
    def close(self) -> None:
        try:
            if self._seen and not self._shortage.lasts:
                self._file.finish()
        finally:
            self._file.close()
            self.wrote = self._file.wrote
            self.lacks = self._shortage.told(str(self._path))

    def _row(self, frame: Frame, face: FaceReading | None, captured: str) -> dict[str, Any]:
        track = face.face.track if face is not None else None
        source = frame.source or (self._source if isinstance(self._source, str) else self._source[frame.file or ""])
        picture = (source, frame.file, frame.id, number(frame.timestamp, 6), captured, track)
        return {
            **dict(zip(PICTURE_COLUMNS, picture, strict=True)),
            **face_columns(face.times(frame.scale) if face else None, self._tasks, frame.size, self._flat),
            LATENCY_COLUMN: number((self._clock_ns() - frame.captured_ns) / 1e6, 3),
            **self._machine(),
        }


def iso_time(wall_ns: int) -> str:
    """Nanoseconds since 1970 as a date and time of day in UTC, ISO 8601.

    >>> iso_time(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123+00:00'
    """
    milliseconds = wall_ns // 1_000_000
    seconds = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    return seconds.replace(microsecond=milliseconds % 1000 * 1000).isoformat(timespec="milliseconds")
