"""Importing OpenCV with a clear word where that fails."""

from __future__ import annotations

from pathlib import Path

from smiledet.errors import UsageError


def import_opencv() -> None:
    """Make sure that `cv2` loads and is of a version that has Viola-Jones.

    Raises:
        UsageError: It is missing, lacks a system library, or is OpenCV 5.
    """
    try:
        import cv2
    except ImportError as problem:
        raise UsageError(
            f"OpenCV does not load: {problem}; install 'opencv-python>=4.10,<5' "
            "(and, where libGL or libglib is named, the system packages libgl1 and libglib2.0-0)"
        ) from problem
    if int(cv2.__version__.partition(".")[0]) >= 5:
        raise UsageError(f"OpenCV {cv2.__version__} has no Viola-Jones cascade: install 'opencv-python>=4.10,<5'")


def file_name(path: Path) -> str:
    """A path as OpenCV takes it: absolute, since FFmpeg takes what stands before a colon for a protocol.

    Raises:
        UsageError: It is no UTF-8, at which OpenCV crashes.
    """
    name = str(path.resolve())
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode(errors="backslashreplace").decode()
        raise UsageError(f"OpenCV takes no file names but UTF-8: rename {shown}") from None
    return name
