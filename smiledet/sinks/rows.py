"""Rows of named columns, written one by one: JSON lines or CSV, into a file or to standard output."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smiledet.errors import OutputError, SmiledetError
from smiledet.system.output_files import OutputFile, check_suffix
from smiledet.system.text import valid_text

SUFFIXES = (".jsonl", ".csv", ".parquet")

STANDARD_OUTPUT = Path("-")
"""Names standard output instead of a file."""


def is_flat(path: Path) -> bool:
    """Whether the rows of a file have one column a label, as CSV and Parquet do, and no objects."""
    return path.suffix.lower() in (".csv", ".parquet")


class RowsFile:
    """A .jsonl or .csv file, written row by row, so that a killed run loses its last row at most.

    It takes its name with the first row, until when a file that is there stays as it was. Rows are whole, even where
    the disk is full. A pipe or a device gets JSON lines, unless its name ends in .csv.

    Args:
        path: The file. `-` writes JSON lines to standard output.
        columns: Of the CSV, in order.
        private: Whether nobody else may read it.
    """

    def __init__(self, path: Path, columns: Sequence[str], private: bool = False) -> None:
        self.path = path
        self._columns = columns
        self._output = OutputFile(path, private) if path != STANDARD_OUTPUT else None
        self._to_write: Callable[[str], None] | None = None
        self._begun = False
        self._format: Callable[[Mapping[str, Any]], str] = self._csv_row if is_flat(path) else json_line

    @property
    def wrote(self) -> Path | None:
        """The file, once rows stand under its name."""
        return self._output.wrote if self._output is not None else None

    def open(self) -> None:
        """Make sure that the file can be written.

        Raises:
            OutputError: Its suffix is another, it cannot be written, or standard output is closed.
        """
        if self._output is None:
            if sys.stdout is None:
                raise OutputError("cannot write to standard output: it is closed")
            self._to_write = _print
            return
        check_suffix(self.path, SUFFIXES)
        self._output.open()
        self._to_write = self._write_to_file

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row, or nothing of it: another one may be tried later.

        Raises:
            SmiledetError: It cannot be written; the message says where and why.
        """
        if self._to_write is None:
            raise SmiledetError(f"{self.path} is not open")
        self._to_write(self._format({key: _valid(value) for key, value in row.items()}))

    def finish(self) -> None:
        """Give the file its name even if it has no row; with the header, where it is CSV.

        Raises:
            SmiledetError: It cannot be written.
        """
        if self._to_write is not None and self._output is not None:
            self._write_to_file("")

    def close(self) -> None:
        """Let go of the file, which stays as it was if no row was written and `finish` not called; twice does no harm.

        Raises:
            SmiledetError: It could not be finished.
        """
        self._to_write = None
        if self._output is not None:
            self._output.close()

    def _write_to_file(self, text: str) -> None:
        assert self._output is not None
        if not self._begun:
            text = (csv_line(self._columns) if is_flat(self.path) else "") + text
        self._output.write(text.encode())
        if not self._begun:
            self._output.take_name()
            self._begun = True

    def _csv_row(self, row: Mapping[str, Any]) -> str:
        return csv_line([row.get(column) for column in self._columns])


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as problem:
        raise SmiledetError(f"cannot write {STANDARD_OUTPUT}: {problem.strerror}") from problem


def json_line(row: Mapping[str, Any]) -> str:
    """One line of JSON, with its end."""
    return json.dumps(row, allow_nan=False) + "\n"


def csv_line(values: Sequence[Any]) -> str:
    r"""One line of CSV, with its end; None is an empty field.

    >>> csv_line(["a\rb", None, 1])
    '"a\rb",,1\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)  # the writer quotes what stands in its line's end
    return text.getvalue()[:-2] + "\n"


def _valid(value: Any) -> Any:
    return valid_text(value) if isinstance(value, str) else value
