"""Photographs: files, and folders of them."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic, iglob
from pathlib import Path

from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import NamedSource, Picture, SourceSettings
from smiledet.sources.decoding import NEEDED, decode, read_bytes
from smiledet.system.output_files import is_same_file
from smiledet.system.text import printable

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif")

MOST_NAMED = 10
"""Files that a message names at most."""


def is_image_name(name: str, suffixes: tuple[str, ...] = SUFFIXES) -> bool:
    """Whether a file's name says that it is a photograph.

    >>> is_image_name("party/IMG_1.JPG"), is_image_name("clip.mp4")
    (True, False)
    """
    return name.lower().endswith(suffixes)


def natural_key(path: Path) -> list[list[tuple[int, str]]]:
    """Sorts paths as people do: folder by folder, 2.jpg before 10.jpg, numbers before names."""
    pieces = [re.findall(r"([0-9]+)|([^0-9]+)", part) for part in path.parts]
    return [[(int(digits) if digits else sys.maxsize, text.lower()) for digits, text in part] for part in pieces]


def _walk(folder: Path, unread: list[Unread], leave_out: Sequence[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The photographs in a folder and the folders in it, in natural order; hidden files and folders are left out.

    Links to folders are followed, each folder once.
    """
    top = os.path.realpath(folder)
    found: list[Path] = []
    seen: set[str] = set()
    places, links = [folder], list[Path]()
    while places or links:
        place = places.pop() if places else links.pop(0)  # of two ways to a folder the one without a link counts
        real = os.path.realpath(place)
        if real in seen or (real != top and os.path.commonpath([real, top]) == real):  # a link upwards
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(place))
        except OSError as problem:
            unread.append(Unread(str(place), problem.strerror or str(problem)))
            continue
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                found += [path] if is_image_name(entry.name, suffixes) else []
            elif not any(is_same_file(path, other) for other in leave_out):
                (links if entry.is_symlink() else places).append(path)
        links.sort()
    return sorted(found, key=lambda path: (natural_key(path.relative_to(folder)), path))


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or folder that was asked for and is not read.

    Attributes:
        file: Its path.
        why: The reason.
    """

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The photographs that some paths name.

    Attributes:
        files: The photographs, each once, in the order of the paths, and of a folder in natural order.
        given: For each of them the path by which it was asked for: itself, its folder, or the pattern.
        unread: What was named and is no photograph, and folders that cannot be listed.
    """

    files: tuple[Path, ...]
    given: Mapping[Path, str]
    unread: tuple[Unread, ...]


def list_images(
    paths: Sequence[str | Path], leave_out: Sequence[Path] = (), suffixes: tuple[str, ...] = SUFFIXES
) -> ImageFiles:
    """The photographs that paths name: files, folders (with the folders in them) and patterns (`*.jpg`, `**/*.png`).

    Args:
        paths: A path that is there is taken as it is, even if it holds `*`, `?` or `[`.
        leave_out: Folders in those folders that are not searched.
        suffixes: Of the files that are taken, in lower case.

    Raises:
        SourceError: There is nothing of one of the names, or no photograph at all.
    """
    given: dict[Path, str] = {}
    seen: set[str] = set()
    unread: list[Unread] = []
    for path in map(str, paths):
        for found in _matches(os.path.expanduser(path), suffixes):  # noqa: PTH111 - Path's raises
            is_folder = os.path.isdir(found)  # noqa: PTH112 - Path's raises at what is too long for a name
            if not is_folder and not is_image_name(found, suffixes):
                unread.append(Unread(found, f"its suffix is none of {' '.join(suffixes)}"))
                continue
            for file in _walk(Path(found), unread, leave_out, suffixes) if is_folder else [Path(found)]:
                key = os.path.abspath(file)  # noqa: PTH100 - Path has none that leaves links as they are
                if key not in seen:
                    seen.add(key)
                    given[file] = path
    if not given:
        named = ", ".join(printable(path) for path in list(paths)[:MOST_NAMED])
        because = f": {printable(unread[0].file)}: {unread[0].why}" if unread else f"; looked for {' '.join(suffixes)}"
        raise SourceError(f"no photograph in {named}{because}")
    return ImageFiles(tuple(given), given, tuple(unread))


