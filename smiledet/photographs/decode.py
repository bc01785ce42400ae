"""From what a caller has to a picture: a path, the bytes of a file, a PIL image or an array."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from smiledet.errors import ImageError
from smiledet.frame import Image
from smiledet.sources.capture import as_bgr
from smiledet.sources.decoding import Decoded, Decoder, Ready, decode, read_bytes
from smiledet.system.redaction import redact_address

Color = Literal["bgr", "rgb"]

ALLOWED = "a path, the bytes of an image file, a PIL image, or a uint8 array (height, width[, 1, 3 or 4])"


def to_image(given: Any, color: Color = "bgr") -> Image:
    """The picture as BGR uint8 (height, width, 3).

    Args:
        given: A path (`str` or `Path`), the bytes of an image file, a PIL image, or a uint8 array: grey (height, width)
            or (height, width, 1), colour (height, width, 3), or colour with alpha (height, width, 4). Files and PIL
            images are turned upright as their EXIF data ask. An alpha channel is ignored.
        color: Order of an array's channels: `bgr` as OpenCV has it, or `rgb`. Nothing else looks at it.

    Returns:
        BGR uint8, contiguous. An array that is so already is not copied.

    Raises:
        ImageError: It is none of these, or cannot be read.

    >>> to_image(np.zeros((4, 6), np.uint8)).shape
    (4, 6, 3)
    >>> to_image(None)
    Traceback (most recent call last):
    smiledet.errors.ImageError: no picture: None was given (cv2.imread returns it for a file that it cannot read); \
expected a path, the bytes of an image file, a PIL image, or a uint8 array (height, width[, 1, 3 or 4])
    """
    return decode_picture(given, color).image


def decode_picture(given: Any, color: Color = "bgr", side: float = 0.0) -> Decoded:
    """The picture, of which a large file is decoded smaller.

    Args:
        given: See `to_image`.
        color: See `to_image`.
        side: See `smiledet.sources.decoding.decode`; only a path is decoded smaller, as it can be read again.

    Raises:
        ImageError: See `to_image`.
    """
    return open_picture(given, color)(side)


def open_picture(given: Any, color: Color = "bgr") -> Decoder:
    """A picture that can be decoded at several sizes, and whose file is read once.

    Args:
        given: See `to_image`.
        color: See `to_image`.

    Raises:
        ImageError: See `to_image`; what is wrong with a file's content is said when it is decoded.
    """
    if color not in ("bgr", "rgb"):
        raise ImageError(f"color={color!r}: expected 'bgr' or 'rgb'")
    if given is None:
        reason = "None was given (cv2.imread returns it for a file that it cannot read)"
        raise ImageError(f"no picture: {reason}; expected {ALLOWED}")
    if isinstance(given, (str, os.PathLike)):
        return _from_path(os.fspath(given))
    if isinstance(given, (bytes, bytearray, memoryview)):
        image = _from_bytes(bytes(given))
    elif isinstance(given, np.ndarray):
        image = _from_array(given, color)
    elif type(given).__module__.partition(".")[0] == "PIL" or hasattr(given, "getexif"):
        image = _from_pil(given)
    else:
        raise ImageError(f"no picture: a {type(given).__name__} was given; expected {ALLOWED}")
    return Ready(image)


def _from_path(given: str | bytes) -> Decoder:
    text = os.fsdecode(given)
    if not text:
        raise ImageError("cannot read a picture: the path is empty")
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - raises at nothing
    with _named(path, text):
        data = read_bytes(path)

    def decoder(side: float, colour: bool = True) -> Decoded:
        with _named(path, text):
            return decode(data, side, colour)

    return decoder


@contextmanager
def _named(path: Path, text: str) -> Iterator[None]:
    """Says of which file it is what is wrong.

    Args:
        path: The file.
        text: How it was given.
    """
    try:
        yield
    except ValueError as problem:
        reason = "it is a folder; read_many takes folders" if os.path.isdir(path) else str(problem)  # noqa: PTH112 - raises at nothing
        if "://" in text:
            text, reason = redact_address(text), "an address is not read; fetch it, and give its bytes"
        raise ImageError(f"cannot read the picture {text}: {reason}") from problem


def _from_bytes(data: bytes) -> Image:
    try:
        return decode(data).image
    except ValueError as problem:
        raise ImageError(f"cannot read a picture from {len(data)} bytes: {problem}") from problem


def _from_pil(given: Any) -> Image:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(given)
        if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
            return _from_array(_eight_bits(np.asarray(upright)), "bgr")
        return _from_array(np.asarray(upright.convert("RGB"), np.uint8), "rgb")
    except (OSError, ValueError, SyntaxError) as problem:
        raise ImageError(f"cannot read the PIL image {given!r}: {problem}") from problem


def _eight_bits(values: Any) -> Any:
    """Values of sixteen bits a pixel in eight; others as PIL would clip them."""
    return (values >> 8).astype(np.uint8) if values.max(initial=0) > 255 else values.astype(np.uint8)


def _from_array(given: Any, color: Color) -> Image:
    shape = tuple(given.shape)
    if given.dtype != np.uint8:
        hint = "; multiply by 255 if its values are 0 to 1, then .astype('uint8')" if given.dtype.kind == "f" else ""
        raise ImageError(f"no picture: an array of type {given.dtype} and shape {shape}; expected uint8{hint}")
    if given.ndim not in (2, 3) or (given.ndim == 3 and shape[2] not in (1, 3, 4)):
        allowed = "(height, width) or (height, width, 1, 3 or 4)"
        raise ImageError(f"no picture: an array of shape {shape}; expected {allowed}")
    if 0 in shape:
        raise ImageError(f"no picture: an array of shape {shape} has no pixels")
    if given.ndim == 2 or shape[2] == 1:
        return as_bgr(given.reshape(shape[:2]))
    return np.ascontiguousarray(given[..., :3] if color == "bgr" else given[..., 2::-1])
