"""What a large store of photographs answers in which time.

    python scripts/store_speed.py --photographs 100000

The photographs are made up: a store holds no pictures. A tenth of them are bursts of three. Besides the questions that
the gallery asks, the stacks are found for all of them, and again after ten new photographs.

Beside the clock stands the processor time of the fastest of three rounds, since other programs may run meanwhile.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

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
from smiledet.photographs.stacks import restack
from smiledet.photographs.store import Store

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

EDITION = Edition({"smile": ("not smiling", "smiling"), "emotion": EMOTIONS})

SMILING = PhotographFilter(labels={"smile": ("smiling",), FACES: (SEVERAL_FACES,)})

QUESTIONS: dict[str, Callable[[Store], object]] = {
    "200 that smile, more than one face, newest first": lambda store: store.photographs(SMILING, "date", 200),
    "200 where everybody smiles with open eyes": lambda store: store.photographs(
        PhotographFilter(least_smile=0.6, least_eyes_open=0.5), "smile", 200
    ),
    "200 of one folder": lambda store: store.photographs(PhotographFilter(folders=(Path("/photos/77"),)), limit=200),
    "how many each label has": lambda store: store.counts(),
    "how many each label has, of the best shots": lambda store: store.counts(PhotographFilter(best_only=True)),
    "how many each label has among those that smile": lambda store: store.counts(SMILING),
    **{
        f"{what} whose name holds {text!r}": lambda store, ask=ask, text=text: ask(store, PhotographFilter(text=text))
        for text in ("img_99", "9", "beach", "nothing like it")
        for what, ask in {
            "200": lambda store, wanted: store.photographs(wanted, "date", 200),
            "how many": lambda store, wanted: store.count(wanted),
            "how many of each label": lambda store, wanted: store.counts(wanted),
        }.items()
    },
    "by month and by folder": lambda store: (store.timeline(), store.by_folder()),
}


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=100_000, metavar="N")
    parser.add_argument(
        "--store", type=Path, metavar="FILE", help="where it is made, and kept; taken as it is if there"
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        path = arguments.store or Path(scratch) / "many.sqlite"
        if not path.exists():
            fill(path, arguments.photographs)
        print("| what | clock | processor |\n| --- | --- | --- |")
        tell("opening it: the first 200 photographs, and how many each label has", lambda: _open(path))
        with Store(path, EDITION) as store:
            for name, question in QUESTIONS.items():
                tell(name, lambda question=question: question(store))
            tell("finding all stacks", lambda: restack(store), 1)
            count = store.count()
            store.add(invented(count, 10, random.Random(count)))
            tell("finding the stacks of ten more", lambda: restack(store), 1)
        print(f"\n{count} photographs, {path.stat().st_size / 1e6:.0f} MB")
    return 0


def fill(path: Path, count: int) -> None:
    """Make a store of photographs that were never taken."""
    chance = random.Random(1)
    with Store(path, EDITION) as store:
        for start in range(0, count, 1000):
            store.add(invented(start, min(1000, count - start), chance))


def invented(
    start: int, count: int, chance: random.Random, file_of: Callable[[int], StoredFile] | None = None
) -> Iterator[NewPhotograph]:
    """Photographs that were never taken, numbered from a number on; `file_of` says which file each is."""
    file_of = file_of or _file
    number = start
    while number < start + count:
        first = _invented(file_of(number), chance)
        yield first
        number += 1
        if chance.random() < 1 / 30:
            for later in range(1, min(3, start + count - number + 1)):
                taken = (datetime.fromisoformat(first.taken or "") + timedelta(seconds=later)).isoformat()
                yield replace(first, file=file_of(number), taken=taken, phash=(first.phash or 0) ^ later)
                number += 1


def _invented(file: StoredFile, chance: random.Random) -> NewPhotograph:
    faces = []
    for place in range(chance.choice((0, 1, 1, 1, 2, 3))):
        smile, emotion = chance.random(), chance.choice(EMOTIONS)
        readings = {
            "smile": NewReading("smiling" if smile > 0.5 else "not smiling", max(smile, 1 - smile), (1 - smile, smile)),
            "emotion": NewReading(emotion, chance.random(), [1 / 7] * 7),
        }
        pose = HeadPose(chance.uniform(-30, 30), 0, 0)
        faces.append(NewFace(Box(60 * place, 10, 50, 50), 0.9, readings, pose, chance.random(), smile, 20.0))
    moment = datetime(2010, 1, 1) + timedelta(seconds=chance.randrange(15 * 365 * 86_400))
    return NewPhotograph(
        *(file, 4000, 3000, tuple(faces)),
        taken=moment.isoformat(),
        phash=chance.getrandbits(63),
        sharpness=chance.random(),
    )


def _file(number: int) -> StoredFile:
    folder = f"/photos/{number // 500}{' beach' if number // 500 % 20 == 0 else ''}"
    return StoredFile(Path(folder, f"IMG_{number}.jpg"), f"{number:032x}", 10**18, 10**6)


def _open(path: Path) -> None:
    with Store(path, EDITION) as store:
        store.photographs(order="date", limit=200)
        store.counts()


def tell(name: str, what: Callable[[], object], rounds: int = 3) -> None:
    """A row of the table."""
    figures = []
    for _ in range(rounds):
        clock, used = time.monotonic(), time.thread_time()
        what()
        figures.append((time.thread_time() - used, time.monotonic() - clock))
    used, clock = min(figures)
    print(f"| {name} | {1000 * clock:.0f} ms | {1000 * used:.0f} ms |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
