"""The memory of this process: how much it has had, and what the C library keeps of it."""

from __future__ import annotations

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of glibc's `mallopt`: how much of a heap's free end is kept, the size from which memory comes from outside the heaps,
and the most heaps."""

LARGEST = 32 << 20
"""Bytes of what comes from a heap at most: what glibc goes to by itself. A picture of 3840x2160 has 25 million."""

KEPT = 2 * LARGEST
"""Bytes of a heap's free end that are kept; twice, as where glibc finds the sizes out by itself."""


def peak_memory() -> int:
    """The largest resident set that this process has had, in bytes."""
    # Not getrusage where there is another way: on Linux its figure starts with the size of the process that started
    # this one.
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def share_heaps(count: int = 2) -> None:
    """Let all threads, for pictures too, take their memory from so many heaps; if the C library has none, do nothing.

    glibc gives each thread a heap of its own, up to eight a core. A picture that one thread lets go of is then of no
    use to another, and each heap keeps the most that its thread ever held at once: a few pictures each, which it
    comes to by and by. And it hands what is free at a heap's end back to the system, which clears each page before it
    hands it out again: 30 to 60 of them a picture of 640x480. To be called before the threads start.
    """
    with suppress(OSError, AttributeError, TypeError):
        settings = ctypes.CDLL(None).mallopt
        settings(M_ARENA_MAX, count)
        # Both: setting either keeps glibc from adapting the other.
        settings(M_MMAP_THRESHOLD, LARGEST)
        settings(M_TRIM_THRESHOLD, KEPT)


def hand_back_memory() -> None:
    """Let the system have what is free in the heaps, wherever it lies; a millisecond or two, off glibc nothing.

    Once in a while more pictures are held at once than ever before; what that took stays with the process otherwise.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def first_to_go() -> None:
    """Let the system end this process before any other where memory runs out; where it has no such setting, nothing.

    For a process whose end costs one network of a benchmark, on a machine whose other work is worth more.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
