"""TIFF: what its tags say, and the rows of one that is not compressed, or by deflate, band after band."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.frame import Image

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES = 256, 257, 258, 259, 262, 273, 277
ROWS, LENGTHS, PLANES, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, FORMAT = 278, 279, 284, 317, 322, 323, 339
"""Numbers of tags (TIFF 6.0, sections 8, 14, 15 and 19)."""

USUAL = {BITS: (1,), COMPRESSION: (1,), SAMPLES: (1,), ROWS: (2**32 - 1,), PLANES: (1,), PREDICTOR: (1,), FORMAT: (1,)}
"""What holds where a tag is missing."""

KINDS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Whole numbers of 8, 16, 32 and 64 bits."""

MOST_VALUES = 1 << 20
"""Values of a tag at most that are read: strips of a photograph."""

PLAIN, DEFLATE = (1,), (8, 32946)
"""Numbers of compressions; deflate has two (TIFF Technical Note 2 of Photoshop)."""

CHUNK = 1 << 16
"""Compressed bytes that are taken at once."""

MOST_AT_ONCE = 1 << 20
"""Bytes that come out at once at most."""


def tiff_tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """The whole numbers among the tags of a TIFF's first picture (TIFF 6.0, section 2; BigTIFF).

    Args:
        data: The file.

    Raises:
        struct.error: It is cut off.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    (place,) = struct.unpack_from(order + "Q", data, 8) if big else struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
    length, room = (20, 8) if big else (12, 4)
    found: dict[int, tuple[int, ...]] = dict(USUAL)
    for entry in range(place + (8 if big else 2), place + length * min(count, 4096), length):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, entry)
        if kind not in KINDS or not 0 < values <= MOST_VALUES:
            continue
        form = f"{order}{values}{KINDS[kind]}"
        start = entry + length - room
        if struct.calcsize(form) > room:
            (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, start)
        found[tag] = struct.unpack_from(form, data, start)
    return found


def bytes_of_piece(tags: dict[int, tuple[int, ...]]) -> int:
    """Bytes of a TIFF's largest strip or tile, decompressed; of all where its colours lie apart."""
    (width,), (height,) = tags[WIDTH], tags[HEIGHT]
    across, down = tags.get(TILE_WIDTH, (width,))[0], min(height, tags.get(TILE_HEIGHT, tags[ROWS])[0])
    if tags[PLANES] != (1,):
        across, down = width, height
    return across * down * tags[SAMPLES][0] * max(tags[BITS]) // 8


@dataclass(frozen=True, slots=True)
class TiffRows:
    """The pixels of a TIFF in strips, RGB or grey.

    Attributes:
        data: The file.
        tags: Its tags.
    """

    data: bytes
    tags: dict[int, tuple[int, ...]]

    @property
    def readable(self) -> bool:
        """Whether its rows can be read here: 8 or 16 bits, not compressed or by deflate."""
        tags, samples = self.tags, self.tags[SAMPLES][0]
        return (
            tags[COMPRESSION][0] in (*PLAIN, *DEFLATE)
            and tags[PREDICTOR][0] in (1, 2)
            and has_plain_colours(tags)
            and set(tags[BITS][:samples]) in ({8}, {16})
            and len(tags.get(LENGTHS, ())) == len(tags.get(OFFSETS, ())) > 0
        )

    def bands(self, rows: int) -> Iterator[Image]:
        """So many rows after so many, as uint8 (rows, width, samples); of 16 bits the upper 8.

        Args:
            rows: Rows of a band; the last has the rest.

        Raises:
            ValueError: It is damaged.
            zlib.error: It is damaged.
        """
        (width,), (height,), (samples, *_) = self.tags[WIDTH], self.tags[HEIGHT], self.tags[SAMPLES]
        deep = self.tags[BITS][0] == 16
        kind = np.dtype(np.uint8) if not deep else np.dtype("<u2" if self.data[:2] == b"II" else ">u2")
        pieces, held = self._decompressed(width * samples * kind.itemsize), bytearray()
        for top in range(0, height, rows):
            count = min(rows, height - top)
            size = count * width * samples * kind.itemsize
            while len(held) < size:
                held += next(pieces, b"") or _cut_off()
            band: npt.NDArray[Any] = np.frombuffer(bytes(held[:size]), kind).reshape(count, width, samples)
            del held[:size]
            if self.tags[PREDICTOR][0] == 2:
                band = np.add.accumulate(band, axis=1, dtype=kind.newbyteorder("="))
            yield (band >> 8).astype(np.uint8) if deep else band

    def _decompressed(self, row: int) -> Iterator[bytes]:
        """What stands in the strips, in pieces.

        Args:
            row: Bytes of a row.
        """
        left = self.tags[HEIGHT][0] * row
        for place, length in zip(self.tags[OFFSETS], self.tags[LENGTHS], strict=True):
            strip = memoryview(self.data)[place : place + length]
            due = min(left, self.tags[ROWS][0] * row)
            left -= due
            for piece in self._pieces(strip):
                yield bytes(piece[:due])  # a strip may hold more than its rows
                due -= min(due, len(piece))
                if not due:
                    break
            if due:
                _cut_off()

    def _pieces(self, strip: memoryview) -> Iterator[bytes | memoryview]:
        unpacking = zlib.decompressobj()
        for start in range(0, len(strip), CHUNK):
            packed: bytes | memoryview = strip[start : start + CHUNK]
            if self.tags[COMPRESSION][0] in PLAIN:
                yield packed
                continue
            while packed:
                yield unpacking.decompress(packed, MOST_AT_ONCE)
                packed = unpacking.unconsumed_tail


def has_plain_colours(tags: dict[int, tuple[int, ...]]) -> bool:
    """Whether a TIFF's pixels are whole numbers of grey, red, green and blue, together, in strips."""
    colours = (tags.get(PHOTOMETRIC, (-1,))[0], tags[SAMPLES][0])
    together = tags[PLANES] == (1,) and TILE_WIDTH not in tags and set(tags[FORMAT]) == {1}
    return together and colours in ((1, 1), (2, 3))


def _cut_off() -> bytes:
    raise ValueError("a strip is cut off")
