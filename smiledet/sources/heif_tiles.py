"""Phones' HEICs: tiles, which are decoded one after the other at a fraction of their size.

libheif puts the whole picture together, 8 bytes a pixel. Here a tile is decoded, shrunk and put in its place, so that
beside the small picture no more than one tile is held (ISO/IEC 23008-12, section 6.6.2.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from smiledet.frame import Image
from smiledet.sources.heif_boxes import read_items

TURNING = frozenset({b"irot", b"imir", b"clap"})
"""Properties that turn, mirror or cut a picture (ISO/IEC 23008-12, section 6.5)."""


@dataclass(frozen=True, slots=True)
class TiledPicture:
    """A picture of tiles.

    Attributes:
        size: (width, height) in pixels, before it is turned.
        columns: Tiles side by side.
        tiles: Row by row, of each the settings of its decoder (`hvcC`) and what is coded.
        quarters: Quarters by which it is turned anticlockwise.
    """

    size: tuple[int, int]
    columns: int
    tiles: tuple[tuple[bytes, list[memoryview]], ...]
    quarters: int

    def decode(self, scale: int) -> Image:
        """The picture at a fraction of its size, BGR uint8 (height, width, 3), upright.

        Args:
            scale: Pixels of the file for one of the picture, along each side.

        Raises:
            ValueError: A tile is damaged, or its sides are no multiples of `scale`; PyAV raises `av.FFmpegError`.
        """
        width, height = (-(-side // scale) for side in self.size)
        made: Image = np.empty((height, width, 3), np.uint8)
        rows = len(self.tiles) // self.columns
        for number, tile in enumerate(self._decoded(scale)):
            high, wide = tile.shape[:2]
            if high * rows < height or wide * self.columns < width:
                raise ValueError("tiles that do not fill the picture")
            row, column = divmod(number, self.columns)
            part = made[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            part[:] = tile[: part.shape[0], : part.shape[1]]
        return np.ascontiguousarray(np.rot90(made, self.quarters))

    def _decoded(self, scale: int) -> Iterator[Image]:
        import av

        settings, size = b"", (0, 0)
        decoder: Any = None
        for own, coded in self.tiles:
            if decoder is None or own != settings:
                settings, decoder = own, av.CodecContext.create("hevc", "r")
                decoder.extradata, decoder.thread_count = own, 1
            frames = [*decoder.decode(av.Packet(b"".join(coded))), *decoder.decode(None)]
            decoder.flush_buffers()
            if len(frames) != 1 or frames[0].is_corrupt:
                raise ValueError("a tile is damaged")
            (frame,) = frames
            size = size if any(size) else (frame.width, frame.height)
            if (frame.width, frame.height) != size or any(side % scale for side in size):
                raise ValueError("tiles of another size")
            # See `smiledet.sources.decoding_smaller` on the range.
            small = frame.reformat(
                *(side // scale for side in size), "bgr24", interpolation="AREA", src_color_range=frame.color_range
            )
            yield small.to_ndarray()


def tiled_picture(data: bytes, size: tuple[int, int]) -> TiledPicture | None:
    """The tiles of a HEIC; None where it is of one piece, mirrored or cut, or of a kind that is not known here.

    Args:
        data: The file.
        size: (width, height) in pixels that it has upright, as whoever else reads it says.

    Raises:
        ValueError: It is damaged; also other exceptions, see `smiledet.sources.heif_boxes`.
    """
    items = read_items(data)
    if items is None or items.kinds.get(items.primary) != b"grid":
        return None
    members = items.parts.get(items.primary, [])
    own = items.properties.get(items.primary, [])
    turned = {kind for each in members for kind, _ in items.properties.get(each, [])} & TURNING
    if {items.kinds.get(each) for each in members} != {b"hvc1"} or turned or {b"imir", b"clap"} & {k for k, _ in own}:
        return None
    grid = b"".join(items.contents[items.primary])
    rows, columns, width, height = struct.unpack_from(">BBII" if grid[1] & 1 else ">BBHH", grid, 2)
    if len(members) != (rows + 1) * (columns + 1) or sorted(size) != sorted((width, height)):
        return None
    tiles = tuple((bytes(dict(items.properties[each])[b"hvcC"]), items.contents[each]) for each in members)
    quarters = sum(content[0] & 3 for kind, content in own if kind == b"irot") % 4
    return TiledPicture((width, height), columns + 1, tiles, quarters)
