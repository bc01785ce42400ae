"""Rows of named columns in a Parquet file, by pyarrow (extra `parquet`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smiledet.errors import SmiledetError, UsageError
from smiledet.system.output_files import OutputFile
from smiledet.system.text import valid_text

SUFFIX = ".parquet"

GROUP = 10_000
"""Rows that are held in memory and written at once; a Parquet file is read a group at a time, too."""


class ParquetFile:
    """A .parquet file, which takes its name when it is closed: it has no rows before its end is written.

    Args:
        path: The file.
        columns: The type of each column, in order: str, int or float. Any may be empty.
        private: Whether nobody else may read it.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(self, path: Path, columns: Mapping[str, type], private: bool = False) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as problem:
            raise UsageError(f"{path} needs pyarrow: pip install 'smiledet[parquet]'") from problem
        self._arrow = pyarrow
        kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
        self._schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._output = OutputFile(path, private)
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []
        self._finished = False

    @property
    def wrote(self) -> Path | None:
        """The file, once it stands under its name."""
        return self._output.wrote

    def open(self) -> None:
        """Make sure that the file can be written.

        Raises:
            OutputError: It cannot, or is no file that can be written from end to end.
        """
        self._output.open()
        self._writer = self._guarded(lambda: self._arrow.parquet.ParquetWriter(self._output.partial, self._schema))

    def write(self, row: Mapping[str, Any]) -> None:
        """Take one row; columns that it lacks are empty.

        Raises:
            SmiledetError: It cannot be written.
        """
        self._rows.append({name: _valid(row.get(name)) for name in self._schema.names})
        self._finished = True
        if len(self._rows) >= GROUP:
            self._write_group()

    def finish(self) -> None:
        """Give the file its name at the end even if it has no row."""
        self._finished = True

    def close(self) -> None:
        """Write the end of the file and give it its name; without a row and `finish` discard it.

        Raises:
            SmiledetError: It cannot be written.
        """
        try:
            if self._writer is not None:
                self._write_group()
                self._guarded(self._writer.close)
                if self._finished:
                    self._output.take_name()
        finally:
            self._writer = None
            self._output.close()

    def _write_group(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            table = self._arrow.Table.from_pylist(rows, schema=self._schema)
            self._guarded(lambda: self._writer.write_table(table))

    def _guarded(self, call: Any) -> Any:
        try:
            return call()
        except OSError as problem:
            raise SmiledetError(f"cannot write {self._output.path}: {problem.strerror or problem}") from problem


def _valid(value: Any) -> Any:
    return valid_text(value) if isinstance(value, str) else value


def types_of(columns: Sequence[str], texts: Sequence[str], whole: Sequence[str]) -> dict[str, type]:
    """The type of each column: text, whole number, or else number.

    >>> types_of(["file", "x", "score"], ["file"], ["x"])
    {'file': <class 'str'>, 'x': <class 'int'>, 'score': <class 'float'>}
    """
    return {name: str if name in texts else int if name in whole else float for name in columns}
