"""The page's files: its own, LiteRT's runtime, the networks, icons, and a service worker that keeps them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import lzma
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import OutputError, SmiledetError, UsageError
from smiledet.system.output_files import NO_ROOM
from smiledet.system.text import from_json, printable
from smiledet.web import STATIC
from smiledet.web.app.constants import page_constants

PAGE = Path(__file__).resolve().parent / "page"

SHARED = (
    "bars.js",
    "base.css",
    "icon.svg",
    "labels.js",
    "vendor/preact-htm.js",
    "vendor/LICENSE-htm.txt",
    "vendor/LICENSE-preact.txt",
)
"""Files of the other pages that this one uses as well."""

TASKS = ("smile", "emotion")
ICONS = (192, 512)
CONSTANTS = "constants.json"
WORKER = "sw.js"
PACKED, RUNTIME = "vendor/litert.wasm.xz", "vendor/litert.wasm"
FOR_DEVELOPERS = ("vendor/vendored.json", PACKED)

UNFINISHED = ".smiledet-"
"""Begins the name of the folder in which files lie until all are written."""

LISTED = re.compile(r"^const FILES = (\[.*\]);$", re.MULTILINE)
"""Where a service worker names what it keeps."""

CACHED = {".html", ".css", ".js", ".json", ".wasm", ".tflite", ".png", ".svg", ".webmanifest"}
"""Suffixes of what the page loads; licences and types are not kept offline."""


def page_files(tasks: Sequence[str] = TASKS) -> dict[str, bytes]:
    """The files of the page, by their paths.

    Args:
        tasks: The tasks that the page reads.

    Raises:
        UsageError: A task is not known.
        ModelError: A network is missing.
    """
    constants, networks = page_constants(tasks)
    own = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
    files = {name: path.read_bytes() for name, path in own.items() if name not in FOR_DEVELOPERS}
    files |= {name: (STATIC / name).read_bytes() for name in SHARED}
    files |= {name: path.read_bytes() for name, path in networks.items()}
    files |= {f"icon-{side}.png": _icon(side) for side in ICONS}
    files[RUNTIME] = lzma.decompress(own[PACKED].read_bytes())
    files[CONSTANTS] = json.dumps(constants).encode()
    files[WORKER] = _service_worker(files)
    return dict(sorted(files.items()))


def is_loaded(name: str) -> bool:
    """Whether the page loads a file of its own, of such a path."""
    return PurePosixPath(name).suffix in CACHED


def build(folder: Path, tasks: Sequence[str] = TASKS) -> Mapping[str, bytes]:
    """Write the page into a folder.

    Args:
        folder: It is made where it is not there; else it must be empty, or hold an earlier build, which is replaced.
            Other files beside that build stay.
        tasks: The tasks that the page reads.

    Returns:
        The files, by their paths in the folder.

    Raises:
        UsageError: The folder holds something else, it cannot be written, or a task is not known.
        ModelError: A network is missing.
        SmiledetError: The disk is full.
    """
    try:
        earlier = _earlier_files(folder)
        files = page_files(tasks)
        folder.mkdir(parents=True, exist_ok=True)
        # All is written before anything is replaced: on a full disk an earlier build stays as it is.
        with _locked(folder), tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as made:
            for name, content in files.items():
                _beneath(Path(made), name).write_bytes(content)
            for name in sorted(files, key=lambda name: name == WORKER):
                (Path(made) / name).replace(_beneath(folder, name))
        for name in earlier - set(files):
            (folder / name).unlink(missing_ok=True)
    except OSError as problem:
        kind = SmiledetError if problem.errno in NO_ROOM else OutputError
        raise kind(f"cannot write the page into {printable(folder)}: {problem.strerror}") from problem
    return files


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two builds at once would leave files of both.

    Raises:
        OutputError: Another process is writing the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as problem:
        raise OutputError(f"cannot write the page into {printable(folder)}: another run is writing it") from problem
    finally:
        os.close(descriptor)


def _beneath(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _earlier_files(folder: Path) -> set[str]:
    """The files of an earlier build that are there, as its service worker lists them.

    Raises:
        UsageError: The folder holds files, but no earlier build.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{printable(folder)} is a file; a folder is wanted")
    there = [path for path in folder.iterdir() if not path.name.startswith(UNFINISHED)] if folder.is_dir() else []
    if not there:
        return set()
    if not all((folder / name).is_file() for name in (CONSTANTS, WORKER)):
        raise UsageError(f"{printable(folder)} holds other files than an earlier build: name an empty folder")
    found = LISTED.search((folder / WORKER).read_text(encoding="utf-8", errors="replace"))
    try:
        names = {str(name) for name in from_json(found[1])} if found else set()
    except ValueError as problem:
        raise UsageError(f"{printable(folder)} holds no whole earlier build: {problem}") from problem
    return {name for name in names if not {"", "..", "/"} & set(PurePosixPath(name).parts) and name != "./"}


def _service_worker(files: Mapping[str, bytes]) -> bytes:
    """The template with the names of all files, and a version that changes with any of them."""
    kept = sorted(name for name in files if is_loaded(name) and name != WORKER)
    version = hashlib.sha256(b"".join(hashlib.sha256(files[name]).digest() for name in kept)).hexdigest()[:16]
    head = f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps(['./', *kept])};\n"
    return head.encode() + files[WORKER]


def _icon(side: int) -> bytes:
    """The smiling face of icon.svg as PNG; without round corners, which the system cuts itself."""
    scale, shift = side * 16 / 32, 4  # drawn with four bits of fraction

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * scale), round(y * scale)

    image: npt.NDArray[np.uint8] = np.full((side, side, 3), (1, 179, 245), np.uint8)
    for x in (11, 21):
        cv2.circle(image, at(x, 13), round(2.4 * scale), (0, 0, 0), -1, cv2.LINE_AA, shift)
    along = np.linspace(0, 1, 33)
    curve = np.stack([8 + 16 * along, 19 + 16 * along * (1 - along)], axis=1)
    points = np.round(curve * scale).astype(np.int32)[:, None]
    cv2.polylines(image, [points], False, (0, 0, 0), max(1, round(2.6 * side / 32)), cv2.LINE_AA, shift)
    return cv2.imencode(".png", image)[1].tobytes()
