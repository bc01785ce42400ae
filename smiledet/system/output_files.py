"""The checks on a file to write, made before anything else runs."""

from __future__ import annotations

from pathlib import Path

from smiledet.errors import OutputError


def claim_file(path: Path) -> bool:
    """Make sure that a file can be written, by opening it; what it held stays.

    Returns:
        True if the file was not there before, and is now there, empty.

    Raises:
        OutputError: It cannot be written; the message says why.
    """
    try:
        fresh = not path.exists()
        if fresh and not path.parent.is_dir():
            raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
        path.open("ab").close()
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {problem.strerror}") from problem
    return fresh


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file that is there."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or is no path at all
        return False


def check_suffix(path: Path, allowed: tuple[str, ...]) -> str:
    """The file's suffix in lower case.

    Raises:
        OutputError: It is none of those allowed.
    """
    suffix = path.suffix.lower()
    if suffix not in allowed:
        raise OutputError(f"cannot write {path}: its suffix must be {' or '.join(allowed)}")
    return suffix
