"""Large photographs decoded at a fraction of their size without being held whole in colour, where there is a way."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from smiledet.frame import Image
from smiledet.sources.heif_tiles import tiled_picture
from smiledet.sources.picture_header import DAMAGE, ORIENTATION, Header, open_as
from smiledet.sources.tiff_rows import BITS, COMPRESSION, TiffRows, has_plain_colours, tiff_tags

BY_FFMPEG = {"HEIC": 4.3, "AVIF": 4.3, "WEBP": 2.8, "VP8L": 4.2, "TIFF": 3.2}
"""Bytes for a pixel where a picture in one piece is wanted smaller: FFmpeg hands out the planes as they are coded, and
they are shrunk and converted at once."""

LARGE_WEBP = 24_000_000
"""Pixels above which a WebP is decoded so: it takes FFmpeg three times as long as OpenCV."""

IN_STRIPS = 3.0
"""Bytes a pixel of a TIFF's largest strip, as its header counts them, up to which OpenCV decodes it strip by strip."""

ROW_CODES = (5, 32773)
"""TIFF's compressions that FFmpeg undoes row by row: LZW and PackBits."""

LOSSLESS = 1 << 16
"""Bytes of a WebP in which it is said that it is lossless (`VP8L`)."""

TILED = 4.0
"""The same of one in tiles, for a pixel of the smaller picture, and `ROOM` besides."""

PALETTE = 2.2
"""The same of a GIF, whose pixels are numbers of colours until they are shrunk."""

ROOM = 12_000_000
"""Bytes for a tile's decoder, or a band of rows."""

BAND = 64
"""Rows that are shrunk at once where a picture is not held whole in colour."""

TURNING = {"HEIC": (b"irot", b"imir", b"clap"), "AVIF": (b"clap",)}
"""Properties that turn, mirror or cut a picture (ISO/IEC 23008-12, section 6.5). Pillow says how an AVIF is turned."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a picture is decoded smaller without being held whole in colour.

    Attributes:
        bytes: What that takes, the smaller picture included.
        decode: Does it, BGR; None where it turns out to be impossible.
    """

    bytes: int
    decode: Callable[[], Image | None]


def way_of(data: bytes, header: Header, scale: int) -> Way | None:
    """How a picture is decoded smaller without being held whole in colour; None where there is no such way."""
    pixels = header.size[0] * header.size[1]
    with suppress(*DAMAGE):
        if header.form == "GIF":
            return Way(round(pixels * PALETTE) + ROOM, lambda: _decode_gif(data, scale))
        if header.form == "TIFF" and (rows := TiffRows(data, tiff_tags(data))).readable:
            return Way(round(pixels * TILED / scale**2) + ROOM, lambda: _decode_tiff(rows, header, scale))
        if header.form == "BMP" and (stored := _stored_pixels(data, header)) is not None:
            return Way(round(pixels * TILED / scale**2) + ROOM, lambda: _decode_stored(data, header, stored, scale))
        if header.form == "HEIC" and (tiled := tiled_picture(data, header.size)) is not None:
            return Way(round(pixels * TILED / scale**2) + ROOM, lambda: tiled.decode(scale))
        if _is_plain(data, header):
            form = "VP8L" if is_lossless_webp(data, header) else header.form
            return Way(round(pixels * BY_FFMPEG[form]), lambda: _decode_plain(data, header, scale))
    return None


def is_lossless_webp(data: bytes, header: Header) -> bool:
    """Whether a picture is a WebP without loss, every pixel of which takes four bytes."""
    return header.form == "WEBP" and b"VP8L" in data[:LOSSLESS]


def decode_small(data: bytes, header: Header, scale: int, colour: bool) -> Image | None:
    """A picture at a fraction of its size by its `way_of`; None where it has none, or it fails."""
    import av

    try:
        way = way_of(data, header, scale)
        small = way.decode() if way else None
    except (*DAMAGE, av.FFmpegError, StopIteration):
        return None
    return small if small is None or colour else np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _is_plain(data: bytes, header: Header) -> bool:
    """Whether FFmpeg finds the picture in one piece, what it finds is meant to be seen whole, and it is worth it.

    A phone's HEIC is of many pieces: their size (`ispe`) is another than the picture's.
    """
    if header.form == "WEBP":
        return header.size[0] * header.size[1] > LARGE_WEBP
    if header.form == "TIFF":
        tags = tiff_tags(data)
        by_row = tags[COMPRESSION][0] in ROW_CODES and has_plain_colours(tags) and set(tags[BITS]) == {8}
        return by_row and header.besides > IN_STRIPS
    if header.form not in TURNING:
        return False
    start = data[: data.find(b"mdat")]
    sizes = {start[found.end() + 4 : found.end() + 12] for found in re.finditer(b"ispe", start)}
    whole = sizes == {struct.pack(">II", *header.size)}
    return whole and not any(name in start for name in TURNING[header.form])


