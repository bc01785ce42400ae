"""The run that `scripts/soak.py` watches: smiledet's command, with its threads' names where the system shows them.

Python does so itself from 3.14 on. A native library's threads name themselves, or have the name of who made them.
"""

import threading
from contextlib import suppress
from pathlib import Path

from smiledet.__main__ import start

SHOWN = 15
"""Bytes of a name that Linux keeps."""


def names_of(pid: int) -> list[str]:
    """The names of a process' threads."""
    names = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            names.append((task / "comm").read_text().strip())
    return names


def show_names() -> None:
    """Have each thread that is started from now on tell the system its name."""
    run = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

    def named(thread: threading.Thread) -> None:
        with suppress(OSError):
            name = thread.name.encode()[:SHOWN]
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name)
        run(thread)

    threading.Thread._bootstrap_inner = named  # type: ignore[attr-defined]


if __name__ == "__main__":
    show_names()
    start()
