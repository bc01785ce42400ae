"""From the query of an address to what the store is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from smiledet.errors import UsageError
from smiledet.photographs.records import FACE_COUNTS, FACES, Order, PhotographFilter
from smiledet.photographs.store import Store

T = TypeVar("T")

MARKS = {"keep": "keep", "reject": "reject", "none": ""}
ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
"""A byte of a file's name as `smiledet.system.text.valid_text` shows it."""

DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
SINGLE = (
    "text",
    "taken_from",
    "taken_to",
    "folder",
    "least_smile",
    "least_eyes_open",
    "least_faces",
    "most_faces",
    "mark",
    "every_shot",
    "failed",
    "order",
)
"""Parameters that a query has at most once."""

FIRST_ORDER: Order = "date"


def read_filter(query: Sequence[tuple[str, str]], store: Store, folders: Sequence[Path]) -> PhotographFilter:
    """The filter of a query.

    Args:
        query: Names and values: `label.TASK` (any number), `low.TASK` and `high.TASK` for tasks that read a number, and
            `SINGLE`. Others are left alone.
        store: Which tasks and labels there are.
        folders: The gallery's; only what lies in them is ever shown.

    Raises:
        UsageError: A value is none of those allowed.
    """
    one = {name: value for name, value in query if name in SINGLE and value}
    labels: dict[str, tuple[str, ...]] = {}
    limits: dict[str, dict[str, float]] = {}
    for name, value in query:
        kind, _, task = name.partition(".")
        if kind == "label" and task:
            labels[task] = (*labels.get(task, ()), _label(store, task, value))
        elif kind in ("low", "high") and task and value:
            limits.setdefault(_task(store, task), {})[kind] = _number(name, value)
    numbers = {task: (each.get("low", 0.0), each.get("high", 1e9)) for task, each in limits.items()}
    return PhotographFilter(
        labels=labels,
        numbers=numbers,
        folders=(_folder(one["folder"], folders),) if "folder" in one else tuple(folders),
        text=one.get("text", ""),
        taken_from=_date("taken_from", one),
        taken_to=_date("taken_to", one),
        least_smile=_number("least_smile", one["least_smile"], 1) if "least_smile" in one else None,
        least_eyes_open=_number("least_eyes_open", one["least_eyes_open"], 1) if "least_eyes_open" in one else None,
        least_faces=_faces("least_faces", one),
        most_faces=_faces("most_faces", one),
        marks=(_among("mark", one["mark"], MARKS),) if "mark" in one else (),
        best_only=one.get("every_shot") != "1",
        failed=one.get("failed") == "1",
    )


def read_order(query: Sequence[tuple[str, str]]) -> Order:
    """The order of a query.

    Raises:
        UsageError: There is no such order.
    """
    orders: dict[str, Order] = {name: name for name in get_args(Order)}
    return next((_among("order", value, orders) for name, value in query if name == "order" and value), FIRST_ORDER)


def _among(name: str, value: str, allowed: Mapping[str, T]) -> T:
    if value not in allowed:
        raise UsageError(f"{name}={value!r}: expected one of {', '.join(allowed)}")
    return allowed[value]


def _task(store: Store, task: str) -> str:
    return _among("task", task, {name: name for name in store.tasks})


def _label(store: Store, task: str, label: str) -> str:
    every = FACE_COUNTS if task == FACES else store.tasks[_task(store, task)]
    return _among(f"label.{task}", label, {name: name for name in every})


def _number(name: str, value: str, most: float = 1e9) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise UsageError(f"{name}={value!r}: expected a number from 0 to {most:g}")
    return number


def _faces(name: str, values: Mapping[str, str]) -> int | None:
    if (value := values.get(name)) is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 6):
        raise UsageError(f"{name}={value!r}: expected how many faces, 0 or more")
    return int(value)


def _date(name: str, values: Mapping[str, str]) -> str | None:
    value = values.get(name)
    if value is not None and not DATE.fullmatch(value):
        raise UsageError(f"{name}={value!r}: expected a date, 2026-05-31 say")
    return value


def _folder(given: str, folders: Sequence[Path]) -> Path:
    """A folder of the gallery, or one in it."""
    folder = Path(given)
    if not folder.is_dir():  # bytes of its name that are no text were shown as escapes
        folder = Path(os.fsdecode(ESCAPED.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(given))))
    if ".." not in folder.parts and any(folder == each or each in folder.parents for each in folders):
        return folder
    raise UsageError(f"folder={given!r}: expected a folder of this gallery")