def _decode_plain(data: bytes, header: Header, scale: int) -> Image | None:
    frame = _first_frame(data, header.form)
    if frame is None or frame.is_corrupt or (frame.width, frame.height) != header.size:
        return None
    size = (-(-side // scale) for side in header.size)
    # PyAV 14 takes pixels of full range for those of a video unless it is told, and grey ones in any case.
    small = frame.reformat(*size, "bgr24", interpolation="AREA", src_color_range=frame.color_range).to_ndarray()
    del frame  # to see how it is turned, a WebP is copied
    return np.asarray(small) if header.form == "HEIC" else turned(small, orientation_of(open_as(data, header.form)))


def _first_frame(data: bytes, form: str) -> Any:
    """A picture as FFmpeg has it; None where it is damaged."""
    import av

    if form in ("WEBP", "TIFF"):  # without a container, in which the whole file would be held once more
        codec = av.CodecContext.create(form.lower(), "r")
        codec.thread_count = 1
        return next(iter([*codec.decode(av.Packet(data)), *codec.decode(None)]))
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        packet = next(container.demux(stream))
        frame = next(iter([*packet.decode(), *stream.codec_context.decode(None)]))
        return None if packet.is_corrupt else frame


def _decode_gif(data: bytes, scale: int) -> Image:
    opened = open_as(data, "GIF")
    width, height = opened.size
    opened.load()

    def rows(top: int, bottom: int) -> Image:
        return np.asarray(opened.crop((0, top, width, bottom)).convert("RGB"), np.uint8)

    return turned(_in_bands(rows, (width, height), scale), orientation_of(opened))


def _stored_pixels(data: bytes, header: Header) -> Image | None:
    """The pixels of a BMP as they lie in the file, RGB or grey of 8 bits; None if they lie otherwise."""
    opened = open_as(data, header.form)
    if opened.mode not in ("RGB", "L") or not opened.tile:
        return None
    width, height = header.size  # Pillow's own is that of the picture upright
    channels = len(opened.mode)
    row, first, (order, stride, up) = 0, opened.tile[0][2], opened.tile[0][3]
    stride = stride or width * channels
    for codec, (left, top, right, bottom), offset, (mode, *_) in opened.tile:
        together = (left, top, right) == (0, row, width) and offset == first + row * stride
        if codec != "raw" or mode != order or order not in ("RGB", "L", "BGR") or not together:
            return None
        row = bottom
    if row != height or stride < width * channels or first + stride * height > len(data):
        return None
    lines = np.frombuffer(data, np.uint8, stride * height, first).reshape(height, stride)[::up]
    pixels = lines[:, : width * channels].reshape(height, width, channels)
    return pixels[..., ::-1] if order == "BGR" else pixels


def _decode_tiff(rows: TiffRows, header: Header, scale: int) -> Image:
    bands = rows.bands(BAND)
    small = _in_bands(lambda _top, _bottom: next(bands), header.size, scale)
    return turned(small, orientation_of(open_as(rows.data, "TIFF")))


def _decode_stored(data: bytes, header: Header, pixels: Image, scale: int) -> Image:
    small = _in_bands(lambda top, bottom: np.ascontiguousarray(pixels[top:bottom]), header.size, scale)
    return turned(small, orientation_of(open_as(data, header.form)))


def _in_bands(rows: Callable[[int, int], Image], size: tuple[int, int], scale: int) -> Image:
    """A picture at a fraction of its size, BGR.

    Args:
        rows: The rows from one to before another, RGB or grey.
        size: (width, height) in pixels.
        scale: By how many times it is smaller; it divides `BAND`.
    """
    width, height = size
    made = np.empty((-(-height // scale), -(-width // scale), 3), np.uint8)
    for top in range(0, height, BAND):
        band = rows(top, min(height, top + BAND))
        small = cv2.resize(band, (made.shape[1], -(-len(band) // scale)), interpolation=cv2.INTER_AREA)
        code = cv2.COLOR_GRAY2BGR if small.ndim == 2 else cv2.COLOR_RGB2BGR
        made[top // scale : top // scale + len(small)] = cv2.cvtColor(small, code)
    return made


def orientation_of(opened: Any) -> int:
    """How a picture that Pillow has opened is turned, EXIF's number."""
    return int(opened.getexif().get(ORIENTATION, 1))


UPRIGHT: dict[int, Callable[[Image], Any]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""What turns a picture upright, by EXIF's number (JEITA CP-3451, section 4.6.4)."""


def turned(image: Image, orientation: int) -> Image:
    """A picture turned upright as EXIF's number says; another number leaves it as it is."""
    return np.asarray(UPRIGHT[orientation](image), np.uint8) if orientation in UPRIGHT else image
