"""What an ONNX file may name before ONNX Runtime is let at it: data in other files beside it, none elsewhere.

An ONNX file may keep its weights in other files (onnx.proto, `TensorProto.external_data`). A name like `../../secret`
would have ONNX Runtime read any file into the network; old versions of it do. The file is a protocol buffer, of which
only those fields are followed that lead to tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from smiledet.errors import ModelError

FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {1: "key", 2: "value"},
}
"""The messages of onnx.proto that lead to external data, and the numbers of their fields."""

VARINT, LONG, BYTES, SHORT = 0, 1, 2, 5
"""Kinds of fields on the wire; the others are not used any more."""

LOCATION = b"location"

MOST_DEPTH = 64
"""Graphs inside graphs at most; networks have two or three."""


def check_onnx_file(path: Path) -> None:
    """See that a file keeps its data in its own folder or in folders below.

    Raises:
        ModelError: It does not, or is no ONNX file.
    """
    try:
        locations = list(_locations(memoryview(path.read_bytes()), "model", 0))
    except OSError as problem:
        raise ModelError(f"{path} cannot be read: {problem.strerror}") from problem
    except (IndexError, ValueError) as problem:
        raise ModelError(f"{path} is no ONNX model: {problem}") from problem
    folder = path.resolve().parent
    for location in locations:
        name = location.decode("utf-8", "replace").replace("\\", "/")
        inside = not PurePosixPath(name).is_absolute() and ":" not in name and "\0" not in name
        if not inside or not (folder / name).resolve().is_relative_to(folder):
            raise ModelError(f"{path} is refused: it would read {name!r}, which is not in its folder")


def _locations(data: memoryview, kind: str, depth: int) -> Iterator[bytes]:
    """Every place of external data in a message."""
    if depth > MOST_DEPTH:
        raise ValueError("graphs are nested too deeply")
    fields = [(FIELDS[kind].get(number), value) for number, value in _parts(data)]
    if kind == "entry":
        named = {name: bytes(value) for name, value in fields if name}
        if named.get("key") == LOCATION:
            yield named.get("value", b"")
        return
    for name, value in fields:
        if name:
            yield from _locations(value, name, depth + 1)


def _parts(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that have a length: number and content."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == VARINT:
            _, place = _varint(data, place)
        elif kind in (LONG, SHORT):
            place += 8 if kind == LONG else 4
        elif kind == BYTES:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise ValueError("it is cut off")
            yield tag >> 3, data[place : place + length]
            place += length
        else:
            raise ValueError("it is damaged")


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, and the place behind it."""
    value = 0
    for count in range(10):
        if place + count >= len(data):
            raise ValueError("it is cut off")
        byte = data[place + count]
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, place + count + 1
    raise ValueError("it is damaged")
