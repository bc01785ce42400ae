"""Photographs: one, or a folder of them."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from typing_extensions import Self, override

from smiledet.errors import SourceError
from smiledet.frame import Image
from smiledet.sources.base import NamedSource, Picture, SourceSettings
from smiledet.sources.capture import as_bgr

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def is_image_name(name: str) -> bool:
    """Whether a file's name says that it is a photograph.

    >>> is_image_name("party/IMG_1.JPG"), is_image_name("clip.mp4")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def natural_key(path: Path) -> list[list[tuple[int, str]]]:
    """Sorts paths as people do: folder by folder, 2.jpg before 10.jpg, numbers before names."""
    pieces = [re.findall(r"([0-9]+)|([^0-9]+)", part) for part in path.parts]
    return [[(int(digits) if digits else sys.maxsize, text.lower()) for digits, text in part] for part in pieces]


def find_images(folder: Path) -> list[Path]:
    """The photographs in a folder and the folders in it, in natural order; hidden files and folders are left out."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if is_image_name(name) and not name.startswith(".")]
    return sorted(found, key=lambda path: (natural_key(path.relative_to(folder)), path))


def read_image(path: Path) -> Image:
    """Decode a photograph, turned upright as its EXIF data ask, as BGR uint8 (height, width, 3).

    Raises:
        ValueError: It cannot be read or decoded; the message says why, without the path.
    """
    try:
        return decode_image(path.read_bytes())
    except OSError as problem:
        raise ValueError(problem.strerror) from problem


def decode_image(data: bytes) -> Image:
    """Decode what stands in an image file, turned upright as its EXIF data ask, as BGR uint8 (height, width, 3).

    Raises:
        ValueError: It cannot be decoded; the message says why.
    """
    if not data:
        raise ValueError("it is empty")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as problem:
        raise ValueError(f"OpenCV refuses it: {problem.err}") from problem
    if image is None:
        raise ValueError("it is no image, or a damaged one")
    return as_bgr(image)


class ImagesSource(NamedSource):
    """A photograph or a folder of them.

    Timestamps count the pictures from 0. `length` counts the files; those that cannot be read are skipped, with a
    warning.

    Args:
        path: A file, or a folder, searched with the folders in it.
    """

    forms = "a photograph or a folder of them"
    live = False
    still = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.description = f"photographs {path}"
        self._images: Iterator[Image] = iter(())
        self._pending: Image | None = None
        self._taken = 0
        self._closed = False

    @classmethod
    @override
    def accepts(cls, spec: str) -> bool:
        # Path's own is_dir and is_file raise at what is too long for a name, a GStreamer pipeline say.
        return os.path.isdir(spec) or (is_image_name(spec) and os.path.isfile(spec))  # noqa: PTH112, PTH113

    @classmethod
    @override
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        return cls(Path(spec))

    @override
    def open(self) -> None:
        paths = find_images(self._path) if self._path.is_dir() else [self._path]
        if not paths:
            raise SourceError(f"no photograph in {self._path}; looked for {' '.join(SUFFIXES)}")
        self._images = _decode_all(paths)
        self._taken, self._closed = 0, False
        self._pending = next(self._images, None)
        if self._pending is None:
            raise SourceError(f"no photograph that can be read: {self._path}")
        self.length = len(paths)
        self.size = (self._pending.shape[1], self._pending.shape[0])
        self.description = f"photograph {paths[0]}" if len(paths) == 1 else f"{len(paths)} photographs in {self._path}"

    @override
    def read(self) -> Picture | None:
        if self._closed:
            return None
        image, self._pending = self._pending, None
        if image is None:
            image = next(self._images, None)
        if image is None:
            return None
        self._taken += 1
        return Picture(image, float(self._taken - 1), independent=True)

    @override
    def close(self) -> None:
        self._closed = True
        self._pending = None


def _decode_all(paths: list[Path]) -> Iterator[Image]:
    for path in paths:
        try:
            yield read_image(path)
        except ValueError as problem:  # noqa: PERF203 - decoding takes a thousand times longer
            log.warning("skipping %s: %s", path, problem)


SOURCE = ImagesSource
