"""The table that `smiledet images` prints: a line a face, as wide as the terminal at most."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator, Sequence

from smiledet.frame import FaceReading
from smiledet.results import Reading
from smiledet.system.text import printable
from smiledet.tasks.base import Task

LEAST_NAME = 12
"""Columns of a terminal that a file's name gets at least."""


class PhotographTable:
    """Lays out the lines of photographs one after the other.

    Args:
        files: The names to come, for the width of their column.
        tasks: A column each.
        width: Of a line; None for the terminal's.
    """

    def __init__(self, files: Sequence[str], tasks: Sequence[Task], width: int | None = None) -> None:
        self._tasks = tasks
        self._answers = [max(text_width(task.name), *map(text_width, _texts(task))) for task in tasks]
        self._width = width or shutil.get_terminal_size().columns
        taken = len("  faces") + sum(2 + answer for answer in self._answers)
        longest = max((text_width(printable(file)) for file in files), default=0)
        self._name = max(LEAST_NAME, min(longest, self._width - taken))

    def header(self) -> str:
        """The names of the columns."""
        return self._line("file", "faces", [task.name for task in self._tasks])

    def lines(self, reading: Reading) -> Iterator[str]:
        """A photograph's lines: one a face, and one where there is none."""
        name, count = printable(reading.file), str(len(reading.faces))
        if not reading.faces:
            yield self._line(name, "0", [])
        for number, face in enumerate(reading.faces):
            answers = [_answer(task, face) for task in self._tasks]
            yield self._line(name if number == 0 else "", count if number == 0 else "", answers)

    def _line(self, name: str, count: str, answers: Sequence[str]) -> str:
        cells = [padded(shortened(name, self._name), self._name), f"{count:>5}"]
        cells += [padded(answer, width) for answer, width in zip(answers, self._answers, strict=False)]
        return shortened("  ".join(cells).rstrip(), self._width, keep_end=False)


def _texts(task: Task) -> list[str]:
    return [f"{printable(task.text(label))} 100 %" for label in task.labels]


def _answer(task: Task, face: FaceReading) -> str:
    prediction = face.predictions.get(task.name)
    return f"{printable(task.text(prediction.label))} {100 * prediction.score:.0f} %" if prediction else ""


def text_width(text: str) -> int:
    """Columns that a text takes on a terminal.

    >>> text_width("脸.jpg")
    6
    """
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text with spaces behind it."""
    return text + " " * max(0, width - text_width(text))


def shortened(text: str, width: int, keep_end: bool = True) -> str:
    """The text, or as much of its end (or beginning) as fits, with an ellipsis.

    >>> shortened("holiday/beach/IMG_1.jpg", 12)
    '…h/IMG_1.jpg'
    """
    if text_width(text) <= width:
        return text
    while text and text_width(text) > width - 1:
        text = text[1:] if keep_end else text[:-1]
    return f"…{text}" if keep_end else f"{text}…"
