"""What stands in the rows of a store of sessions, checked: in a damaged file that may be anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from smiledet.sessions.events import FARTHEST, number_of, text_of
from smiledet.sessions.sessions import Session, Span
from smiledet.system.text import from_json

T = TypeVar("T")

FAULTS = (ValueError, TypeError, AttributeError, OverflowError)
"""What is raised of a row that is none."""


def session_of(columns: Mapping[str, Any]) -> Session:
    """A session from its columns, as `smiledet.sessions.tables` tells them.

    Raises:
        ValueError: It is damaged; also other exceptions of `FAULTS`.
    """
    spans = [
        Span(text_of(task), text_of(label), moment_of(begin), moment_of(end))
        for task, label, begin, end in from_json(columns["spans"] or "[]")
    ]
    picture, intensity = columns["picture"], columns["intensity"]
    if not isinstance(picture, (bytes, type(None))):
        raise TypeError("a picture that is none")
    return Session(
        text_of(columns["source"]),
        int(number_of(columns["track"])),
        moment_of(columns["first"]),
        moment_of(columns["last"]),
        int(number_of(columns["frames"])),
        by_name(columns["labels"], lambda seconds: {str(key): number_of(each) for key, each in seconds.items()}),
        by_name(columns["numbers"], _mean),
        int(number_of(columns["smiles"])),
        number_of(columns["longest_smile"]),
        None if intensity is None else number_of(intensity),
        spans,
        picture,
    )


def by_name(text: str | bytes, of: Callable[[Any], T]) -> dict[str, T]:
    """An object in JSON, each of its values made into something.

    Raises:
        ValueError: See `session_of`.
    """
    return {str(name): of(value) for name, value in from_json(text).items()}


def moment_of(value: Any) -> float:
    """Seconds since 1970.

    Raises:
        ValueError: It is no time that can be written.
    """
    moment = number_of(value)
    if not 0 <= moment < FARTHEST:
        raise ValueError(f"{moment:g} s is out of range")
    return moment


def _mean(pair: Any) -> tuple[float, float]:
    mean, seconds = pair
    return number_of(mean), number_of(seconds)
