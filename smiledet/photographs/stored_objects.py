"""Photographs in S3-like stores, `s3://BUCKET/PREFIX`, by fsspec (extra `ray`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import Any

from typing_extensions import override

from smiledet.errors import SourceError, UsageError
from smiledet.sources.images import Unread, is_image_name, natural_key
from smiledet.system.redaction import redact, redact_address
from smiledet.system.text import printable

S3 = "s3"
"""The scheme that pyarrow reads; the others are read by the package that fsspec names for each."""

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Variables of the environment that name the server of an S3-like store, as other programs read them, too."""

CHANGED = ("mtime", "LastModified", "updated", "created")
"""What file systems call the time of an object's last change."""


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What is asked of an object before it is read; named as `os.stat_result` names it."""

    st_size: int
    st_mtime_ns: int


class StoredObject(PosixPath):
    """An object by its address: a path, of which what the indexer asks is answered by the store.

    It reaches other machines as its address alone; each opens the store with the credentials that it has.
    """

    listed: ObjectState | None = None
    """What the store said when it was listed; it spares a request for each object."""

    @override
    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)

    @override
    def stat(self, **_how: Any) -> Any:
        """Size and time of the last change, an `ObjectState`.

        Raises:
            OSError: There is no such object, or the store does not answer.
        """
        return self.listed or _state(self._asked("info"))

    @override
    def exists(self, **_how: Any) -> bool:
        """True: an object that is gone is told by whoever reads it."""
        return True

    @override
    def is_file(self, **_how: Any) -> bool:
        """True: a store has no other things."""
        return True

    @override
    def read_bytes(self) -> bytes:
        """What stands in the object.

        Raises:
            OSError: It cannot be read.
        """
        content: bytes = self._asked("cat_file")
        return content

    def _asked(self, method: str) -> Any:
        scheme, _, rest = str(self).partition("://")
        try:
            return getattr(_file_system(scheme), method)(rest)
        except Exception as problem:  # each file system has its own
            raise OSError(_one_line(problem)) from problem


def is_address(path: str | Path) -> bool:
    """Whether a path names a store and not a file.

    >>> is_address("s3://bucket/2024"), is_address("photos/*.jpg")
    (True, False)
    """
    return isinstance(path, StoredObject) or "://" in str(path)


def list_objects(address: str, suffixes: Sequence[str], unread: list[Unread]) -> list[Path]:
    """The photographs whose addresses begin with one, in natural order.

    Args:
        address: `s3://BUCKET`, `s3://BUCKET/PREFIX` or that of one object.
        suffixes: Of the names that are taken, in lower case.
        unread: What is no photograph though it was named itself is added.

    Raises:
        UsageError: What reads such stores is not installed, or the address says nothing.
        SourceError: The store does not answer, or nothing is there.
    """
    scheme, _, place = address.partition("://")
    if not place.strip("/"):
        raise UsageError(f"{printable(address)}: expected {S3}://BUCKET/PREFIX")
    system = _file_system(scheme)
    objects: list[Path] = []
    try:
        for entry in _entries(system, place.rstrip("/")):
            each = StoredObject(f"{scheme}://{entry['name']}")
            each.listed = _state(entry)
            if is_image_name(each.name, tuple(suffixes)):
                objects.append(each)
            elif entry["name"].strip("/") == place.strip("/"):
                unread.append(Unread(str(each), f"its suffix is none of {' '.join(suffixes)}"))
    except FileNotFoundError as problem:
        raise SourceError(f"there is no {shown_address(address)}") from problem
    except Exception as problem:  # each file system has its own
        raise SourceError(f"{shown_address(address)} cannot be listed: {_one_line(problem)}") from problem
    return sorted(objects, key=natural_key)


def _entries(system: Any, place: str) -> Iterator[dict[str, Any]]:
    """What a file system says of an object, or of all below a prefix but the hidden ones."""
    there = system.info(place)
    if there["type"] == "file":
        yield there
        return
    places = [place]
    while places:  # not by fsspec's walk, which leaves out what cannot be listed further down
        within = places.pop()
        for entry in system.ls(within, detail=True):
            name = entry["name"].rstrip("/")
            if name.strip("/") == within.strip("/") or name.rpartition("/")[2].startswith("."):
                continue
            if entry["type"] == "directory":
                places.append(name)
            else:
                yield entry


@lru_cache
def _file_system(scheme: str) -> Any:
    """What reads the stores of a scheme.

    Raises:
        UsageError: It is not installed, or there is none.
    """
    try:
        import fsspec
        from fsspec.implementations.arrow import ArrowFSWrapper

        if scheme == S3:
            from pyarrow.fs import S3FileSystem

            endpoint = next(filter(None, map(os.environ.get, ENDPOINTS)), None)
            return ArrowFSWrapper(S3FileSystem(endpoint_override=endpoint))
        return fsspec.filesystem(scheme)
    except ImportError as problem:
        needed = "pip install 'smiledet[ray]'" if (problem.name or "") in ("fsspec", "pyarrow") else str(problem)
        raise UsageError(f"{scheme}:// needs a package more: {needed}") from problem
    except ValueError as problem:
        raise UsageError(f"{scheme}://: {_one_line(problem)}") from problem


def _state(entry: dict[str, Any]) -> ObjectState:
    """What a store says of an object; the time is 0 where it says none."""
    changed = next((entry[name] for name in CHANGED if entry.get(name)), 0)
    seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed or 0)
    return ObjectState(int(entry.get("size") or 0), round(seconds * 1e9))


def shown_address(address: str) -> str:
    """An address as it may be shown."""
    return printable(redact_address(address))


def _one_line(problem: Exception) -> str:
    return printable(redact((str(problem) or type(problem).__name__).splitlines()[0]))
