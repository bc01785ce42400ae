"""Twins: photographs of a training split that a held-out split shows as well, by content or by look.

A file may be there again byte for byte, or saved anew, resized or mirrored. Look is told by a perceptual hash (the
signs of the lowest frequencies of a discrete cosine transform; C. Zauner, Implementation and benchmarking of perceptual
image hash functions, 2010, section 3.2.1); what it takes for the same is believed where the pixels correlate as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.lab.datasets.base import Sample, drop_known
from smiledet.lab.progress import progress

log = logging.getLogger(__name__)

SIDE = 32
"""Pixels a side that pictures are compared at."""

LOW = 8
"""Frequencies a direction that a hash is made of."""

NEAR = 8
"""Bits of a hash that may differ, of `LOW` x `LOW`."""

ALIKE = 0.97
"""Correlation of the pixels from which on two pictures are the same."""

AT_ONCE = 2000
"""Pictures compared with all others at once, to bound the memory."""


def drop_twins(samples: Sequence[Sample], held_out: Sequence[Sample], name: str) -> list[Sample]:
    """The samples without those that the held-out ones show as well; how many they were is logged.

    Args:
        samples: To learn from.
        held_out: To measure on.
        name: The data set's, for the log.
    """
    kept = drop_known(samples, held_out)
    alike = look_alikes(kept, held_out)
    log.info(
        "%s: left out %d photographs to learn from that are held-out ones byte for byte, and %d that look the same",
        name,
        len(samples) - len(kept),
        int(alike.sum()),
    )
    return [sample for sample, twin in zip(kept, alike, strict=True) if not twin]


def look_alikes(samples: Sequence[Sample], others: Sequence[Sample]) -> npt.NDArray[np.bool_]:
    """Which of the samples look the same as any of the others, or as its mirror image; bool (n,)."""
    found = np.zeros(len(samples), bool)
    if not samples or not others:
        return found
    ours, theirs = _pictures(samples), _pictures(others)
    theirs = np.concatenate([theirs, theirs[:, :, ::-1]])
    hashes, known = _hashes(ours), _hashes(theirs)
    ours, theirs = _normalised(ours), _normalised(theirs)
    for start in range(0, len(ours), AT_ONCE):
        part = hashes[start : start + AT_ONCE]
        agreement = part @ known.T  # of signs: bits alike less bits that differ
        rows, columns = np.nonzero(agreement >= LOW * LOW - 2 * NEAR)
        correlation = np.einsum("ij,ij->i", ours[start + rows], theirs[columns])
        found[start + rows[correlation >= ALIKE]] = True
    return found


def _pictures(samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """Grey pictures (n, SIDE, SIDE); a broken file is blank."""
    pictures = np.zeros((len(samples), SIDE, SIDE), np.float32)
    for place, sample in enumerate(progress(samples, "looking for twins")):
        grey = cv2.imread(str(sample.image), cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            pictures[place] = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return pictures


def _hashes(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Signs (n, LOW x LOW) of the lowest frequencies about their median; the mean grey is not among them."""
    waves = np.stack([cv2.dct(picture)[:LOW, :LOW].reshape(-1) for picture in pictures])
    waves[:, 0] = np.median(waves[:, 1:], axis=1)
    return np.asarray(np.where(waves > np.median(waves[:, 1:], axis=1, keepdims=True), 1, -1), np.float32)


def _normalised(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)
