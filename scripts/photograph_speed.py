"""What indexing photographs costs: rates, memory, a second run.

    python scripts/photograph_speed.py PHOTOGRAPH ...

The photographs are brought to 640x480 and to 4000x3000 (with a camera's noise) and indexed, each size in a process of
its own. Beside the rate of the clock stands that of the processor time: what two processors would do alone. What a
large store answers in which time is measured by store_speed.py.

`--kinds` measures instead the memory at most for files of every kind, two of 12 megapixels and one of 48, one kind
after the other in one process (Linux; pillow-heif writes the HEIC).
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


KINDS = """
import sys
from pathlib import Path
from smiledet.system.own_process import quieten_opencv, settle_process
quieten_opencv()
settle_process(1, 10)
from smiledet.config import Config
from smiledet.photographs.index import Indexer
from smiledet.system.memory import peak_memory
with Indexer(Config(), Path(sys.argv[1]), workers=2) as indexer:
    for folder in map(Path, sys.argv[2:]):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        last = indexer.run(sorted(folder.iterdir()))
        print(folder.name, last.done - last.unread, f"{peak_memory() / 1e6:.0f}", flush=True)
"""

SAVED: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("jpeg", {"quality": 90}),
    "progressive JPEG": ("jpeg", {"quality": 90, "progressive": True}),
    "PNG": ("png", {"compress_level": 1}),
    "PNG of 16 bits": ("", {}),
    "WebP": ("webp", {"quality": 80, "method": 0}),
    "lossless WebP": ("webp", {"lossless": True, "quality": 0, "method": 0}),
    "TIFF in strips, deflate": ("tiff", {"compression": "tiff_adobe_deflate"}),
    "TIFF in one strip, deflate": ("tiff", {"compression": "tiff_adobe_deflate", "strip_size": 1 << 30}),
    "TIFF in one strip, LZW": ("tiff", {"compression": "tiff_lzw", "strip_size": 1 << 30}),
    "TIFF": ("tiff", {}),
    "BMP": ("bmp", {}),
    "GIF": ("gif", {}),
    "HEIC": ("heif", {"quality": 50}),
    "HEIC in tiles": ("heif", {"quality": 50}),
    "AVIF": ("avif", {"quality": 60, "speed": 10}),
}
"""Kinds of files: how Pillow writes each."""


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+", type=Path)
    parser.add_argument("--detector", default="", help="another than the usual one")
    parser.add_argument("--kinds", action="store_true", help="the memory that files of every kind take")
    arguments = parser.parse_args()
    if arguments.kinds:
        measure_kinds(arguments.photographs)
        return 0
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


def measure_kinds(given: Sequence[Path]) -> None:
    """Print the most memory that was held for files of each kind and size."""
    with TemporaryDirectory() as scratch:
        folders = []
        for megapixels, size, count in ((12, (4000, 3000), 2), (48, (8000, 6000), 1)):
            plain = make(given, Path(scratch, f"{megapixels}"), size, count)
            pictures = [cv2.imread(str(path)) for path in sorted(plain.iterdir())]
            for kind, (form, how) in SAVED.items():
                folders.append(Path(scratch, f"{kind}, {megapixels} megapixels"))
                folders[-1].mkdir()
                for number, picture in enumerate(pictures):
                    save(picture, folders[-1] / str(number), form, how)
        command = [sys.executable, "-c", KINDS, Path(scratch, "store.sqlite"), *folders]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    print("| files | read | MB at most |\n| --- | --- | --- |")
    for line in done.stdout.splitlines():
        name, read, peak = line.rsplit(" ", 2)
        print(f"| {name} | {read} | {peak} |")


def save(picture: np.ndarray, path: Path, form: str, how: dict[str, object]) -> None:
    """Write a picture as one of the kinds."""
    if not form:
        cv2.imwrite(str(path.with_suffix(".png")), picture.astype(np.uint16) * 257, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return
    import pillow_heif
    from PIL import Image

    pillow_heif.options.GRID_TILE_SIZE = 512 if "tiles" in path.parent.name else 0  # as phones do
    pillow_heif.register_heif_opener()
    suffix = {"heif": ".heic", "jpeg": ".jpg"}.get(form, f".{form}")
    Image.fromarray(np.ascontiguousarray(picture[..., ::-1])).save(path.with_suffix(suffix), format=form, **how)


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
