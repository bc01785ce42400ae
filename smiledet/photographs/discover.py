"""Finding the files to index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from smiledet.errors import SourceError
from smiledet.photographs.stored_objects import StoredObject, is_address, list_objects, shown_address
from smiledet.sources.images import SUFFIXES, ImageFiles, list_images

PHOTOGRAPHS = (*SUFFIXES, ".gif")
"""Files that are indexed; of an animated GIF the first picture."""

VIDEOS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".3gp", ".mpg", ".mpeg", ".wmv")
"""Files whose frames are indexed where that is asked for."""


def discover(paths: Sequence[str | Path], leave_out: Sequence[Path] = (), videos: bool = False) -> ImageFiles:
    """The photographs, and videos where they are wanted, that paths name: files, folders and patterns.

    Folders are searched with the folders in them, and links to folders once. Hidden files are left out.

    Args:
        paths: See `smiledet.sources.images.list_images`; `s3://BUCKET/PREFIX` stands for all photographs below it, each
            a `smiledet.photographs.stored_objects.StoredObject`. A store's videos are left out.
        leave_out: Folders in those folders that are not searched.
        videos: Whether videos are taken, too.

    Raises:
        SourceError: There is nothing of one of the names, or no photograph at all.
        UsageError: What reads a store is not installed.
    """
    suffixes = (*PHOTOGRAPHS, *VIDEOS) if videos else PHOTOGRAPHS
    addresses = [str(path) for path in paths if is_address(path)]
    local = [path for path in paths if not is_address(path)]
    if not addresses:
        return list_images(local, leave_out, suffixes)
    listed = list_images(local, leave_out, suffixes) if local else ImageFiles((), {}, ())
    given, unread = dict(listed.given), list(listed.unread)
    for address in addresses:
        for path in list_objects(address, PHOTOGRAPHS, unread):
            given.setdefault(path, address)
    if not given:
        raise SourceError(f"no photograph in {', '.join(map(shown_address, addresses))}")
    return ImageFiles(tuple(given), given, tuple(unread))


def is_video(path: Path) -> bool:
    """Whether a file's name says that it is a video.

    >>> is_video(Path("clip.MP4"))
    True
    """
    return path.suffix.lower() in VIDEOS


def absolute(path: Path) -> Path:
    """The path by which the store knows a file: absolute, links left as they are."""
    if isinstance(path, StoredObject):
        return path
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path has none that leaves links as they are
