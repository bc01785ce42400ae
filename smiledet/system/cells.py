"""Cells of an SQLite file, checked as they are read: in a damaged file each may hold anything."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from smiledet.system.text import printable

Kind = frozenset[type]
"""What a cell may hold, as SQLite hands it out."""

WHOLE: Kind = frozenset({int})
NUMBER: Kind = frozenset({int, float})
TEXT: Kind = frozenset({str})
BYTES: Kind = frozenset({bytes})
NOTHING: Kind = frozenset({type(None)})
"""NULL: `TEXT | NOTHING` is a column that may have none."""

FAULTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What is raised of a content that is none."""


class DamagedError(ValueError):
    """A cell holds what its column cannot; `smiledet.system.database.Database` says of which file."""


def rows(connection: sqlite3.Connection, query: str, values: Sequence[Any], *kinds: Kind) -> Iterator[Any]:
    r"""What a query finds, each cell of the kind that its column has.

    Args:
        connection: To the file.
        query: In SQL.
        values: For its question marks.
        kinds: Of each column. Numbers are finite.

    Raises:
        DamagedError: A cell holds something else.

    >>> list(rows(sqlite3.connect(":memory:"), "SELECT 1, 'a' AS name", [], WHOLE, TEXT))
    [(1, 'a')]
    >>> list(rows(sqlite3.connect(":memory:"), "SELECT 1, x'00' AS name", [], WHOLE, TEXT))
    Traceback (most recent call last):
    smiledet.system.cells.DamagedError: name holds b'\x00'
    """
    cursor = connection.execute(query, values)
    for row in cursor:
        for place, kind in enumerate(kinds):
            cell = row[place]
            if type(cell) not in kind or (type(cell) is float and not math.isfinite(cell)):
                raise DamagedError(f"{cursor.description[place][0]} holds {_shortened(cell)}")
        yield row


@contextmanager
def content_of(column: str) -> Iterator[None]:
    """What is wrong with a content of the right kind (a text that should be JSON) counts as damage, too.

    Args:
        column: Where it stands.

    Raises:
        DamagedError: Something is wrong with it.
    """
    try:
        yield
    except DamagedError:
        raise
    except FAULTS as problem:
        raise DamagedError(f"{column}: {printable(problem)}") from problem


def _shortened(cell: Any) -> str:
    return "nothing" if cell is None else printable(f"{cell!r:.40}")
