"""How long tasks and models of one's own are known: as long as the command or call that was told of them.

A models folder, a configuration and a model's card bring tasks. They are known inside `own_scope` alone, and only to
the thread that opened it: two readers in one program may each have a task `presents` with labels of its own. What
`smiledet.register_task` registers is another matter: it is known to the whole process, as its caller asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smiledet.tasks.base import Task


@dataclass(slots=True)
class Scope:
    """What is known for now.

    Attributes:
        tasks: Tasks of one's own, by name.
        models: The models folder that is searched before the shipped one; None for none.
    """

    tasks: dict[str, Task] = field(default_factory=dict)
    models: Path | None = None


_open: ContextVar[Scope | None] = ContextVar("smiledet_scope", default=None)


@contextmanager
def own_scope() -> Iterator[Scope]:
    """Open a scope, which ends with the block; inside of another one, join that.

    Yields:
        The scope.

    Examples:
        >>> with own_scope() as outer, own_scope() as inner:
        ...     outer is inner
        True
    """
    joined = _open.get()
    if joined is not None:
        yield joined
        return
    token = _open.set(Scope())
    try:
        yield open_scope()
    finally:
        _open.reset(token)


def current_scope() -> Scope:
    """The scope that is open, to look things up; an empty one where none is."""
    return _open.get() or Scope()


def open_scope() -> Scope:
    """The scope that is open, to put something into.

    Raises:
        LookupError: None is: what is put into it would be lost.
    """
    found = _open.get()
    if found is None:
        raise LookupError("no own_scope() is open")
    return found
