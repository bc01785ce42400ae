"""What indexing photographs costs: rates, memory, a second run.

    python scripts/photograph_speed.py PHOTOGRAPH ...

The photographs are brought to 640x480 and to 4000x3000 (with a camera's noise) and indexed, each size in a process of
its own. Beside the rate of the clock stands that of the processor time: what two processors would do alone. What a
large store answers in which time is measured by store_speed.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from smiledet.photographs.records import NewPhotograph, StoredFile

SIZES = {"640x480": ((640, 480), 120), "4000x3000": ((4000, 3000), 40)}
"""By name: width, height and how many are indexed."""

UNCHANGED = 10_000

PROGRAM = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from smiledet.system.own_process import quieten_opencv, settle_process
quieten_opencv()
settle_process(1, 10)
from smiledet.config import Config
from smiledet.photographs.discover import discover
from smiledet.photographs.index import Indexer
from smiledet.system.memory import peak_memory
config = Config()
if sys.argv[3]:
    config = replace(config, photographs=replace(config.photographs, detector=sys.argv[3]))
files = discover([sys.argv[1]]).files
with Indexer(config, Path(sys.argv[2]), workers=2) as indexer:
    indexer.run(files[:2])  # the models are loaded
    clock, used = time.monotonic(), time.process_time()
    last = indexer.run(files[2:])
    clock, used = time.monotonic() - clock, time.process_time() - used
print(json.dumps([last.done / clock, used / last.done, last.faces, peak_memory() / 1e6]))
"""


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+", type=Path)
    parser.add_argument("--detector", default="", help="another than the usual one")
    arguments = parser.parse_args()
    print("| what | measured |\n| --- | --- |")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, (size, count) in SIZES.items():
            photographs = make(arguments.photographs, folder / name, size, count)
            command = [sys.executable, "-c", PROGRAM, photographs, folder / f"{name}.sqlite", arguments.detector]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rate, each, faces, memory = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {count} photographs of {name}, {faces} faces | {rate:.1f} a second; {1000 * each:.0f} ms of "
                f"processor time each, which is {2 / each:.1f} a second for two processors; {memory:.0f} MB at most |"
            )
        second_run(folder)
    return 0


def make(given: Sequence[Path], folder: Path, size: tuple[int, int], count: int) -> Path:
    """Photographs of one size in a folder, no two the same."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    width, height = size
    for number in range(count):
        picture = cv2.imread(str(given[number % len(given)]))
        scale = max(width / picture.shape[1], height / picture.shape[0])
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        left, top = (large.shape[1] - width) // 2, (large.shape[0] - height) // 2
        noise = chance.normal(0, 3, (height, width, 1))
        shown = np.clip(large[top : top + height, left : left + width] + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:03}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


def second_run(folder: Path) -> None:
    """Index ten thousand files that have not changed."""
    from smiledet.config import Config
    from smiledet.photographs.discover import discover
    from smiledet.photographs.index import Indexer

    album = folder / "album"
    for number in range(UNCHANGED):
        place = album / str(number // 500)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"IMG_{number}.jpg").write_bytes(number.to_bytes(4, "big"))
    with Indexer(Config(), folder / "second.sqlite", workers=2) as indexer:
        stored = []
        for path in discover([album]).files:
            state = path.stat()
            file = StoredFile(path, path.name, state.st_mtime_ns, state.st_size)
            stored.append(NewPhotograph(file, 640, 480))
        indexer.store.add(stored)
        seconds = clocked(lambda: indexer.run(discover([album]).files, folders=[album]))
    print(f"| a second run over {UNCHANGED} unchanged files | {seconds:.1f} s |")


def clocked(what: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.monotonic()
    what()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
