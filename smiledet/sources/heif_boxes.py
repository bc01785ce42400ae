"""What stands in a HEIC beside its pixels: which items there are, what they are put together of, and where they lie.

The boxes are those of ISO/IEC 14496-12 (sections 4.2 and 8.11) and ISO/IEC 23008-12 (section 9.3). Whatever is wrong
with them raises `ValueError`, `struct.error`, `IndexError` or `KeyError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

WIDTHS = {0: "", 1: "B", 2: "H", 4: "I", 8: "Q"}
"""Letters of `struct` by bytes."""

Property = tuple[bytes, memoryview]
"""Its kind and content."""


class Fields:
    """Numbers that follow each other, the most significant byte first.

    Args:
        data: Where they stand.

    >>> fields = Fields(memoryview(bytes([1, 0, 2, 3])))
    >>> fields.next(1), fields.next(2), fields.next(0)
    (1, 2, 0)
    """

    def __init__(self, data: memoryview) -> None:
        self._data, self._place = data, 0

    def next(self, width: int) -> int:
        """The next number, of so many bytes; 0 where it has none."""
        if width == 0:
            return 0
        (number,) = struct.unpack_from(">" + WIDTHS[width], self._data, self._place)
        self._place += width
        return int(number)

    def rest(self) -> memoryview:
        """What follows."""
        return self._data[self._place :]


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a file.

    Attributes:
        primary: The number of the picture that is shown.
        kinds: Of each item: `hvc1`, `grid` …
        parts: The items that an item is put together of, in order.
        properties: Of each item.
        contents: Of each item: what is coded, in pieces.
    """

    primary: int
    kinds: dict[int, bytes]
    parts: dict[int, list[int]]
    properties: dict[int, list[Property]]
    contents: dict[int, list[memoryview]]


def read_items(data: bytes) -> Items | None:
    """The items of a file; None where it has none."""
    whole = memoryview(data)
    meta = dict(boxes_of(whole)).get(b"meta")
    if meta is None:
        return None
    found = dict(boxes_of(meta[4:]))
    _, pitm = _version(found[b"pitm"])
    return Items(
        pitm.next(4 if found[b"pitm"][0] else 2),
        _kinds(found[b"iinf"]),
        _parts(found[b"iref"]) if b"iref" in found else {},
        _properties(found[b"iprp"]),
        _contents(whole, found[b"iloc"], found.get(b"idat", memoryview(b""))),
    )


def boxes_of(data: memoryview) -> Iterator[Property]:
    r"""The boxes that follow each other in a piece of a file.

    >>> [(kind, bytes(content)) for kind, content in boxes_of(memoryview(b"\0\0\0\x09freea\0\0\0\x08skip"))]
    [(b'free', b'a'), (b'skip', b'')]
    """
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = len(data) if size == 0 else place + size
        if end < start:
            raise ValueError("a box that ends before it begins")
        yield kind, data[start:end]
        place = end


def _version(box: memoryview) -> tuple[int, Fields]:
    """The version of a full box, and what follows its flags."""
    return box[0], Fields(box[4:])


def _kinds(iinf: memoryview) -> dict[int, bytes]:
    version, fields = _version(iinf)
    fields.next(4 if version else 2)  # how many follow
    found = {}
    for kind, box in boxes_of(fields.rest()):
        version, entry = _version(box)
        if kind == b"infe" and version >= 2:
            number = entry.next(2 if version == 2 else 4)
            found[number] = bytes(entry.rest()[2:6])
    return found


def _parts(iref: memoryview) -> dict[int, list[int]]:
    version, fields = _version(iref)
    width, found = 4 if version else 2, {}
    for kind, box in boxes_of(fields.rest()):
        if kind == b"dimg":
            entry = Fields(box)
            whole, count = entry.next(width), entry.next(2)
            found[whole] = [entry.next(width) for _ in range(count)]
    return found


def _properties(iprp: memoryview) -> dict[int, list[Property]]:
    boxes = dict(boxes_of(iprp))
    every = list(boxes_of(boxes[b"ipco"]))
    version, fields = _version(boxes[b"ipma"])
    width = 2 if boxes[b"ipma"][3] & 1 else 1
    found: dict[int, list[Property]] = {}
    for _ in range(fields.next(4)):
        number, count = fields.next(4 if version else 2), fields.next(1)
        places = [fields.next(width) & (0x7FFF if width == 2 else 0x7F) for _ in range(count)]
        found[number] = [every[place - 1] for place in places if place]
    return found


def _contents(data: memoryview, iloc: memoryview, idat: memoryview) -> dict[int, list[memoryview]]:
    version, fields = _version(iloc)
    widths = [fields.next(1) for _ in range(2)]
    of_place, of_length, of_base, of_index = (each >> shift & 15 for each in widths for shift in (4, 0))
    found = {}
    for _ in range(fields.next(4 if version == 2 else 2)):
        number = fields.next(4 if version == 2 else 2)
        method = fields.next(2) & 15 if version else 0
        fields.next(2)  # another file, which is not read
        base, count = fields.next(of_base), fields.next(2)
        pieces = []
        for _ in range(count):
            fields.next(of_index if version else 0)
            start = base + fields.next(of_place)
            length = fields.next(of_length)
            within = data if method == 0 else idat
            pieces.append(within[start : start + length] if length else within[start:])
        if method < 2:  # else it is a part of another item
            found[number] = pieces
    return found
