"""One check for the outputs of every command: none is an input, and no two are one file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from glob import has_magic, iglob
from pathlib import Path

from smiledet.errors import OutputError
from smiledet.system.output_files import partial_of

STANDARD = "-"
"""Names standard input or output."""

Key = tuple[int, int]
"""A file as the system knows it: device and number."""


def check_outputs(outputs: Mapping[str, str | Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Refuse outputs that would overwrite an input or one another; nothing is opened or made.

    Files are compared as the system knows them, so that hard and symbolic links are seen.

    Args:
        outputs: By flag (`--events`), the file to write; None for none, `-` for standard output.
        inputs: Files that are read, folders with all that is in them, and patterns (`photos/*.jpg`); `-` for standard
            input. What is none of these (an address, None) is passed over.

    Raises:
        OutputError: The message names the output, and what it is.
    """
    places = {flag: Path(path) for flag, path in outputs.items() if path is not None}
    there: dict[Key, Path] = {}
    names: dict[str, str] = {}
    for flag, path in places.items():
        for place in _places(path):
            key = _key(place, output=True)
            name = str(key) if key is not None else STANDARD if str(place) == STANDARD else os.path.realpath(place)
            if names.setdefault(name, flag) != flag:
                raise OutputError(f"cannot write {path}: {names[name]} and {flag} are one file; give each its own")
            if key is not None:
                there[key] = path
    if not there:
        return
    for given in inputs:
        for file, key in _files(str(given), {number for _, number in there}) if given is not None else ():
            if key in there:
                what = "it is the file to read" if file == str(given) else f"it is {file}, which is read"
                raise OutputError(f"cannot write {there[key]}: {what}; give the output another name")


def _places(path: Path) -> list[Path]:
    """What is written for an output: the file, and that beside it; nothing of a device, which takes anything."""
    if str(path) in (STANDARD, "/dev/stdout", "/dev/fd/1"):
        return [Path(STANDARD)]
    try:
        if stat.S_ISCHR(path.stat().st_mode):
            return []
    except (OSError, ValueError):  # it is not there, or cannot be: whoever opens it will say so
        pass
    return [path, partial_of(path)] if path.name else [path]


def check_folder(flag: str, folder: Path, inputs: Iterable[str | Path]) -> None:
    """Refuse a folder of outputs that is a folder of inputs or lies in one: what is written would be read next time.

    Raises:
        OutputError: It is.
    """
    place = Path(os.path.realpath(folder))
    for given in inputs:
        other = Path(os.path.realpath(given))
        if other.is_dir() and (place == other or other in place.parents):
            raise OutputError(f"{flag} {folder}: it lies in {given}, which is read; give it another folder")


def _files(given: str, numbers: set[int]) -> Iterator[tuple[str, Key]]:
    """The files of an input that may be among those of certain numbers, each with its key."""
    given = os.path.expanduser(given)  # noqa: PTH111 - Path's raises where there is no such user
    for place in iglob(given, recursive=True) if has_magic(given) and not os.path.lexists(given) else [given]:  # noqa: PTH207
        if os.path.isdir(place):  # noqa: PTH112 - Path's raises at what is too long for a name
            yield from _files_in(place, numbers)
        elif (key := _key(Path(place), output=False)) is not None:
            yield place, key


def _files_in(folder: str, numbers: set[int]) -> Iterator[tuple[str, Key]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path, numbers)
        elif entry.is_symlink() or entry.inode() in numbers:  # of the others nothing has to be asked
            key = _key(Path(entry.path), output=False)
            if key is not None:
                yield entry.path, key


def _key(path: Path, output: bool) -> Key | None:
    """A regular file's key; None for what is none, or is not there."""
    try:
        found = os.fstat(1 if output else 0) if str(path) == STANDARD else path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
