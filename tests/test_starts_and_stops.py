"""Runs started and stopped over and over in one process: nothing of them stays. `SMILEDET_STARTS=1000` for more."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2
import pytest

import smiledet
from smiledet.config import load_config
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Frame
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.demo import DemoSource, scene

STARTS = int(os.environ.get("SMILEDET_STARTS", "20"))

WARM = 0.4
"""Share of the starts after which pools of threads and caches are what they stay."""

KEPT = 1_000_000
"""Bytes by which all others may let the process grow."""

SMALL = 200
"""Blocks of Python's own memory a start that may be held longer: what is cached, and figures of this test."""


class Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [(f"figure {number}", ctypes.c_size_t) for number in range(10)]
    MAPPED, USED = "figure 4", "figure 7"

    @property
    def in_use(self) -> int:
        """Bytes that somebody has asked for: `hblkhd` and `uordblks`."""
        return int(getattr(self, self.MAPPED) + getattr(self, self.USED))


def held() -> dict[str, int]:
    """What this process holds: threads, descriptors, segments of shared memory, and memory that is in use.

    What is in use of the C library's heaps, and how many blocks of Python's own: what is free between them, which the
    resident set has as well, is other memory each time.
    """
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = Heap
    heap: Heap = library.mallinfo2()
    library.malloc_trim(0)
    return {
        "threads": threading.active_count(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "segments": Path("/proc/self/maps").read_text().count("/dev/shm/"),
        "native bytes": heap.in_use,
        "blocks": sys.getallocatedblocks(),
        "resident pages": int(Path("/proc/self/statm").read_text().split()[1]),
    }


class Refusing(Sink):
    """Fails at its second frame."""

    description = "refusing"

    def open(self) -> None:
        """Nothing to open."""

    def write(self, frame: Frame, _annotation: Annotation) -> None:
        """See `Sink.write`."""
        if frame.id:
            raise SmiledetError("no room")

    def close(self) -> None:
        """Nothing to close."""


def run(sources: int, *sinks: Sink) -> None:
    config = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    opened = {f"source {number}": DemoSource() for number in range(sources)}
    for source in opened.values():
        source.open()
    Pipeline(config, opened, sinks, limits=Limits(max_frames=2)).run()


def fail() -> None:
    with suppress(SmiledetError):
        run(1, Refusing())
        raise AssertionError("the sink refuses")


def watch() -> None:
    with smiledet.watch("demo", tasks=["smile"], max_frames=100) as readings:
        assert next(readings).frame == 0


def read() -> None:
    with smiledet.FaceReader(("smile",)) as reader:
        assert reader.read(scene(0)).faces


KINDS: tuple[Callable[[], None], ...] = (partial(run, 1), partial(run, 2), fail, watch, read)


def measure(starts: int) -> tuple[dict[str, int], dict[str, int]]:
    """What is held after the first starts, and after all; the kinds take turns."""
    cv2.setNumThreads(
        1
    )  # as the command line does: with its own threads OpenCV keeps 900 bytes of each that has used it
    gc.disable()  # what waits for a collection of cycles is as good as kept: some hundred megabytes come together
    before = {}
    for number in range(starts):
        if number == round(WARM * starts):
            before = held()
        KINDS[number % len(KINDS)]()
    return before, held()


def is_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallinfo2")


@pytest.mark.skipif(not is_glibc(), reason="needs glibc 2.33, and /proc")
def test_nothing_of_a_run_stays() -> None:
    """In a process of its own: in this one the threads of other tests end meanwhile, and caches fill."""
    done = subprocess.run(
        [sys.executable, __file__, str(STARTS)],
        env={**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    before, after = json.loads(done.stdout)
    assert after["native bytes"] - before["native bytes"] < KEPT, (before, after)
    assert after["blocks"] - before["blocks"] < SMALL * STARTS, (before, after)
    for what in ("threads", "descriptors", "segments"):
        assert after[what] <= before[what], (before, after)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
