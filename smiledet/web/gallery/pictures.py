"""Photographs as the page shows them: shrunk, upright, JPEG. Originals are only ever read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from pathlib import Path

import cv2

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import ImageError
from smiledet.frame import Image
from smiledet.photographs.decode import decode_picture
from smiledet.system.output_files import removed_on_failure
from smiledet.system.processes import give_way, usable_processors

THUMBNAILS = (192, 320)
"""Pixels of a thumbnail's shorter side: a tile's on a screen of one dot a pixel, and on a phone's."""

NICE = 10
"""Priority of the threads that make thumbnails: questions, and a browser on the same machine, go first."""

LARGEST = 4096
"""Pixels of the longer side of what is sent."""


def is_inside(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a file lies in one of the folders, with every symbolic link followed."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        return False
    return any(folder in real.parents for folder in folders)


def readable(path: Path, folders: Sequence[Path]) -> Path:
    """A photograph's file, if it lies in one of the folders with every symbolic link followed.

    Raises:
        ImageError: It does not, or is gone.
    """
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as problem:
        raise ImageError(f"{path.name} is gone") from problem
    if not is_inside(real, folders):
        raise ImageError(f"{path.name} lies outside the folders of this gallery")
    return real


def decoded(path: Path, side: int) -> Image:
    """A photograph, upright, its longer side at most so many pixels.

    Raises:
        ImageError: It cannot be decoded.
    """
    return shrunk(decode_picture(path, side=side).image, side)


def shrunk(image: Image, side: int, shorter: bool = False) -> Image:
    """A picture whose longer side (or shorter one) has at most so many pixels."""
    height, width = image.shape[:2]
    scale = side / (min if shorter else max)(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return resized


class Thumbnails:
    """Thumbnails, kept in a folder that may be deleted at any time.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.threads = ThreadPoolExecutor(
            usable_processors(), "smiledet-thumbnail", initializer=partial(give_way, NICE)
        )

    def of(self, path: Path, side: int) -> bytes:
        """The thumbnail of a photograph, JPEG; best asked for in one of `threads`.

        Args:
            path: The photograph; it is decoded anew after every change of the file.
            side: See `THUMBNAILS`.

        Raises:
            ImageError: It cannot be decoded.
        """
        try:
            found = path.stat()
        except OSError as problem:
            raise ImageError(f"{path.name} is gone") from problem
        told = b"%s\0%d\0%d\0%d" % (os.fsencode(path), found.st_mtime_ns, found.st_size, side)
        name = blake2b(told, digest_size=16).hexdigest()
        kept = self._folder / name[:2] / f"{name}.jpg"
        with contextlib.suppress(OSError):
            return kept.read_bytes()
        data = jpeg(shrunk(decode_picture(path, side=2 * side).image, side, shorter=True))
        with contextlib.suppress(OSError):  # a full disk costs time, nothing else
            self._keep(kept, data)
        return data

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown(cancel_futures=True)

    @staticmethod
    def _keep(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as beside,
            removed_on_failure(Path(beside.name)),
        ):
            beside.write(data)
            beside.flush()
        Path(beside.name).replace(path)
