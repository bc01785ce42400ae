"""What leaves the gallery: originals in an archive or a folder, and corrected faces as a labelled set."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import ImageError, OutputError
from smiledet.frame import Box, Image
from smiledet.photographs.decode import to_image
from smiledet.photographs.records import STILL, Correction
from smiledet.system.output_files import removed_on_failure
from smiledet.system.text import valid_text
from smiledet.web.gallery.pictures import readable

PIECE = 1 << 18
"""Bytes of an archive that are sent at a time."""

SURROUNDINGS = 1.8
"""Side of a corrected face's picture as a multiple of its box: training searches the face in it anew."""


class _Pieces(io.RawIOBase):
    """Takes what an archive writes until it is sent."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def taken(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken


def free_name(name: str, taken: set[str]) -> str:
    """A file's name that is not taken yet, which takes it: `a.jpg`, then `a-2.jpg`.

    >>> taken = set()
    >>> free_name("a.jpg", taken), free_name("A.jpg", taken)
    ('a.jpg', 'A-2.jpg')
    """
    path, number, chosen = Path(name), 1, name
    while chosen.casefold() in taken:
        number += 1
        chosen = f"{path.stem}-{number}{path.suffix}"
    taken.add(chosen.casefold())
    return chosen


def archive(files: Iterable[tuple[str, Path | bytes]]) -> Iterator[bytes]:
    """A ZIP archive, piece by piece; never all of it in memory.

    Args:
        files: Names in the archive, and the file or content. A file that is gone by then is left out.
    """
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED, allowZip64=True) as made:
        for name, content in files:
            try:
                source = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
            except OSError:
                continue
            with source, made.open(name, "w", force_zip64=True) as inside:
                while piece := source.read(PIECE):
                    inside.write(piece)
                    yield pieces.taken()
    yield pieces.taken()


def originals(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Photographs for `archive`, by names that differ."""
    taken: set[str] = set()
    for path in paths:
        yield free_name(valid_text(path.name), taken), path


def copy_into(folder: Path, paths: Sequence[Path]) -> int:
    """Copy photographs into a folder; nothing in it is overwritten.

    Returns:
        How many were copied.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = {each.name.casefold() for each in folder.iterdir()}
        for name, path in ((free_name(path.name, taken), path) for path in paths):
            copied = folder / name
            with path.open("rb") as source, copied.open("xb") as copy, removed_on_failure(copied):
                shutil.copyfileobj(source, copy)
                copy.flush()
            shutil.copystat(path, copied)
    except OSError as problem:
        raise OutputError(f"cannot copy into {folder}: {problem.strerror or problem}") from problem
    return len(paths)


def labelled_faces(corrections: Iterable[Correction], folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Corrected faces for `archive`: `TASK/LABEL/NAME.jpg`, of which `smiledet train --data folders:TASK` reads one.

    Photographs that are gone, damaged or outside the folders are left out.
    """
    taken: set[str] = set()
    for each in corrections:
        if each.position != STILL:
            continue
        try:
            image = to_image(readable(each.path, folders))
        except ImageError:
            continue
        folder = f"{safe_name(each.task)}/{safe_name(each.label)}"
        yield free_name(f"{folder}/{safe_name(each.path.stem)}.jpg", taken), jpeg(surrounded(image, each.box))


def surrounded(image: Image, box: Box) -> Image:
    """A face with what is around it."""
    left, top, right, bottom = box.scaled(SURROUNDINGS).clipped(image.shape[1], image.shape[0])
    return image[round(top) : round(bottom), round(left) : round(right)]


def safe_name(name: str) -> str:
    """A text as the name of a file or folder, on any system."""
    return re.sub(r"[^\w .-]", "_", name).strip(". ") or "_"
