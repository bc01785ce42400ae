"""This process: when it began, which processors it may use, and how much of them it has used."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


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


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def give_way(nice: int) -> None:
    """Lower the calling thread's priority, where threads have one of their own.

    Args:
        nice: 0, the usual priority, to 19, the lowest. A thread that gives way further already stays as it is.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(nice, os.getpriority(os.PRIO_PROCESS, thread)))
