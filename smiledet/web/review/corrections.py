"""What a person says of a clip's faces; kept under the clip's content, so that it outlives other names and models."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Box
from smiledet.schema import build
from smiledet.system.output_files import write_file
from smiledet.system.resources import data_folder
from smiledet.system.text import from_json
from smiledet.web.gallery.export import free_name, safe_name, surrounded
from smiledet.web.review.pictures import ClipPictures
from smiledet.web.review.readings import Track

HASHED = 1 << 20
"""Bytes at the beginning and at the end of a clip by which it is known again, with its size."""

EVERY = 0.5
"""Seconds between two faces of one correction in the exported set: neighbouring frames look alike."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A label that a person gives a face for a while.

    Attributes:
        track: The face.
        task: What is corrected.
        label: What it is.
        begin: From when on, seconds of the clip.
        end: Until when.
    """

    track: int
    task: str
    label: str
    begin: float
    end: float


def kept_at(clip: Path) -> Path:
    """Where a clip's corrections are kept.

    Raises:
        UsageError: The clip cannot be read.
    """
    try:
        with clip.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            told = blake2b(b"%d" % size + file.read(HASHED), digest_size=16)
            file.seek(max(0, size - HASHED))
            told.update(file.read(HASHED))
    except (OSError, ValueError) as problem:
        raise UsageError(f"cannot read {clip}: {getattr(problem, 'strerror', None) or problem}") from problem
    return data_folder() / "reviews" / f"{told.hexdigest()}.json"


class Corrections:
    """The corrections of a clip; any thread may use them.

    Args:
        path: Where they are kept; written anew with every change.

    Raises:
        UsageError: What is there cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._all: list[Correction] = []
        try:
            if path.exists():
                self._all = [build(Correction, each, str(path)) for each in from_json(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError) as problem:
            raise UsageError(f"cannot read the corrections in {path}: {problem}") from problem

    def all(self) -> list[Correction]:
        """Every one, in order."""
        with self._lock:
            return sorted(self._all, key=lambda each: (each.begin, each.track, each.task))

    def put(self, track: int, task: str, label: str | None, begin: float, end: float) -> None:
        """Correct a face's label for a while; what was said of it before gives way. None takes it back.

        Raises:
            SmiledetError: It cannot be kept; nothing has changed then.
        """
        with self._lock:
            changed = [part for each in self._all for part in _without(each, track, task, begin, end)]
            if label is not None:
                changed.append(Correction(track, task, label, begin, end))
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise SmiledetError(f"cannot make {self._path.parent}: {problem.strerror}") from problem
            write_file(self._path, json.dumps([asdict(each) for each in changed]).encode(), private=True)
            self._all = changed


def _without(correction: Correction, track: int, task: str, begin: float, end: float) -> Iterator[Correction]:
    """What is left of a correction beside a stretch of its face and task."""
    if (correction.track, correction.task) != (track, task) or end <= correction.begin or correction.end <= begin:
        yield correction
        return
    if correction.begin < begin:
        yield replace(correction, end=begin)
    if end < correction.end:
        yield replace(correction, begin=end)


def labelled_set(
    clip: Path, corrections: Iterable[Correction], tracks: dict[int, Track], pictures: ClipPictures
) -> Iterator[tuple[str, bytes]]:
    """Corrected faces for `archive`: `TASK/LABEL/NAME.jpg`; `smiledet train --data folders:TASK` reads one."""
    taken: set[str] = set()
    for each in corrections:
        track, last = tracks.get(each.track), -EVERY
        if track is None:
            continue
        for time, box in zip(track.times, track.boxes, strict=True):
            if not each.begin <= time < each.end or time - last < EVERY:
                continue
            last = time
            image = pictures.at(time)
            if image is None or not all(box[2:]):
                continue
            folder = f"{safe_name(each.task)}/{safe_name(each.label)}"
            name = f"{folder}/{safe_name(clip.stem)}-{each.track}-{round(1000 * time):08d}.jpg"
            yield free_name(name, taken), jpeg(surrounded(image, Box(*map(float, box))))
