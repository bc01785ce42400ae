"""One peer's side of `smiledet bench peers`: it reads the same pictures again and again, and says what that took.

Run as `python serve.py LOOP.py` under the peer's own interpreter, so it imports nothing of smiledet. A loop is a file
with a function `prepare(options)`, which loads everything and returns a function from pictures (BGR uint8, to be drawn
on) to the boxes (x, y, width, height) found in each of them.

Questions come as JSON lines on standard input: first {"frames": FILE, "count": N, "options": {...}, "warm_up": N}, then
{} for each round. Answers leave as JSON lines on what was standard output; whatever else is printed goes to standard
error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

Loop = Callable[[Sequence[Any]], Sequence[Sequence[Sequence[float]]]]
"""Pictures in, for each of them its boxes out."""

PACKAGES = ("fer", "deepface", "mediapipe", "tensorflow", "keras", "torch", "numpy", "ai-edge-litert")
"""Whose versions are reported, where they were imported; OpenCV goes by several names and is asked itself."""


def load_loop(path: str, options: dict[str, Any]) -> Loop:
    """The loop of a file, with everything loaded."""
    spec = importlib.util.spec_from_file_location("loop", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loop: Loop = module.prepare(options)
    return loop


def load_pictures(path: str, count: int) -> list[Any]:
    """The first pictures of a file of arrays, each with memory of its own, so that keeping one does not keep all."""
    with Path(path).open("rb") as file:
        return [np.load(file) for _ in range(count)]


def measure_round(loop: Loop, frames: str, count: int) -> dict[str, Any]:
    """Read every picture once; decoding them, and loading the file, stays outside the time taken."""
    pictures = load_pictures(frames, count)  # anew each time, because loops draw on them
    processor, start = time.process_time(), time.perf_counter()
    found = loop(pictures)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    boxes = [[[float(number) for number in box] for box in some] for some in found]
    return {"seconds": seconds, "cpu_seconds": processor, "boxes": boxes, "peak_bytes": peak_memory()}


def peak_memory() -> int:
    """The largest resident set so far, in bytes; see `peak_memory`, which cannot be imported here."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def versions() -> dict[str, str]:
    """What the loop runs on."""
    found = {}
    for package in PACKAGES:
        if package.replace("-", "_") in sys.modules:
            with suppress(PackageNotFoundError):
                found[package] = version(package)
    opencv = sys.modules.get("cv2")
    return found if opencv is None else {**found, "opencv": str(getattr(opencv, "__version__", "unknown"))}


def in_one_line(problem: BaseException) -> str:
    """What went wrong, by its first line."""
    first = (str(problem).strip().splitlines() or [""])[0]
    return f"{type(problem).__name__}: {first}" if first else type(problem).__name__


def main() -> None:
    """Answer until there are no more questions."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(answer: dict[str, Any]) -> None:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

        try:
            job = json.loads(sys.stdin.readline())
            loop = load_loop(sys.argv[1], job["options"])
            loop(load_pictures(job["frames"], min(job["warm_up"], job["count"])))
            say({"versions": versions()})
            for _ in sys.stdin:
                say(measure_round(loop, job["frames"], job["count"]))
        except (Exception, SystemExit) as problem:  # whatever a stranger's package raises is its result
            say({"problem": in_one_line(problem)})


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # some libraries' threads keep a finished process for seconds
