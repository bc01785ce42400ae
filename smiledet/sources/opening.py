"""Opening a source without turning deaf."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from smiledet.sources.base import Source


@contextmanager
def opened(source: Source) -> Iterator[Source]:
    """A source, opened; closed at the end.

    It opens in a thread, because Python hears no signal while the main thread is inside OpenCV, which waits for seconds
    for an address that does not answer.

    Raises:
        UsageError: See `Source.open`.
    """
    problems: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            source.open()
        except BaseException as problem:
            problems.append(problem)
        finally:
            done.set()

    threading.Thread(target=work, name="open", daemon=True).start()
    try:
        done.wait()
        if problems:
            raise problems[0]
        yield source
    finally:
        source.close()