def _matches(path: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files and folders that a path names."""
    if os.path.lexists(path):
        return [path]
    found = sorted(glob(path, recursive=True)) if has_magic(path) else []  # noqa: PTH207 - Path's refuses absolute ones
    if not found:
        raise SourceError(f"there is no {printable(path)}")
    return [each for each in found if is_image_name(each, suffixes) or os.path.isdir(each)]  # noqa: PTH112


def unread_lines(unread: Sequence[Unread]) -> list[str]:
    """What is said of files that were not read: a line each, `MOST_NAMED` at most.

    >>> unread_lines([Unread("a.jpg", "it is empty")])
    ['not read: a.jpg: it is empty']
    """
    lines = [f"not read: {printable(each.file)}: {printable(each.why)}" for each in unread[:MOST_NAMED]]
    return [*lines, f"not read: {len(unread) - MOST_NAMED} more"] if len(unread) > MOST_NAMED else lines


class ImagesSource(NamedSource):
    """Photographs: files, folders of them, and patterns.

    Timestamps count the pictures from 0. `length` counts the files. Those that cannot be read are left out; at the end
    a warning names them, ten at most.

    Args:
        paths: See `list_images`.
    """

    forms = "a photograph, a folder of them or a pattern ('photos/*.jpg')"
    live = False
    still = True

    def __init__(self, *paths: str | Path) -> None:
        self._paths = paths
        self.description = f"photographs {' '.join(printable(path) for path in paths[:MOST_NAMED])}"
        self.unread: list[Unread] = []
        self._pictures: Iterator[Picture] = iter(())
        self._pending: Picture | None = None
        self._closed = self._reported = True

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        # Path's own is_dir and is_file raise at what is too long for a name, a GStreamer pipeline say.
        if os.path.isdir(spec) or (is_image_name(spec) and os.path.isfile(spec)):  # noqa: PTH112, PTH113
            return True
        return has_magic(spec) and any(is_image_name(found) for found in iglob(spec, recursive=True))  # noqa: PTH207

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(spec)

    @override
    def open(self) -> None:
        listed = list_images(self._paths)
        self.unread = list(listed.unread)
        self._pictures = self._decode(listed.files)
        self._closed = self._reported = False
        self._pending = next(self._pictures, None)
        if self._pending is None:
            self._reported = True
            first = self.unread[0]
            raise SourceError(f"no photograph that can be read: {printable(first.file)}: {printable(first.why)}")
        self.length, self.size = len(listed.files), self._pending.full_size or _size_of(self._pending.image)
        if len(listed.files) == 1:
            self.description = f"photograph {printable(listed.files[0])}"
        else:
            places = ", ".join(printable(path) for path in self._paths[:MOST_NAMED])
            self.description = f"{len(listed.files)} photographs in {places}"

    @override
    def read(self) -> Picture | None:
        if self._closed:
            return None
        picture, self._pending = self._pending or next(self._pictures, None), None
        if picture is None:
            self._report()
        return picture

    @override
    def close(self) -> None:
        self._closed = True
        self._pending = None
        self._report()

    def _decode(self, files: Sequence[Path]) -> Iterator[Picture]:
        taken = 0
        for file in files:
            try:
                photograph = decode(read_bytes(file), NEEDED / self.smallest_face if self.smallest_face else 0)
            except ValueError as problem:
                self.unread.append(Unread(str(file), str(problem)))
                continue
            yield Picture(photograph.image, float(taken), True, str(file), photograph.scale, photograph.full_size)
            taken += 1

    def _report(self) -> None:
        if not self._reported:
            self._reported = True
            for line in unread_lines(self.unread):
                log.warning("%s", line)


def _size_of(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


SOURCE = ImagesSource
