"""What the operating system says of this process."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of glibc's `mallopt`: how much of a heap's free end is kept, the size from which memory comes from outside the heaps,
and the most heaps."""

LARGEST = 32 << 20
"""Bytes of what comes from a heap at most: what glibc goes to by itself. A picture of 3840x2160 has 25 million."""

KEPT = 2 * LARGEST
"""Bytes of a heap's free end that are kept; twice, as where glibc finds the sizes out by itself."""


def process_start_ns() -> int | None:
    """When this process began, on the clock of `time.monotonic_ns`, to a hundredth of a second; None off Linux."""
    try:
        # The command's name may hold blanks and brackets; what follows its last bracket does not.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    return time.monotonic_ns() - round(age * 1e9)


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


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def first_to_go() -> None:
    """Let the system end this process before any other where memory runs out; where it has no such setting, nothing.

    For a process whose end costs one network of a benchmark, on a machine whose other work is worth more.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


class ProcessorTimes(NamedTuple):
    """Processor time that this process has used so far, all threads, and when that was asked.

    Attributes:
        user: Seconds in the program and its libraries.
        system: Seconds in the kernel.
        clock: `time.monotonic()` then.
    """

    user: float
    system: float
    clock: float


def processor_times() -> ProcessorTimes:
    """What has been used up to now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return ProcessorTimes(usage.ru_utime, usage.ru_stime, time.monotonic())


def processor_time() -> float:
    """Processor time that this process has used, all threads, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
