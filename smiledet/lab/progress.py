"""A progress bar on a terminal, silence elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], what: str) -> Iterator[T]:
    """The items, with a bar on standard error where that is a terminal."""
    total = len(items) if isinstance(items, Sized) else None
    bar: Iterator[T] = iter(tqdm(items, desc=what, total=total, disable=None, leave=False))
    return bar
