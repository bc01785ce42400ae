"""What a photograph is worth besides its faces' answers: sharpness, and a hash by which near-duplicates are known."""

from __future__ import annotations

import cv2
import numpy as np

from smiledet.frame import Box, GreyImage

FACE_SIDE = 96
"""Pixels to which a face is brought before its sharpness is measured, so that large faces and small ones compare."""

PICTURE_SIDE = 512
"""The same of a picture's longer side, at least: it is shrunk by a whole number, which is quick."""

HASHED = 32
"""Side in pixels of the picture whose cosine transform is hashed."""

KEPT = 8
"""Lowest frequencies of it, across and down, that are kept: 64 bits."""


def sharpness(grey: GreyImage) -> float:
    """How sharp a picture is: 0 for what is flat or quite blurred, 10 to 40 for what is in focus.

    The standard deviation of the Laplacian (J. Pech-Pacheco and others: Diatom autofocusing in brightfield microscopy,
    ICPR 2000), over that of the picture, so that contrast does not count as sharpness; in per cent.

    Args:
        grey: Grey uint8 (height, width), at the size at which it is to be sharp.

    >>> sharpness(np.full((64, 64), 90, np.uint8))
    0.0
    """
    contrast = _deviation(grey)
    if contrast < 1:
        return 0.0
    # Averaged a little first: noise is no detail.
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    return 100 * _deviation(cv2.Laplacian(smooth, cv2.CV_32F)) / contrast / 4


def face_sharpness(grey: GreyImage, box: Box) -> float:
    """How sharp a face is; see `sharpness`.

    Args:
        grey: Grey uint8 (height, width).
        box: The face, pixels of `grey`; what lies outside does not count.
    """
    left, top, right, bottom = box.clipped(grey.shape[1], grey.shape[0])
    if right - left < 2 or bottom - top < 2:
        return 0.0
    return sharpness(_shrunk(grey[top:bottom, left:right], FACE_SIDE))


def overview(grey: GreyImage) -> GreyImage:
    """A picture shrunk to what its sharpness and its hash are taken from.

    >>> overview(np.zeros((3000, 4000), np.uint8)).shape
    (428, 571)
    """
    factor = max(1, max(grey.shape) // PICTURE_SIDE)
    height, width = (max(1, side // factor) for side in grey.shape)
    whole = grey[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def perceptual_hash(grey: GreyImage) -> int:
    """64 bits, of which few differ between two pictures that look alike; as a signed number.

    Of a large picture its `overview` comes to the same, and sooner.

    The signs of the lowest frequencies of the picture's cosine transform about their median, as pHash takes them (C.
    Zauner: Implementation and benchmarking of perceptual image hash functions, 2010).

    >>> picture = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    >>> hash_distance(perceptual_hash(picture), perceptual_hash(picture + np.uint8(20)))
    0
    """
    small = cv2.resize(grey, (HASHED, HASHED), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:KEPT, :KEPT].ravel()
    lowest[0] = 0  # the mean brightness
    bits = np.packbits(np.round(lowest, 3) > np.round(np.median(lowest), 3))
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def hash_distance(one: int, other: int) -> int:
    """Bits in which two hashes differ, 0 to 64.

    >>> hash_distance(-1, 0), hash_distance(5, 4)
    (64, 1)
    """
    return ((one ^ other) & (2**64 - 1)).bit_count()


def _deviation(values: np.ndarray) -> float:
    """The standard deviation; OpenCV's is several times as fast as NumPy's."""
    return float(cv2.meanStdDev(values)[1][0, 0])


def _shrunk(grey: GreyImage, side: int) -> GreyImage:
    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
