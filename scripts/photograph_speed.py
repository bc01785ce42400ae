"""What indexing photographs costs: rates, memory, a large store, a second run.

    python scripts/photograph_speed.py PHOTOGRAPH ...

The photographs are brought to 640x480 and to 4000x3000 (with a camera's noise) and indexed, each size in a process of
its own. Beside the rate of the clock stands that of the processor time: what two processors would do alone. The
large store holds 100,000 photographs of which nothing was read.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from smiledet.frame import Box, HeadPose
from smiledet.photographs.records import (
    FACES,
    SEVERAL_FACES,
    Edition,
    NewFace,
    NewPhotograph,
    NewReading,
    PhotographFilter,
    StoredFile,
)
from smiledet.photographs.store import Store

SIZES = {"640x480": ((640, 480), 120), "4000x3000": ((4000, 3000), 40)}
"""By name: width, height and how many are indexed."""

MANY, UNCHANGED = 100_000, 10_000

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

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
print(json.dumps([last.done / clock, 2 * last.done / used, last.faces, peak_memory() / 1e6]))
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
            rate, alone, faces, memory = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {count} photographs of {name}, {faces} faces | {rate:.1f} a second; {alone:.1f} by processor time; "
                f"{memory:.0f} MB at most |"
            )
        second_run(folder)
        large_store(folder / "many.sqlite")
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


def large_store(path: Path) -> None:
    """Open a store of a hundred thousand photographs, and ask it."""
    edition = Edition({"smile": ("not smiling", "smiling"), "emotion": EMOTIONS})
    chance = random.Random(1)
    with Store(path, edition) as store:
        for start in range(0, MANY, 1000):
            store.add(invented(number, chance) for number in range(start, start + 1000))
    print(f"| the file of {MANY} photographs | {path.stat().st_size / 1e6:.0f} MB |")

    def open_it() -> None:
        with Store(path, edition) as store:
            store.photographs(order="date", limit=200)
            store.counts()

    print(f"| opening it: the first 200 photographs, and how many each label has | {1000 * clocked(open_it):.0f} ms |")
    smiling = PhotographFilter(labels={"smile": ("smiling",), FACES: (SEVERAL_FACES,)})
    questions: dict[str, Callable[[Store], object]] = {
        "200 that smile, more than one face, newest first": lambda store: store.photographs(smiling, "date", 200),
        "200 where everybody smiles with open eyes": lambda store: store.photographs(
            PhotographFilter(least_smile=0.6, least_eyes_open=0.5), "smile", 200
        ),
        "200 whose name holds a word": lambda store: store.photographs(PhotographFilter(text="img_99"), limit=200),
        "200 of one folder": lambda store: store.photographs(
            PhotographFilter(folders=(Path("/photos/77"),)), limit=200
        ),
        "how many each label has among those that smile": lambda store: store.counts(smiling),
    }
    with Store(path, edition) as store:
        for name, question in questions.items():
            question(store)
            seconds = min(clocked(lambda question=question: question(store)) for _ in range(3))
            print(f"| {name} | {1000 * seconds:.0f} ms |")


def invented(number: int, chance: random.Random) -> NewPhotograph:
    """A photograph that was never taken."""
    faces = []
    for place in range(chance.choice((0, 1, 1, 1, 2, 3))):
        smile, emotion = chance.random(), chance.choice(EMOTIONS)
        readings = {
            "smile": NewReading("smiling" if smile > 0.5 else "not smiling", max(smile, 1 - smile), (1 - smile, smile)),
            "emotion": NewReading(emotion, chance.random(), [1 / 7] * 7),
        }
        pose = HeadPose(chance.uniform(-30, 30), 0, 0)
        faces.append(NewFace(Box(60 * place, 10, 50, 50), 0.9, readings, pose, chance.random(), smile, 20.0))
    taken = f"20{chance.randint(10, 25)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T10:00:00"
    file = StoredFile(Path(f"/photos/{number // 500}/IMG_{number}.jpg"), f"{number:032x}", 10**18, 10**6)
    return NewPhotograph(
        *(file, 4000, 3000, tuple(faces)), taken=taken, phash=chance.getrandbits(63), sharpness=chance.random()
    )


def clocked(what: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.monotonic()
    what()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
