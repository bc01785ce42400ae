"""Copies of photographs, annotated or sorted: named as the originals, and never in the place of another file."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2

from smiledet.errors import OutputError, SmiledetError
from smiledet.frame import Image
from smiledet.system.output_files import removed_on_failure, write_file
from smiledet.system.text import printable


def relative_paths(given: Mapping[Path, str]) -> dict[Path, Path]:
    """The place of each photograph below the deepest folder that holds all that was asked for.

    Args:
        given: The photographs, and the path by which each was asked for.
    """
    base = os.path.commonpath({_folder_of(file, path) for file, path in given.items()})
    return {file: Path(os.path.relpath(_absolute(file), base)) for file in given}


def put_sorted(original: Path, place: Path, link: bool) -> None:
    """Copy a photograph with its times, or link to it; what is there already and the same stays.

    Args:
        original: The photograph; it is only read.
        place: Where it goes, with the folders that it needs.
        link: Make a symbolic link instead of a copy.

    Raises:
        SmiledetError: It cannot be written, or another file has that name.
    """
    target = Path(_absolute(original))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            same = place.samefile(target) if link or place.is_symlink() else filecmp.cmp(place, target, shallow=False)
            if not same:
                raise SmiledetError(f"cannot write {printable(place)}: another file is there")
        elif link:
            place.symlink_to(target)
        else:
            partial = place.with_name(place.name + ".partial")
            with removed_on_failure(partial):
                shutil.copy2(target, partial)
                partial.rename(place)
    except OSError as problem:
        raise SmiledetError(f"cannot write {printable(place)}: {problem.strerror}") from problem


def plan_copies(given: Mapping[Path, str], folder: Path) -> dict[Path, Path]:
    """Where the copy of each photograph goes.

    They keep their places below the deepest folder that holds all that was asked for: with `a` and `b`, `a/1.jpg` is
    copied to FOLDER/a/1.jpg; with `a` alone to FOLDER/1.jpg. Of a format that OpenCV does not write (HEIC) the copy is
    a JPEG: 1.heic.jpg.

    Args:
        given: The photographs, and the path by which each was asked for.
        folder: Where the copies go; it need not be there, the folder that it lies in must.

    Raises:
        OutputError: A copy would take the place of a file, or the folder cannot be made.
    """
    copies = {file: folder / _writable(place) for file, place in relative_paths(given).items()}
    for copy in copies.values():
        if os.path.lexists(copy):
            raise OutputError(f"cannot write {printable(copy)}: it is there already; give --annotate another folder")
    check_folder_of_copies(folder)
    _refuse_doubles(copies.values())
    return copies


def check_folder_of_copies(folder: Path) -> None:
    """See that copies can be written into a folder, which need not be there; the one that it lies in must.

    Raises:
        OutputError: They cannot; the message says why.
    """
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise OutputError(f"cannot write into {printable(folder)}: it is no folder")
        if not folder.parent.is_dir():
            raise OutputError(f"cannot write into {printable(folder)}: there is no folder {printable(folder.parent)}")
    if not os.access(folder if folder.is_dir() else folder.parent, os.W_OK):
        raise OutputError(f"cannot write into {printable(folder)}: Permission denied")


def write_copy(image: Image, path: Path) -> None:
    """Write an annotated picture in the format of its suffix, with the folders that it needs.

    Raises:
        SmiledetError: It cannot be written, or a file of that name has come meanwhile.
    """
    try:
        encoded, data = cv2.imencode(path.suffix.lower(), image)
    except cv2.error as problem:  # a picture larger than the format takes
        raise SmiledetError(f"cannot write {printable(path)}: {problem.err}") from problem
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data.tobytes() if encoded else b"", new=True)
    except OSError as problem:
        raise SmiledetError(f"cannot write {printable(path)}: {problem.strerror}") from problem


def _writable(place: Path) -> Path:
    """The place with a suffix whose format can be written."""
    known = cv2.haveImageWriter(f"a{place.suffix.lower()}")
    return place if known else place.with_name(f"{place.name}.jpg")


def _folder_of(file: Path, given: str) -> str:
    return _absolute(given if Path(given).is_dir() else file.parent)


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path has none that leaves links as they are


def _refuse_doubles(copies: Iterable[Path]) -> None:
    seen: set[str] = set()
    for copy in copies:
        key = os.path.normcase(copy)
        if key in seen:
            raise OutputError(f"cannot write {printable(copy)} twice: two photographs would have that name")
        seen.add(key)
