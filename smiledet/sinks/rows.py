"""Rows of named columns, written one by one: JSON lines or CSV, into a file or to standard output."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from smiledet.errors import OutputError, SmiledetError
from smiledet.system.output_files import check_suffix, claim_file
from smiledet.system.text import valid_text

SUFFIXES = (".jsonl", ".csv")

STANDARD_OUTPUT = Path("-")
"""Names standard output instead of a file."""


def is_flat(path: Path) -> bool:
    """Whether the rows of a file have one column a label, as CSV does, and no objects."""
    return path.suffix.lower() == ".csv"


class RowsFile:
    """A .jsonl or .csv file, flushed row by row, so that a killed run loses its last row at most.

    Args:
        path: The file; one that is there is overwritten. `-` writes JSON lines to standard output.
        columns: Of the CSV, in order.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns
        self._file: TextIO | None = None
        self._format: Callable[[Mapping[str, Any]], str] = self._csv_row if is_flat(path) else json_line

    def open(self) -> None:
        """Make the file, with the CSV's header in it.

        Raises:
            OutputError: Its suffix is another, or it cannot be written.
        """
        if self.path == STANDARD_OUTPUT:
            self._file = sys.stdout
            return
        check_suffix(self.path, SUFFIXES)
        claim_file(self.path)
        try:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._file.write(csv_line(self._columns) if is_flat(self.path) else "")
            self._file.flush()
        except OSError as problem:
            self._abandon()
            raise OutputError(f"cannot write {self.path}: {problem.strerror}") from problem

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row.

        Raises:
            SmiledetError: It cannot be written; the message says where and why.
        """
        if self._file is None:
            raise SmiledetError(f"{self.path} is not open")
        try:
            self._file.write(self._format({key: _valid(value) for key, value in row.items()}))
            self._file.flush()
        except OSError as problem:
            self._abandon()
            raise SmiledetError(f"cannot write {self.path}: {problem.strerror}") from problem

    def close(self) -> None:
        """Finish the file; twice does no harm.

        Raises:
            SmiledetError: It could not be finished.
        """
        file, self._file = self._file, None
        if file is None or file is sys.stdout:
            return
        try:
            file.close()
        except OSError as problem:
            raise SmiledetError(f"cannot finish {self.path}: {problem.strerror}") from problem

    def _abandon(self) -> None:
        """Close after a failed write; what is still buffered would only fail again."""
        file, self._file = self._file, None
        if file is not None and file is not sys.stdout:
            with suppress(OSError):
                file.close()

    def _csv_row(self, row: Mapping[str, Any]) -> str:
        return csv_line([row.get(column) for column in self._columns])


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
